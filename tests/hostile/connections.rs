//! Connections that take up room and give nothing.

use crate::{
    harness::{Client, body, tls},
    injector::{FILES, Injector, files, plain},
    reviews::{DEFAULTS, LARGEST, review},
    watch::under_attack,
};
use futures::{StreamExt as _, future::join_all, stream};
use std::{
    future::pending,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
    time::{sleep, timeout},
};
use tokio_rustls::TlsConnector;

/// Twice as long as a body, a head or a handshake may take.
const ATTACK: Duration = Duration::from_secs(12);

/// Does this so many times at once, again and again where it ends, until the attack is over.
async fn keep_up<F: Future<Output = io::Result<()>>>(count: usize, attack: impl Fn(usize) -> F) {
    let all = join_all((0..count).map(|nth| {
        let attack = &attack;
        async move {
            loop {
                _ = attack(nth).await;
                sleep(Duration::from_millis(100)).await;
            }
        }
    }));
    assert!(timeout(ATTACK, all).await.is_err());
}

#[tokio::test]
async fn answers_left_unread() {
    // An answer has the uid in it.
    let pod = r#"{"metadata":{"labels":{"agent.datadoghq.com/sidecar":"fargate"}},"spec":{"containers":[{"name":"app"}]}}"#;
    let body = review(&"1".repeat(LARGEST - 1000), "shop", pod);
    let head = format!(
        "POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    under_attack(DEFAULTS, async |injector| {
        keep_up(40, |_| async {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(4096)?;
            let stream = socket.connect(injector.address).await?;
            let connector = TlsConnector::from(Arc::new(tls(&injector.ca, &[b"http/1.1"])));
            let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
            stream.flush().await?;
            pending().await
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn bodies_that_never_end() {
    under_attack(DEFAULTS, async |injector| {
        keep_up(600, |_| async {
            let mut client: Client = injector.client().await?;
            client
                .send(b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
                .await?;
            loop {
                sleep(Duration::from_secs(1)).await;
                client.send(b" ").await?;
            }
        })
        .await;
    })
    .await;
}

/// As many bytes as are taken at once, to the last.
#[tokio::test]
async fn large_bodies_that_never_end() {
    under_attack(DEFAULTS, async |injector| {
        let most = vec![b' '; 6 << 20];
        keep_up(18, |nth| {
            // 64 MiB in all.
            let size = if nth < 10 { most.len() } else { 512 << 10 };
            let (injector, part) = (&injector, &most[..size]);
            async move {
                let mut client: Client = injector.client().await?;
                client
                    .send(b"POST /inject?timeout=30s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7000000\r\n\r\n")
                    .await?;
                client.send(part).await?;
                client.closed().await;
                Ok(())
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn handshakes_that_never_end() {
    under_attack(DEFAULTS, async |injector| {
        keep_up(1500, |nth| async move {
            let mut stream = plain(injector.address, Ipv4Addr::LOCALHOST).await?;
            if nth % 2 == 0 {
                // The beginning of a ClientHello of 512 bytes.
                stream.write_all(&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]).await?;
            }
            stream.read(&mut [0; 64]).await.map(|_| ())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn requests_whose_head_never_ends_on_the_admin_port() {
    under_attack(DEFAULTS, async |injector| {
        keep_up(200, |_| async {
            let mut stream = plain(injector.admin, Ipv4Addr::LOCALHOST).await?;
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await?;
            loop {
                stream.write_all(b"a").await?;
                sleep(Duration::from_secs(1)).await;
            }
        })
        .await;
    })
    .await;
}

/// More than are taken, each after its handshake.
#[tokio::test]
async fn connections_without_a_request_in_every_place() {
    let mut held = Vec::new();
    under_attack(DEFAULTS, async |injector| {
        for _ in 0..1200 {
            held.extend(injector.client().await.ok());
        }
        sleep(ATTACK / 4).await;
        held
    })
    .await;
}

#[tokio::test]
async fn silent_connections_on_both_ports_up_to_the_limit_of_files() {
    let each = FILES / 2;
    if files() < 2 * each + 200 {
        let mut stderr = io::stderr();
        writeln!(stderr, "skipped: silent connections: only {} files may be open", files()).unwrap();
        return;
    }
    under_attack(DEFAULTS, async |injector| {
        let open = |address: SocketAddr| {
            stream::iter(0..each)
                .map(move |_| timeout(Duration::from_secs(5), plain(address, Ipv4Addr::LOCALHOST)))
                .buffer_unordered(64)
                .collect::<Vec<_>>()
        };
        let held = tokio::join!(open(injector.address), open(injector.admin));
        sleep(ATTACK).await;
        held
    })
    .await;
}

#[tokio::test]
async fn a_review_in_plain_text_gets_no_answer() {
    let mut injector = Injector::start(DEFAULTS).await;
    let mut stream = plain(injector.address, Ipv4Addr::LOCALHOST).await.unwrap();
    let body = body("1");
    let head = format!(
        "POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
    let mut said = Vec::new();
    // A reset is an end too.
    _ = timeout(ATTACK, stream.read_to_end(&mut said)).await.expect("the connection ends");
    // A TLS alert at most.
    assert!(said.len() <= 7, "{}", String::from_utf8_lossy(&said));
    injector.assert_alive();
}
