//! Somebody in the cluster who does their worst, to a Service that anybody can reach and to the pods behind it.

use crate::{
    harness::{Cluster, Space, helm, pods, space::Gated},
    reviews::{LARGEST, ORDINARY, Place, filled, review},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::join_all;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    env,
    future::pending,
    io,
    pin::pin,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long, unless `FLOOD_SECONDS` says so.
const SECONDS: u64 = 60;

/// Pods that are made meanwhile.
const PODS_A_SECOND: u64 = 20;

/// A request that says how long its body is.
fn head(length: usize) -> String {
    format!(
        "POST /inject?timeout=30s HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// What costs more than it looks like.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for (place, element) in [
        (Place::Containers, "{}"),
        (Place::Containers, "null"),
        (Place::Containers, r##"{"name":"c#","image":"i"}"##),
        (Place::InitContainers, "{}"),
        (Place::Labels, r#""a":"b""#),
        (Place::Command, "1e308"),
    ] {
        bodies.extend([ORDINARY, LARGEST].map(|size| filled(place, element, size, true)));
    }
    bodies.push(filled(Place::Labels, r#""a":"b""#, 80_000 * r#""a":"b","#.len(), true));
    let long = "x".repeat(3 << 20);
    let pod = format!(r#"{{"metadata":{{"name":"{long}"}},"spec":{{"containers":[]}}}}"#);
    bodies.push(review("1", "flood", &pod).into_bytes());
    bodies.push(review(&long, "flood", "{}").into_bytes());
    bodies
}

/// What an attacker knows.
#[derive(Clone)]
struct Target {
    connector: TlsConnector,
    /// The Service, and port 8443 of each replica.
    reviews: Vec<String>,
    /// Port 8080 of each replica.
    admin: Vec<String>,
}

impl Target {
    async fn of(cluster: &Cluster) -> Self {
        let kind = "MutatingWebhookConfiguration";
        let webhook = cluster.get("admissionregistration.k8s.io/v1", kind, helm::NAME).await.created();
        let bundle = webhook["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap();
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(&STANDARD.decode(bundle).unwrap()) {
            roots.add(ca.unwrap()).unwrap();
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let service = cluster.get("v1", "Service", helm::NAME).await.created();
        let replicas = cluster.replicas().await;
        let port = |port: u16| {
            let addresses = replicas.iter().map(|pod| pod["status"]["podIP"].as_str().unwrap());
            addresses.map(|address| format!("{address}:{port}")).collect::<Vec<_>>()
        };
        let mut reviews = port(8443);
        reviews.push(format!("{}:443", service["spec"]["clusterIP"].as_str().unwrap()));
        Self { connector: TlsConnector::from(Arc::new(config)), reviews, admin: port(8080) }
    }

    fn reviews(&self, nth: usize) -> &str {
        &self.reviews[nth % self.reviews.len()]
    }

    async fn tls(&self, nth: usize, receive_buffer: Option<u32>) -> io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let stream = socket.connect(self.reviews(nth).parse().unwrap()).await?;
        let name = ServerName::try_from(format!("{}.{}.svc", helm::NAME, helm::NAMESPACE)).unwrap();
        self.connector.connect(name, stream).await
    }
}

/// How often each attack came as far as it goes.
type Counts = Mutex<BTreeMap<&'static str, usize>>;

fn count(counts: &Counts, what: &'static str) {
    *counts.lock().unwrap().entry(what).or_default() += 1;
}

/// Each attack, and how many do it at once.
const ATTACKS: [(&str, usize); 7] = [
    ("costly bodies", 8),
    ("answers left unread", 20),
    ("bodies that never end", 150),
    ("handshakes that never end", 300),
    ("silent connections for reviews", 400),
    ("silent connections to the admin pages", 400),
    ("heads that never end", 100),
];

async fn attack(
    what: &'static str,
    nth: usize,
    target: &Target,
    bodies: &[Vec<u8>],
    counts: &Counts,
) -> io::Result<()> {
    let admin = &target.admin[nth % target.admin.len()];
    match what {
        "costly bodies" => {
            for index in 0..bodies.len() {
                let body = &bodies[(index + nth) % bodies.len()];
                // What is refused is refused early, and others go on.
                if post(target, nth + index, body).await.is_ok() {
                    count(counts, what);
                }
            }
            Ok(())
        }
        "answers left unread" => {
            // An answer has the uid in it.
            let pod = r#"{"metadata":{"labels":{"agent.datadoghq.com/sidecar":"fargate"}},"spec":{"containers":[{"name":"app"}]}}"#;
            let body = review(&"1".repeat(LARGEST - 1000), "flood", pod);
            let mut stream = target.tls(nth, Some(4096)).await?;
            stream.write_all(head(body.len()).as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
            count(counts, what);
            sleep(Duration::from_secs(15)).await;
            Ok(())
        }
        "bodies that never end" => {
            let mut stream = target.tls(nth, None).await?;
            stream.write_all(head(1_000_000).as_bytes()).await?;
            count(counts, what);
            loop {
                stream.write_all(b" ").await?;
                stream.flush().await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
        "handshakes that never end" => {
            let mut stream = TcpStream::connect(target.reviews(nth)).await?;
            // The beginning of a ClientHello of 512 bytes.
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await?;
            count(counts, what);
            stream.read(&mut [0; 64]).await.map(|_| ())
        }
        "silent connections for reviews" => {
            let mut stream = target.tls(nth, None).await?;
            count(counts, what);
            stream.read(&mut [0; 64]).await.map(|_| ())
        }
        "silent connections to the admin pages" => {
            let mut stream = TcpStream::connect(admin).await?;
            count(counts, what);
            stream.read(&mut [0; 64]).await.map(|_| ())
        }
        _ => {
            let mut stream = TcpStream::connect(admin).await?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: ").await?;
            count(counts, what);
            loop {
                stream.write_all(b"a").await?;
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Posts a body, and reads the beginning of the answer. An answer may come before all is sent.
async fn post(target: &Target, nth: usize, body: &[u8]) -> io::Result<()> {
    let mut stream = target.tls(nth, None).await?;
    let sent =
        async { stream.write_all(head(body.len()).as_bytes()).await.and(stream.write_all(body).await) }.await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.or(sent.map(|()| 0)).map(|_| ())
}

/// All attacks at once, on a thread of their own, each again and again until the time is over.
fn flood(target: &Target, time: Duration) -> BTreeMap<&'static str, usize> {
    // Another machine's attacker would not take the time of this one's processors.
    _ = rustix::process::nice(10);
    let counts = Counts::default();
    let bodies = bodies();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (bodies, counts) = (bodies.as_slice(), &counts);
        let senders = ATTACKS.iter().flat_map(|(what, senders)| {
            (0..*senders).map(move |nth| async move {
                loop {
                    // What the other side has forgotten is given up.
                    _ = timeout(Duration::from_secs(20), attack(what, nth, target, bodies, counts)).await;
                    sleep(Duration::from_millis(200)).await;
                }
            })
        });
        _ = timeout(time, async {
            join_all(senders).await;
            pending::<()>().await;
        })
        .await;
    });
    counts.into_inner().unwrap()
}

/// Makes pods at an even pace, and looks at the replicas, until `work` is done.
async fn meanwhile(
    cluster: &Cluster,
    space: &Space,
    work: impl Future<Output = ()>,
) -> (Vec<Gated>, Vec<Value>) {
    let (mut work, mut made, mut unready) = (pin!(work), JoinSet::new(), Vec::new());
    let every = |time| {
        let mut every = interval(time);
        every.set_missed_tick_behavior(MissedTickBehavior::Skip);
        every
    };
    let mut pace = every(Duration::from_secs(1) / u32::try_from(PODS_A_SECOND).unwrap());
    let mut look = every(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut work => return (made.join_all().await, unready),
            _ = pace.tick() => {
                let space = space.clone();
                made.spawn(async move { space.gated().await });
            }
            _ = look.tick() => {
                let replicas = cluster.replicas().await.into_iter().map(|pod| pod["status"].clone());
                unready.extend(replicas.filter(|status| status["containerStatuses"][0]["ready"] != true));
            }
        }
    }
}

/// What a replica has been through: none has ended, and none was unready, if only between two looks.
fn histories(replicas: &[Value]) -> BTreeMap<String, [Value; 3]> {
    let history = |pod: &Value| {
        let status = &pod["status"];
        let ready = status["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
        [
            status["containerStatuses"][0]["restartCount"].clone(),
            ready["status"].clone(),
            ready["lastTransitionTime"].clone(),
        ]
    };
    replicas.iter().map(|pod| (pod["metadata"]["uid"].as_str().unwrap().to_owned(), history(pod))).collect()
}

#[tokio::test]
async fn a_flood_of_all_kinds_costs_no_pod_its_sidecar_and_ends_no_replica() {
    let seconds =
        env::var("FLOOD_SECONDS").map_or(SECONDS, |text| text.parse().expect("FLOOD_SECONDS is a number"));
    let cluster = Cluster::alone().await;
    let space = cluster.space("flood").await;
    cluster.install(helm::STANDARD).await;
    let target = Target::of(&cluster).await;
    let before = histories(&cluster.replicas().await);

    let attack = thread::spawn(move || flood(&target, Duration::from_secs(seconds)));
    let over = async {
        while !attack.is_finished() {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let (made, unready) = meanwhile(&cluster, &space, over).await;
    let counts = attack.join().unwrap();

    for (what, _) in ATTACKS {
        assert!(counts.contains_key(what), "{what} came nowhere: {counts:?}");
    }
    println!("{counts:?}");
    let bare = made.iter().filter(|gated| pods::sidecars(&gated.pod) == 0).count();
    let slowest = made.iter().map(|gated| gated.took).max();
    assert!(made.len() as u64 > seconds * PODS_A_SECOND / 2, "{} pods", made.len());
    let replicas = cluster.replicas().await;
    let lived = before == histories(&replicas);
    assert!(
        bare == 0 && unready.is_empty() && lived,
        "{bare} of {} pods are without the sidecar, slowest {slowest:?}; {} looks found a replica unready; replicas before {before:?}, after {:?}",
        made.len(),
        unready.len(),
        histories(&replicas)
    );
    assert!(replicas.iter().all(|pod| pod["status"]["containerStatuses"][0]["restartCount"] == json!(0)));
    for _ in 0..20 {
        assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
    }
    space.end().await;
}
