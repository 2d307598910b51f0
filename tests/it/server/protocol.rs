//! What is sent and what is answered.

use super::harness::{Client, Server, Setup, body, connect, eventually, review, tls};
use base64::Engine;
use bytes::Bytes;
use datadog_sidecar_injector::server::Admission;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};

const MIB: usize = 1 << 20;

async fn server() -> Server {
    Setup::of(Admission).start().await
}

fn patch(response: &Value) -> Value {
    let patch = response["response"]["patch"].as_str().expect("a patch");
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(patch).unwrap()).unwrap()
}

/// A review of about that many bytes.
fn large(bytes: usize) -> Vec<u8> {
    let mut review = review("v1", "large");
    review["request"]["object"]["spec"]["containers"][0]["env"] =
        json!([{"name": "A", "value": "x".repeat(bytes)}]);
    review.to_string().into_bytes()
}

#[tokio::test]
async fn answers_each_version_in_kind() {
    let server = server().await;
    let mut client = server.client().await;
    for version in ["v1", "v1beta1"] {
        let reply = client.post(review(version, version).to_string().as_bytes()).await.unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        let json = reply.json();
        assert_eq!(json["apiVersion"], format!("admission.k8s.io/{version}"));
        assert_eq!(json["kind"], "AdmissionReview");
        assert_eq!(json["response"]["uid"], version);
        assert_eq!(json["response"]["allowed"], true);
        assert_eq!(json["response"]["patchType"], "JSONPatch");
        assert!(!patch(&json).as_array().unwrap().is_empty());
    }
    assert_eq!(server.metric(r#"reviews_total{outcome="injected",reason="",profile="default"}"#), Some(2.0));
}

#[tokio::test]
async fn takes_what_the_api_server_may_send_and_no_more() {
    let server = server().await;
    let mut client = server.client().await;
    let reply = client.post(&large(6_900 * 1024)).await.unwrap();
    assert_eq!(reply.status, 200);
    patch(&reply.json());

    let too_large = large(7 * MIB + 100 * 1024);
    let reply = client.post(&too_large).await.unwrap();
    assert_eq!(reply.status, 413, "{}", reply.text());
    assert!(reply.closes());

    // Without a length it is found out on the way.
    let mut client = server.client().await;
    client
        .send(b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    client.send(format!("{:x}\r\n", too_large.len()).as_bytes()).await.unwrap();
    client.send(&too_large).await.unwrap();
    client.send(b"\r\n0\r\n\r\n").await.unwrap();
    assert_eq!(client.reply().await.unwrap().status, 413);

    assert_eq!(server.metric(r#"requests_refused_total{status="413"}"#), Some(2.0));
    assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn takes_a_body_in_chunks() {
    let server = server().await;
    let mut client = server.client().await;
    client
        .send(b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await
        .unwrap();
    for chunk in body("in chunks").chunks(50) {
        client.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await.unwrap();
        client.send(chunk).await.unwrap();
        client.send(b"\r\n").await.unwrap();
    }
    client.send(b"0\r\n\r\n").await.unwrap();
    let reply = client.reply().await.unwrap();
    assert_eq!(reply.json()["response"]["uid"], "in chunks");
}

#[tokio::test]
async fn what_is_no_review_is_a_bad_request_and_nothing_worse() {
    let server = server().await;
    let mut client = server.client().await;
    let whole = body("1");
    let mut no_uid = review("v1", "");
    no_uid["request"].as_object_mut().unwrap().remove("uid");
    let no_uid = no_uid.to_string();
    let bad: [&[u8]; 8] = [
        b"".as_slice(),
        b"garbage",
        b"null",
        b"{}",
        b"\xff\xfe\x00",
        &whole[..whole.len() / 2],
        no_uid.as_bytes(),
        &[b'['; 60_000],
    ];
    for (i, bad) in bad.into_iter().enumerate() {
        let reply = client.post(bad).await.unwrap();
        assert_eq!(reply.status, 400, "{i}: {}", reply.text());
        assert!(reply.text().len() > 10, "{i}: a sentence");
        assert!(!reply.closes(), "{i}");
        assert_eq!(
            client.post(&whole).await.unwrap().status,
            200,
            "{i}: the next one on the same connection"
        );
    }
    assert_eq!(server.metric(r#"requests_refused_total{status="400"}"#), Some(8.0));
}

#[tokio::test]
async fn another_path_method_or_type_is_told_what_is_right() {
    let server = server().await;
    let mut client = server.client().await;
    let json = "Content-Type: application/json";
    for (head, status) in [
        (format!("POST / HTTP/1.1\r\n{json}"), 404),
        (format!("POST /inject/more HTTP/1.1\r\n{json}"), 404),
        (format!("PUT /inject HTTP/1.1\r\n{json}"), 405),
        ("GET /inject HTTP/1.1".into(), 405),
        ("POST /inject HTTP/1.1".into(), 415),
        ("POST /inject HTTP/1.1\r\nContent-Type: text/plain".into(), 415),
        ("POST /inject HTTP/1.1\r\nContent-Type: application/json; charset=utf-8".into(), 200),
    ] {
        let reply = client.request(&head, &body("1")).await.unwrap();
        assert_eq!(reply.status, status, "{head}");
        assert_eq!(reply.header("allow"), (status == 405).then_some("POST"), "{head}");
        assert!(!reply.closes(), "{head}");
    }
}

#[tokio::test]
async fn a_large_body_sent_to_the_wrong_place_is_still_answered() {
    let server = server().await;
    let mut client = server.client().await;
    let head = "POST /elsewhere HTTP/1.1\r\nContent-Type: application/json";
    let reply = client.request(head, &large(3 * MIB)).await.unwrap();
    assert_eq!(reply.status, 404);
    assert!(reply.closes());
    client.closed().await;
}

#[tokio::test]
async fn a_client_that_leaves_amid_its_body_harms_nobody() {
    let server = server().await;
    let mut client = server.client().await;
    client
        .send(b"POST /inject HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"half\":")
        .await
        .unwrap();
    drop(client);
    assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn speaks_http1_where_no_protocol_is_agreed_and_tls_1_2() {
    let server = server().await;
    let mut config = tls(&server.ca, &[]);
    config.enable_sni = true;
    let mut client = Client::over(connect(server.address, config).await.unwrap());
    assert_eq!(client.post(&body("1")).await.unwrap().status, 200);

    let mut roots = rustls::RootCertStore::empty();
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    roots.add(CertificateDer::from_pem_slice(server.ca.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = Client::over(connect(server.address, config).await.unwrap());
    assert_eq!(client.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn speaks_http2_where_it_is_asked_for() {
    let server = server().await;
    let stream = connect(server.address, tls(&server.ca, &[b"h2", b"http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (mut sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .unwrap();
    let connection = tokio::spawn(connection);
    for uid in ["one", "two"] {
        let request = hyper::Request::post(format!("https://{}/inject", server.address))
            .header("content-type", "application/json")
            .body(Full::from(body(uid)))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["response"]["uid"], uid);
    }
    server.running.drain().await;
    drop(sender);
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_http_ends_only_its_own_connection() {
    let server = server().await;
    let mut client = server.client().await;
    client.send(b"this is no HTTP\r\n\r\n").await.unwrap();
    assert_eq!(client.reply().await.unwrap().status, 400);
    client.closed().await;

    let mut plain = tokio::net::TcpStream::connect(server.address).await.unwrap();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    plain.write_all(b"POST /inject HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    // Whether the end is an alert or a reset does not matter.
    let _ = plain.read_to_end(&mut rest).await;
    let failed = || server.metric(r#"tls_handshakes_failed_total{reason="tls"}"#);
    eventually("it is counted", || async { failed() == Some(1.0) }).await;

    assert_eq!(server.client().await.post(&body("1")).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_head_has_its_limit() {
    let server = server().await;
    let mut client = server.client().await;
    let head =
        format!("POST /inject HTTP/1.1\r\nContent-Type: application/json\r\nX: {}", "x".repeat(40 << 10));
    assert_eq!(client.request(&head, b"").await.unwrap().status, 431);
    client.closed().await;
}
