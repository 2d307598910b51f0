//! Faults of ours: the pod comes through unchanged.

use super::harness::{HEAD, Reply, Server, Setup, body, eventually, unchanged};
use datadog_sidecar_injector::{
    admission::{Answer, Refusal},
    rules::Rules,
    seen::Seen,
    server::Reviewer,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

struct Panics;

impl Reviewer for Panics {
    async fn review(&self, body: &[u8], _: &Rules, _: &Seen) -> Result<Answer, Refusal> {
        if body.len() < 10 { unchanged() } else { panic!("on purpose") }
    }
}

struct Sleeps;

impl Reviewer for Sleeps {
    async fn review(&self, _: &[u8], _: &Rules, _: &Seen) -> Result<Answer, Refusal> {
        tokio::time::sleep(Duration::from_secs(20)).await;
        panic!("nobody waits for this any longer");
    }
}

/// As a decision that never ends would: no deadline reaches it.
struct Stuck(Arc<AtomicBool>);

impl Reviewer for Stuck {
    async fn review(&self, _: &[u8], _: &Rules, _: &Seen) -> Result<Answer, Refusal> {
        while self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        unchanged()
    }
}

#[tokio::test]
async fn a_thread_that_is_stuck_is_not_ready_and_then_not_alive() {
    let stuck = Arc::new(AtomicBool::new(true));
    let mut setup = Setup::of(Stuck(stuck.clone()));
    setup.timeouts.longest_review = Duration::from_millis(300);
    let server = setup.start().await;
    assert_eq!(server.admin("/readyz").await.status, 200);
    let mut client = server.client().await;
    client.send(&[HEAD, b"Content-Length: 2\r\n\r\n{}"].concat()).await.unwrap();
    eventually("not ready", || async {
        let ready = server.admin("/readyz").await;
        ready.status == 503 && ready.text().contains("[-] reviews: the thread that answers reviews")
    })
    .await;
    assert_eq!(server.admin("/livez").await.status, 200, "it may be late");
    eventually("not alive", || async { server.admin("/livez").await.status == 503 }).await;
    stuck.store(false, Ordering::Relaxed);
    assert_eq!(client.reply().await.unwrap().status, 200);
    eventually("ready", || async { server.admin("/readyz").await.status == 200 }).await;
    assert_eq!(server.admin("/livez").await.status, 200);
}

async fn assert_let_through(server: &Server, reply: &Reply, why: &str) {
    assert_eq!(reply.status, 200);
    let json = reply.json();
    assert_eq!(json["response"]["uid"], "of-a-fault");
    assert_eq!(json["response"]["allowed"], true);
    assert!(json["response"].get("patch").is_none(), "{json}");
    assert!(json["response"].get("patchType").is_none(), "{json}");
    assert!(json["response"]["warnings"][0].as_str().unwrap().contains(why), "{json}");
    let decisions = server.admin("/decisions").await.json();
    assert_eq!(decisions[0]["reason"], "internal_error");
    assert_eq!(decisions[0]["namespace"], "shop");
    let name = r#"reviews_total{outcome="skipped",reason="internal_error",profile=""}"#;
    assert_eq!(server.metric(name), Some(1.0));
}

#[tokio::test]
async fn a_panic_lets_the_pod_through() {
    let server = Setup::of(Panics).start().await;
    let mut client = server.client().await;
    let reply = client.post(&body("of-a-fault")).await.unwrap();
    assert_let_through(&server, &reply, "internal error").await;
    assert_eq!(server.metric("panics_total"), Some(1.0));
    // The same connection, the same process.
    assert_eq!(client.post(b"ok").await.unwrap().status, 200);
    assert_eq!(client.post(&body("again")).await.unwrap().status, 200);
    assert_eq!(server.metric("panics_total"), Some(2.0));
}

#[tokio::test]
async fn a_deadline_that_passes_lets_the_pod_through_while_the_caller_still_waits() {
    let server = Setup::of(Sleeps).start().await;
    let mut client = server.client().await;
    let start = Instant::now();
    let head = "POST /inject?timeout=2s HTTP/1.1\r\nContent-Type: application/json";
    let reply = client.request(head, &body("of-a-fault")).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(start.elapsed() >= Duration::from_millis(1750), "{:?}", start.elapsed());
    assert_let_through(&server, &reply, "too long").await;
}

#[tokio::test]
async fn a_panic_over_what_has_no_uid_is_a_bad_request() {
    let server = Setup::of(Panics).start().await;
    let mut client = server.client().await;
    assert_eq!(client.post(b"no review at all").await.unwrap().status, 400);
    assert_eq!(client.post(b"ok").await.unwrap().status, 200);
}
