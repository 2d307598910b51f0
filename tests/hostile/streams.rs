//! The same over HTTP/2, on which one connection has many requests.

use crate::{
    harness::{connect, tls},
    injector::Injector,
    reviews::{DEFAULTS, LARGEST, review},
    watch::under_attack,
};
use bytes::Bytes;
use futures::{StreamExt as _, future::join_all, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{Request, body::Frame, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{convert::Infallible, future::pending, time::Duration};
use tokio::time::{sleep, timeout};

const ATTACK: Duration = Duration::from_secs(12);

type Body = BoxBody<Bytes, Infallible>;

/// Connections of so many requests at once, made anew where they end. Of an answer no more than `window` bytes are taken.
async fn attack(
    injector: &Injector,
    connections: usize,
    requests: usize,
    window: u32,
    body: impl Fn() -> Body,
) {
    let body = &body;
    let one = || async move {
        let stream = connect(injector.address, tls(&injector.ca, &[b"h2"])).await.ok()?;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window);
        let (sender, connection) = builder.handshake::<_, Body>(TokioIo::new(stream)).await.ok()?;
        let answers = join_all((0..requests).map(|_| {
            let mut sender = sender.clone();
            async move {
                let request = Request::post("https://localhost/inject?timeout=30s")
                    .header("content-type", "application/json")
                    .body(body())
                    .unwrap();
                let answer = sender.send_request(request).await;
                // What came is held, and the rest left.
                if answer.is_ok_and(|answer| answer.status() == 200) {
                    pending::<()>().await;
                }
            }
        }));
        tokio::select! {
            _ = connection => {}
            _ = answers => {}
        }
        Some(())
    };
    let all = join_all((0..connections).map(|_| async move {
        loop {
            one().await;
            sleep(Duration::from_millis(100)).await;
        }
    }));
    assert!(timeout(ATTACK, all).await.is_err());
}

#[tokio::test]
async fn bodies_that_never_end_over_http2() {
    under_attack(DEFAULTS, async |injector| {
        let first = Bytes::from(vec![b' '; 32 << 10]);
        attack(injector, 20, 64, 65_535, || {
            let first = stream::iter([Ok(Frame::data(first.clone()))]);
            BodyExt::boxed(StreamBody::new(first.chain(stream::pending())))
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn answers_left_unread_over_http2() {
    under_attack(DEFAULTS, async |injector| {
        // An answer has the uid in it.
        let pod = r#"{"metadata":{"labels":{"agent.datadoghq.com/sidecar":"fargate"}},"spec":{"containers":[{"name":"app"}]}}"#;
        let body = Bytes::from(review(&"1".repeat(LARGEST - 1000), "shop", pod));
        attack(injector, 4, 10, 1, || BodyExt::boxed(Full::new(body.clone()))).await;
    })
    .await;
}
