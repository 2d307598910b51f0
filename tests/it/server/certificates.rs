//! Certificates from files that change.

use super::harness::{Client, Server, Setup, body, eventually, mount};
use datadog_sidecar_injector::{
    certs::{files, issue::Ca},
    server::Admission,
};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const LIFE: Duration = Duration::from_secs(3600);
const EVERY: Duration = Duration::from_millis(20);

struct Issued {
    chain: String,
    key: String,
}

fn issue(ca: &Ca, now: SystemTime) -> Issued {
    use base64::Engine;
    let leaf = ca.leaf(&["localhost"], now, LIFE).unwrap();
    let pem = |label: &str, der: &[u8]| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    };
    Issued { chain: pem("CERTIFICATE", &leaf.certificate), key: pem("PRIVATE KEY", leaf.key.secret_der()) }
}

impl Issued {
    fn mount(&self, volume: &Path, version: &str) {
        mount(volume, version, &[("tls.crt", &self.chain), ("tls.key", &self.key)]);
    }
}

struct Watched {
    server: Server,
    volume: TempDir,
    ca: Ca,
    stop: CancellationToken,
}

/// A server that reads its certificate from an empty directory.
async fn watched() -> Watched {
    let ca = Ca::new("a test", SystemTime::now(), LIFE).unwrap();
    let volume = tempfile::tempdir().unwrap();
    let server = Setup::of(Admission).start_without_certificate().await;
    let files = files::Files::new(volume.path().into(), server.served.clone(), server.metrics.clone(), None);
    let stop = CancellationToken::new();
    tokio::spawn(files::watch(files, EVERY, stop.clone()));
    Watched { server: Server { ca: ca.pem(), ..server }, volume, ca, stop }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The leaf that a new connection is shown.
async fn shown(server: &Server) -> Vec<u8> {
    let client = server.client().await;
    client.stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

#[tokio::test]
async fn without_files_the_server_waits_for_them() {
    let Watched { server, volume, ca, .. } = &watched().await;
    let ready = server.admin("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("[-] certificate: "), "{}", ready.text());
    assert_eq!(server.admin("/livez").await.status, 200, "a restart brings no certificate");
    assert!(Client::connect(server.address, &server.ca).await.is_err());
    issue(ca, SystemTime::now()).mount(volume.path(), "1");
    eventually("ready", || async { server.admin("/readyz").await.status == 200 }).await;
    assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_exchanged_volume_is_served_under_load_without_a_failure() {
    let Watched { server, volume, ca, .. } = &watched().await;
    issue(ca, SystemTime::now()).mount(volume.path(), "1");
    eventually("ready", || async { server.admin("/readyz").await.status == 200 }).await;

    let (go_on, done) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU32::new(0)));
    let load: Vec<_> = [true, true, false, false]
        .into_iter()
        .map(|kept| {
            let (address, pem) = (server.address, server.ca.clone());
            let (go_on, done) = (go_on.clone(), done.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(address, &pem).await.unwrap();
                while go_on.load(Ordering::Relaxed) {
                    assert_eq!(client.post(&body("1")).await.unwrap().status, 200);
                    done.fetch_add(1, Ordering::Relaxed);
                    if !kept {
                        client = Client::connect(address, &pem).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let mut before = shown(server).await;
    for version in ["2", "3", "4"] {
        issue(ca, SystemTime::now()).mount(volume.path(), version);
        eventually("the new leaf is shown", || async { shown(server).await != before }).await;
        before = shown(server).await;
    }
    go_on.store(false, Ordering::Relaxed);
    for one in load {
        one.await.unwrap();
    }
    assert!(done.load(Ordering::Relaxed) > 10);
}

#[tokio::test]
async fn a_broken_pair_is_told_and_the_last_good_one_stays() {
    let Watched { server, volume, ca, .. } = &watched().await;
    let now = SystemTime::now();
    let good = issue(ca, now);
    good.mount(volume.path(), "1");
    eventually("ready", || async { server.admin("/readyz").await.status == 200 }).await;
    let leaf = shown(server).await;
    let expiry = server.metric("certificate_expiry_timestamp_seconds").unwrap();
    assert!(expiry > 0.0);

    let other = issue(ca, now);
    let old = issue(ca, now - 2 * LIFE);
    for (i, broken) in [
        Issued { chain: other.chain, key: good.key.clone() },
        Issued { chain: "garbage".into(), key: good.key.clone() },
        Issued { chain: good.chain.clone(), key: "garbage".into() },
        Issued { chain: String::new(), key: String::new() },
        old,
    ]
    .into_iter()
    .enumerate()
    {
        broken.mount(volume.path(), &format!("broken-{i}"));
        eventually("told", || async { server.metric("certificate_last_reload_successful") == Some(0.0) })
            .await;
        assert_eq!(shown(server).await, leaf, "{i}");
        assert_eq!(server.admin("/readyz").await.status, 200, "{i}: what is served is good");
        assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200, "{i}");
        good.mount(volume.path(), &format!("good-{i}"));
        eventually("well again", || async {
            server.metric("certificate_last_reload_successful") == Some(1.0)
        })
        .await;
    }
    assert_eq!(server.metric("certificate_expiry_timestamp_seconds"), Some(expiry));
}
