//! More than there is room for.

use super::harness::{Gate, HEAD, PATIENCE, Reply, Setup, body, connect, eventually, tls, unchanged};
use bytes::Bytes;
use datadog_sidecar_injector::{
    admission::{Answer, Refusal},
    rules::Rules,
    seen::Seen,
    server::{Admission, Limits, Reviewer},
};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{sync::Arc, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpStream, sync::Semaphore};

fn assert_try_again(reply: &Reply) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn reviews_beyond_the_limit_are_told_to_come_again() {
    let gate = Arc::new(Semaphore::new(0));
    let mut setup = Setup::of(Gate(gate.clone()));
    setup.limits = Limits { reviews: 2, ..Limits::default() };
    let server = setup.start().await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = server.client().await;
        waiting.push(tokio::spawn(async move { client.post(&body("1")).await }));
    }
    let mut third = server.client().await;
    // Until both wait at the gate, the third would wait there too.
    let mut reply = None;
    while reply.is_none() {
        let post =
            third.request("POST /inject?timeout=50ms HTTP/1.1\r\nContent-Type: application/json", b"{}");
        reply = Some(post.await.unwrap()).filter(|reply| reply.status == 503);
    }
    assert_try_again(&reply.unwrap());
    gate.add_permits(3);
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap().status, 200, "nobody is dropped");
    }
    assert_eq!(third.post(&body("1")).await.unwrap().status, 200, "on the same connection");
}

#[tokio::test]
async fn a_body_that_takes_its_time_gives_way_to_others() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { bodies: 100 << 10, ..Limits::default() };
    setup.timeouts.head = PATIENCE;
    let server = setup.start().await;
    let mut client = server.client().await;
    let mut slow = server.client().await;
    slow.send(&[HEAD, b"Content-Length: 90000\r\n\r\n{"].concat()).await.unwrap();
    let reply = client.post(&[b' '; 50 << 10]).await.unwrap();
    assert_eq!(reply.status, 400, "a claim is no proof, and there is room: {}", reply.text());
    slow.send(&[b' '; 80_000]).await.unwrap();
    let given_up = async {
        // Whenever the bytes of the slow one have come, they are too many together.
        loop {
            let reply = server.client().await.post(&[b' '; 50 << 10]).await.unwrap();
            assert_eq!(reply.status, 400, "{}", reply.text());
        }
    };
    tokio::select! {
        () = slow.closed() => {}
        () = given_up => {}
    }
    assert_eq!(client.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_larger_than_all_that_is_held_is_told_to_come_again() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { bodies: 10 << 10, ..Limits::default() };
    let server = setup.start().await;
    assert_try_again(&server.client().await.post(&[b' '; 50 << 10]).await.unwrap());
    assert_eq!(server.client().await.post(&body("small")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_newcomer_has_a_place_and_the_longest_idle_connection_gives_it() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { connections: 2, ..Limits::default() };
    let server = setup.start().await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    assert_eq!(one.post(&body("1")).await.unwrap().status, 200);
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(two.post(&body("1")).await.unwrap().status, 200);
    assert_eq!(server.metric("connections"), Some(2.0));
    let mut three = server.client().await;
    assert_eq!(three.post(&body("1")).await.unwrap().status, 200);
    let mut rest = Vec::new();
    assert_eq!(one.stream.read_to_end(&mut rest).await.unwrap(), 0, "with a farewell");
    assert_eq!(two.post(&body("1")).await.unwrap().status, 200);
    assert_eq!(server.metric("connections_given_up_total"), Some(1.0));
    assert_eq!(server.metric("connections_refused_total"), Some(0.0));
}

#[tokio::test]
async fn connections_in_every_state_but_one_give_way() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { connections: 4, ..Limits::default() };
    setup.timeouts.handshake = PATIENCE;
    setup.timeouts.head = PATIENCE;
    let server = setup.start().await;
    for round in 0..3 {
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(server.address).await.unwrap());
        }
        assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200, "{round}: handshakes");
        let mut heads = Vec::new();
        for _ in 0..4 {
            let mut client = server.client().await;
            client.send(&HEAD[..20]).await.unwrap();
            heads.push(client);
        }
        assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200, "{round}: heads");
        let mut bodies = Vec::new();
        for _ in 0..4 {
            let mut client = server.client().await;
            client.send(&[HEAD, b"Content-Length: 1000\r\n\r\n{"].concat()).await.unwrap();
            bodies.push(client);
        }
        assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200, "{round}: bodies");
    }
}

/// Says that a review has come to be decided.
struct Entered(Arc<Semaphore>, Gate);

impl Reviewer for Entered {
    async fn review(&self, body: &[u8], rules: &Rules, seen: &Seen) -> Result<Answer, Refusal> {
        self.0.add_permits(1);
        self.1.review(body, rules, seen).await
    }
}

#[tokio::test]
async fn where_all_are_being_answered_newcomers_are_told_to_come_again() {
    let (entered, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let mut setup = Setup::of(Entered(entered.clone(), Gate(gate.clone())));
    setup.limits = Limits { connections: 1, ..Limits::default() };
    let server = setup.start().await;
    let mut one = server.client().await;
    let waiting = tokio::spawn(async move { one.post(&body("1")).await });
    entered.acquire().await.unwrap().forget();
    let mut two = server.client().await;
    let reply = two.post(&body("1")).await.unwrap();
    assert_try_again(&reply);
    assert!(reply.closes());
    assert_eq!(server.metric("connections_refused_total"), Some(1.0));
    gate.add_permits(100);
    assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    eventually("the place is free again", || async {
        server.client().await.post(&body("1")).await.is_ok_and(|reply| reply.status == 200)
    })
    .await;
}

/// Answers that fill every buffer on the way.
struct Large;

impl Reviewer for Large {
    async fn review(&self, _: &[u8], _: &Rules, _: &Seen) -> Result<Answer, Refusal> {
        Ok(Answer { body: vec![b' '; LARGE], ..unchanged()? })
    }
}

const LARGE: usize = 32 << 20;

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let server = Setup::of(Large).start().await;
    let mut client = server.client().await;
    client.send(&[HEAD, b"Content-Length: 1\r\n\r\n{"].concat()).await.unwrap();
    eventually("it is answered", || async { server.metric("connections") == Some(1.0) }).await;
    eventually("it is given up", || async { server.metric("connections") == Some(0.0) }).await;
}

#[tokio::test]
async fn answers_that_are_not_read_give_way_to_others() {
    let mut setup = Setup::of(Large);
    setup.limits.bodies = LARGE + (1 << 20);
    setup.timeouts.head = PATIENCE;
    let server = setup.start().await;
    let mut unread = Vec::new();
    for _ in 0..5 {
        let mut client = server.client().await;
        client.send(&[HEAD, b"Content-Length: 1\r\n\r\n{"].concat()).await.unwrap();
        unread.push(client);
    }
    assert_eq!(server.client().await.post(b"{").await.unwrap().body.len(), LARGE);
    eventually("the others are given up", || async { server.metric("connections") == Some(0.0) }).await;
}

#[tokio::test]
async fn on_http2_an_answer_is_not_kept_for_a_window_that_never_opens() {
    let server = Setup::of(Large).start().await;
    let stream = connect(server.address, tls(&server.ca, &[b"h2"])).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(10)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = hyper::Request::post("https://localhost/inject")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(b"{")))
        .unwrap();
    let reply = sender.send_request(request).await.unwrap();
    assert_eq!(reply.status(), 200);
    // Nobody reads its body.
    let _ = tokio::time::timeout(PATIENCE, connection).await.expect("it is given up");
    drop(reply);
    eventually("it is gone", || async { server.metric("connections") == Some(0.0) }).await;
}

#[tokio::test]
async fn hundreds_at_once_are_all_answered() {
    let server = Setup::of(Admission).start().await;
    let mut all = Vec::new();
    for i in 0..200 {
        let mut client = server.client().await;
        all.push(tokio::spawn(
            async move { client.post(&body(&i.to_string())).await.map(|reply| reply.status) },
        ));
    }
    for one in all {
        assert_eq!(one.await.unwrap().unwrap(), 200);
    }
}
