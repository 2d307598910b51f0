//! What everybody else sees of an attack.

use crate::{
    harness::{Client, Reply, body, read_reply},
    injector::{Injector, connect, factor, plain},
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::io::AsyncWriteExt;

/// How long anything honest may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// The API server has an address of its own, as has the kubelet.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Asks all the time, on a thread of its own: an attack keeps this process busy too.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

#[derive(Default)]
struct Seen {
    rounds: usize,
    failures: Vec<String>,
    slowest: Duration,
}

impl Watch {
    pub fn start(injector: &Injector) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (address, admin, ca, told) =
            (injector.address, injector.admin, injector.ca.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(watch(address, admin, &ca, &told))
        });
        Self { stop, thread }
    }

    /// Sees that every answer came, and in time. It waits for a round at least.
    #[track_caller]
    pub fn end(self, injector: &Injector) {
        self.stop.store(true, Relaxed);
        let Seen { rounds, failures, slowest } = self.thread.join().unwrap();
        let (count, first) = (failures.len(), failures.iter().take(5).collect::<Vec<_>>());
        assert!(
            failures.is_empty(),
            "{count} answers did not come in {rounds} rounds: {first:#?}\nthe log: {}",
            injector.log()
        );
        assert!(rounds > 0, "nothing was asked");
        println!("{rounds} rounds, slowest {slowest:?}");
    }
}

/// Attacks an injector of this configuration while everybody else is looked after, and sees that it lives. What the attack returns
/// is held until then.
pub async fn under_attack<T>(config: &str, attack: impl AsyncFnOnce(&Injector) -> T) {
    let mut injector = Injector::start(config).await;
    let watch = Watch::start(&injector);
    let held = attack(&injector).await;
    watch.end(&injector);
    drop(held);
    injector.assert_alive();
}

async fn watch(address: SocketAddr, admin: SocketAddr, ca: &str, stop: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let began = Instant::now();
    // One connection is kept, as the API server keeps its own.
    let mut kept = connect(address, ca, OTHER).await.ok();
    loop {
        let last = stop.load(Relaxed);
        let on_kept = async {
            match &mut kept {
                Some(client) => client.post(&body("kept")).await.and_then(patched),
                None => Err(io::Error::other("there is no connection")),
            }
        };
        let on_new = async {
            let mut client: Client = connect(address, ca, OTHER).await?;
            client.post(&body("new")).await.and_then(patched)
        };
        seen.look(began, "a review on a kept connection", on_kept).await;
        seen.look(began, "a review on a new connection", on_new).await;
        for path in ["/livez", "/readyz"] {
            seen.look(began, path, probe(admin, path)).await;
        }
        seen.rounds += 1;
        if last {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Seen {
    async fn look(&mut self, began: Instant, what: &str, answer: impl Future<Output = io::Result<()>>) {
        let start = Instant::now();
        let failed = match tokio::time::timeout(PATIENCE * factor(), answer).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(elapsed) => Some(elapsed.to_string()),
        };
        self.slowest = self.slowest.max(start.elapsed());
        let at = began.elapsed();
        self.failures.extend(failed.map(|why| format!("{what}, {at:.1?} into the attack: {why}")));
    }
}

fn patched(reply: Reply) -> io::Result<()> {
    let patched = reply.status == 200 && reply.json()["response"]["patch"].is_string();
    if patched { Ok(()) } else { Err(io::Error::other(format!("{}: {}", reply.status, reply.text()))) }
}

async fn probe(admin: SocketAddr, path: &str) -> io::Result<()> {
    let mut stream = plain(admin, OTHER).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await?;
    let reply = read_reply(&mut stream, &mut Vec::new()).await?;
    if reply.status == 200 {
        Ok(())
    } else {
        Err(io::Error::other(format!("{}: {}", reply.status, reply.text())))
    }
}
