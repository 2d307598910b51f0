//! More than there is room for.

use super::harness::{Gate, Reply, Setup, body, eventually};
use datadog_sidecar_injector::server::{Admission, Limits};
use std::sync::Arc;
use tokio::sync::Semaphore;

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
async fn so_are_bytes_beyond_the_limit() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { bodies: 100 << 10, ..Limits::default() };
    let server = setup.start().await;
    let mut client = server.client().await;
    // A claim is no proof: the bytes that arrive count.
    let mut slow = server.client().await;
    slow.send(b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n{")
        .await
        .unwrap();
    let reply = client.post(&[b' '; 50 << 10]).await.unwrap();
    assert_eq!(reply.status, 400, "there is room: {}", reply.text());
    slow.send(&[b' '; 80_000]).await.unwrap();
    let middling = || async { server.client().await.post(&[b' '; 50 << 10]).await.unwrap() };
    eventually("the bytes of the slow one count", || async { middling().await.status == 503 }).await;
    assert_try_again(&middling().await);
    assert_eq!(server.client().await.post(&body("small")).await.unwrap().status, 200);
    drop(slow);
    eventually("what the slow one took is given back", || async { middling().await.status == 400 }).await;
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_and_later_ones_are_served() {
    let mut setup = Setup::of(Admission);
    setup.limits = Limits { connections: 2, ..Limits::default() };
    let server = setup.start().await;
    let (mut one, mut two) = (server.client().await, server.client().await);
    assert_eq!(one.post(&body("1")).await.unwrap().status, 200);
    assert_eq!(two.post(&body("1")).await.unwrap().status, 200);
    assert_eq!(server.metric("connections"), Some(2.0));
    let mut three = server.client().await;
    let reply = three.post(&body("1")).await.unwrap();
    assert_try_again(&reply);
    assert!(reply.closes());
    assert_eq!(server.metric("connections_refused_total"), Some(1.0));
    drop(one);
    eventually("the place is free again", || async {
        server.client().await.post(&body("1")).await.unwrap().status == 200
    })
    .await;
    assert_eq!(two.post(&body("1")).await.unwrap().status, 200);
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
