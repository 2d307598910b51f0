//! Clients that take their time.

use super::harness::{Client, HEAD, PATIENCE, Server, Setup, body, eventually};
use datadog_sidecar_injector::server::Admission;
use std::time::{Duration, Instant};
use tokio::{io::AsyncReadExt, net::TcpStream};

async fn server() -> Server {
    Setup::of(Admission).start().await
}

/// Sends a byte every so often until the server has had enough.
async fn trickle(client: &mut Client, bytes: &[u8]) {
    let (mut read, mut write) = tokio::io::split(&mut client.stream);
    let send = async {
        use tokio::io::AsyncWriteExt;
        for byte in bytes.iter().cycle() {
            if write.write_all(&[*byte]).await.is_err() || write.flush().await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let receive = async {
        let mut rest = [0; 1024];
        while read.read(&mut rest).await.is_ok_and(|n| n > 0) {}
    };
    let either = async {
        tokio::select! {
            () = send => {}
            () = receive => {}
        }
    };
    tokio::time::timeout(PATIENCE, either).await.expect("the server keeps the connection");
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let server = server().await;
    let mut client = server.client().await;
    let start = Instant::now();
    trickle(&mut client, b"X").await;
    assert!(start.elapsed() >= Duration::from_millis(290), "not before its time: {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(5), "more bytes brought more time: {:?}", start.elapsed());
}

#[tokio::test]
async fn so_is_a_later_head_on_a_connection_that_is_kept() {
    let server = server().await;
    let mut client = server.client().await;
    assert_eq!(client.post(&body("1")).await.unwrap().status, 200);
    client.send(&HEAD[..20]).await.unwrap();
    client.closed().await;
}

#[tokio::test]
async fn a_connection_between_requests_is_kept_for_longer_than_a_head() {
    let server = server().await;
    let mut kept = server.client().await;
    assert_eq!(kept.post(&body("1")).await.unwrap().status, 200);
    let mut unused = server.client().await;
    // Twice the time of a head passes on connections that show it.
    for _ in 0..2 {
        let mut clock = server.client().await;
        clock.send(&HEAD[..20]).await.unwrap();
        clock.closed().await;
    }
    assert_eq!(kept.post(&body("2")).await.unwrap().status, 200);
    assert_eq!(unused.post(&body("3")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_connection_without_requests_ends_at_last() {
    let mut setup = Setup::of(Admission);
    setup.timeouts.idle = Duration::from_millis(200);
    let server = setup.start().await;
    let mut unused = server.client().await;
    let mut used = server.client().await;
    assert_eq!(used.post(&body("1")).await.unwrap().status, 200);
    let mut rest = Vec::new();
    // With a farewell: a connection that is cut off is an error here.
    assert_eq!(unused.stream.read_to_end(&mut rest).await.unwrap(), 0);
    assert_eq!(used.stream.read_to_end(&mut rest).await.unwrap(), 0);
}

/// The status that half a body is answered with, and after how long.
async fn half_a_body(server: &Server, timeout: &str) -> (u16, Duration) {
    let mut client = server.client().await;
    let head = format!(
        "POST /inject?timeout={timeout} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"
    );
    client.send(head.as_bytes()).await.unwrap();
    let start = Instant::now();
    let reply = client.reply().await.unwrap();
    assert!(reply.closes());
    (reply.status, start.elapsed())
}

#[tokio::test]
async fn a_body_has_the_time_its_review_has_and_no_more_than_a_head() {
    let mut setup = Setup::of(Admission);
    setup.timeouts.head = Duration::from_secs(3);
    let server = setup.start().await;
    let (status, took) = half_a_body(&server, "500ms").await;
    assert!(status == 408 && took < Duration::from_secs(2), "{status} {took:?}");
    let (status, took) = half_a_body(&server, "30s").await;
    assert!(
        status == 408 && took >= Duration::from_secs(2) && took < Duration::from_secs(20),
        "{status} {took:?}"
    );
    assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn hundreds_of_half_open_handshakes_hold_nobody_up() {
    let mut setup = Setup::of(Admission);
    setup.timeouts.handshake = Duration::from_secs(5);
    let server = setup.start().await;
    let counted = || server.metric(r#"tls_handshakes_failed_total{reason="timeout"}"#);
    let mut half_open = Vec::new();
    for _ in 0..400 {
        half_open.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut client = server.client().await;
    for i in 0..20 {
        assert_eq!(client.post(&body(&i.to_string())).await.unwrap().status, 200);
    }
    assert_eq!(counted().unwrap_or(0.0), 0.0, "waited for them");
    for mut stream in half_open {
        let end = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 16])).await;
        assert_eq!(end.expect("closed").unwrap_or(0), 0);
    }
    eventually("all are counted", || async { counted() == Some(400.0) }).await;
    assert_eq!(client.post(&body("after")).await.unwrap().status, 200);
}
