//! A server in this process, and a client that sees every byte.

use datadog_sidecar_injector::{
    admin::Check,
    admission::{self, Answer, Refusal},
    certs::{Served, self_signed},
    config::Config,
    in_force::Store,
    metrics::Metrics,
    rules::{Rules, Setting},
    seen::Seen,
    server::{Args, Limits, Parts, Reviewer, Running, Timeouts},
    shutdown::Tasks,
    view::View,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap, io, net::SocketAddr, path::Path, sync::Arc, time::Duration, time::SystemTime,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Longer than anything here takes: a test that waits this long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// The beginning of a review's head.
pub(super) const HEAD: &[u8] = b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

/// Numbers in the proportions of the real ones, but for tests.
pub(super) fn timeouts() -> Timeouts {
    Timeouts {
        handshake: Duration::from_millis(500),
        head: Duration::from_millis(300),
        drain_delay: Duration::ZERO,
        linger: Duration::from_millis(100),
        finish: Duration::from_secs(10),
        ..Timeouts::default()
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) admin_address: SocketAddr,
    pub(super) ca: String,
    pub(super) rules: Arc<Store>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) served: Arc<Served>,
    pub(super) running: Running,
}

pub(super) struct Setup<R> {
    pub(super) reviewer: R,
    pub(super) limits: Limits,
    pub(super) timeouts: Timeouts,
    pub(super) config: Config,
    pub(super) checks: Vec<Check>,
    pub(super) seen: Arc<View>,
}

impl<R: Reviewer> Setup<R> {
    pub(super) fn of(reviewer: R) -> Self {
        Self {
            reviewer,
            limits: Limits::default(),
            timeouts: timeouts(),
            config: Config::default(),
            checks: Vec::new(),
            seen: Arc::default(),
        }
    }

    pub(super) async fn start(self) -> Server {
        let directory = tempfile::tempdir().unwrap();
        let made = self_signed::create(directory.path(), SystemTime::now()).unwrap();
        let server = self.start_without_certificate().await;
        server.served.install(made.pair);
        Server { ca: made.ca_pem, ..server }
    }

    pub(super) async fn start_without_certificate(self) -> Server {
        let Self { reviewer, limits, timeouts, config, checks, seen } = self;
        let any = "127.0.0.1:0".parse().unwrap();
        let bound = Args { bind: any, admin_bind: any, limits, timeouts }.bind().await.unwrap();
        let metrics = Arc::new(Metrics::new());
        let rules = Arc::new(Store::new(config, setting(), metrics.clone()));
        let served = Arc::new(Served::new(metrics.clone()));
        let (address, admin_address) = (bound.address().unwrap(), bound.admin_address().unwrap());
        let parts = Parts {
            reviewer,
            rules: rules.clone(),
            seen,
            certificates: served.clone(),
            checks,
            metrics: metrics.clone(),
        };
        let running = bound.run(parts, Tasks::default()).unwrap();
        Server { address, admin_address, ca: String::new(), rules, metrics, served, running }
    }
}

pub(super) fn setting() -> Setting {
    Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: false }
}

impl Server {
    pub(super) async fn client(&self) -> Client {
        Client::connect(self.address, &self.ca).await.unwrap()
    }

    pub(super) async fn admin(&self, path: &str) -> Reply {
        admin(self.admin_address, path).await
    }

    /// The value of a metric, without the common prefix.
    pub(super) fn metric(&self, name: &str) -> Option<f64> {
        metric(&self.metrics.text(), name)
    }
}

pub(super) fn metric(text: &str, name: &str) -> Option<f64> {
    let name = format!("datadog_sidecar_injector_{name} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).map(|value| value.parse().unwrap())
}

pub(super) async fn admin(address: SocketAddr, path: &str) -> Reply {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await.unwrap();
    read_reply(&mut stream, &mut Vec::new()).await.unwrap()
}

/// Tries until it is so.
pub(super) async fn eventually<F: Future<Output = bool>>(what: &str, mut so: impl FnMut() -> F) {
    let all = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("never: {what}"));
}

// Reviews and reviewers.

/// A review of a pod that the default configuration injects.
pub(super) fn review(version: &str, uid: &str) -> Value {
    json!({
        "apiVersion": format!("admission.k8s.io/{version}"),
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "operation": "CREATE",
            "namespace": "shop",
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "generateName": "web-",
                    "labels": { "agent.datadoghq.com/sidecar": "fargate" },
                    "annotations": {},
                },
                "spec": { "containers": [{ "name": "web", "image": "nginx" }] },
            },
        },
    })
}

pub(super) fn body(uid: &str) -> Vec<u8> {
    review("v1", uid).to_string().into_bytes()
}

/// Always as it is, whatever the body says.
pub(super) fn unchanged() -> Result<Answer, Refusal> {
    admission::allow_unchanged(&body("1"), "a test says so")
}

/// Answers once a permit is there.
pub(super) struct Gate(pub(super) Arc<Semaphore>);

impl Reviewer for Gate {
    async fn review(&self, _: &[u8], _: &Rules, _: &Seen) -> Result<Answer, Refusal> {
        self.0.acquire().await.unwrap().forget();
        unchanged()
    }
}

// The client.

#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(super) fn closes(&self) -> bool {
        self.header("connection") == Some("close")
    }
}

pub(super) struct Client {
    pub(super) stream: TlsStream<TcpStream>,
    rest: Vec<u8>,
}

pub(super) fn tls(ca: &str, alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config.resumption = rustls::client::Resumption::disabled();
    config
}

pub(super) async fn connect(address: SocketAddr, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

impl Client {
    pub(super) async fn connect(address: SocketAddr, ca: &str) -> io::Result<Self> {
        Ok(Self::over(connect(address, tls(ca, &[b"http/1.1"])).await?))
    }

    pub(super) fn over(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, rest: Vec::new() }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a request and reads the answer; the answer may come before all is sent.
    pub(super) async fn request(&mut self, head: &str, body: &[u8]) -> io::Result<Reply> {
        let head = format!("{head}\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        let (mut read, mut write) = tokio::io::split(&mut self.stream);
        let send = async {
            write.write_all(head.as_bytes()).await?;
            write.write_all(body).await?;
            write.flush().await
        };
        let (sent, reply) = tokio::join!(send, read_reply(&mut read, &mut self.rest));
        let reply = reply?;
        sent?;
        Ok(reply)
    }

    pub(super) async fn post(&mut self, body: &[u8]) -> io::Result<Reply> {
        self.request("POST /inject?timeout=10s HTTP/1.1\r\nContent-Type: application/json", body).await
    }

    pub(super) async fn reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.stream, &mut self.rest).await
    }

    /// Waits for the server to close the connection.
    pub(super) async fn closed(&mut self) {
        let mut rest = [0; 1024];
        let end = async {
            // A reset is an end too.
            while self.stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        };
        tokio::time::timeout(PATIENCE, end).await.expect("the server keeps the connection");
    }
}

pub(super) async fn read_reply(
    stream: &mut (impl AsyncReadExt + Unpin),
    rest: &mut Vec<u8>,
) -> io::Result<Reply> {
    let read = async {
        let end = loop {
            if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            more(stream, rest).await?;
        };
        let head = String::from_utf8(rest[..end].to_vec()).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {head}")))?;
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        while rest.len() < end + 4 + length {
            more(stream, rest).await?;
        }
        let body = rest[end + 4..end + 4 + length].to_vec();
        rest.drain(..end + 4 + length);
        Ok(Reply { status, headers, body })
    };
    tokio::time::timeout(PATIENCE, read).await?
}

async fn more(stream: &mut (impl AsyncReadExt + Unpin), rest: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(rest).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Writes a chain and a key as a mounted Secret has them: in a directory that a link names, exchanged as a whole.
pub(super) fn mount(volume: &Path, version: &str, files: &[(&str, &str)]) {
    use std::os::unix::fs::symlink;
    let directory = volume.join(format!("..{version}"));
    std::fs::create_dir_all(&directory).unwrap();
    for (name, text) in files {
        std::fs::write(directory.join(name), text).unwrap();
        let link = volume.join(name);
        if !link.is_symlink() {
            symlink(Path::new("..data").join(name), link).unwrap();
        }
    }
    let draft = volume.join("..data_tmp");
    symlink(format!("..{version}"), &draft).unwrap();
    std::fs::rename(draft, volume.join("..data")).unwrap();
}
