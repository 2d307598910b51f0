//! The admin pages.

use super::harness::{Server, Setup, body};
use datadog_sidecar_injector::{
    admin::Check,
    config::{Config, EnvVar},
    server::Admission,
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::io::AsyncWriteExt;

async fn server() -> Server {
    Setup::of(Admission).start().await
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let so = Arc::new(AtomicBool::new(false));
    let told = so.clone();
    let mut setup = Setup::of(Admission);
    setup.checks = vec![Check::new("namespaces", move || {
        if told.load(Ordering::Relaxed) { Ok(()) } else { Err("not known yet".into()) }
    })];
    let server = setup.start().await;
    let ready = server.admin("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("[-] namespaces: not known yet\n"), "{}", ready.text());
    assert!(ready.text().contains("[+] certificate: ok\n"), "{}", ready.text());
    assert_eq!(server.admin("/livez").await.status, 200);
    so.store(true, Ordering::Relaxed);
    assert_eq!(server.admin("/readyz").await.status, 200);
}

#[tokio::test]
async fn metrics_are_open_metrics_text() {
    let server = server().await;
    let mut client = server.client().await;
    client.post(&body("1")).await.unwrap();
    client.post(b"garbage").await.unwrap();
    let page = server.admin("/metrics").await;
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = page.text();
    assert!(text.ends_with("# EOF\n"));
    let mut types = std::collections::HashMap::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            let (what, name, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE", "UNIT"].contains(&what), "{line}");
            if what == "TYPE" {
                assert!(types.insert(name.to_owned(), rest.to_owned()).is_none(), "twice: {line}");
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let name = series.split('{').next().unwrap();
        assert!(name.starts_with("datadog_sidecar_injector_"), "{line}");
        assert!(types.keys().any(|family| name.starts_with(family.as_str())), "no type: {line}");
    }
    for (name, value) in [
        (r#"reviews_total{outcome="injected",reason="",profile="default"}"#, 1.0),
        (r#"requests_refused_total{status="400"}"#, 1.0),
        ("review_duration_seconds_count", 1.0),
        ("review_body_size_bytes_count", 1.0),
        ("panics_total", 0.0),
        ("connections", 1.0),
    ] {
        assert_eq!(super::harness::metric(text, name), Some(value), "{name}\n{text}");
    }
    // Whoever tries it out is not the API server.
    assert_eq!(server.metric("last_review_timestamp_seconds"), Some(0.0));
    let head = "POST /inject?timeout=10s HTTP/1.1\r\nContent-Type: application/json\r\nUser-Agent: kube-apiserver-admission";
    server.client().await.request(head, &body("1")).await.unwrap();
    assert!(server.metric("last_review_timestamp_seconds").unwrap() > 1.7e9);
    assert!(server.metric("certificate_expiry_timestamp_seconds").unwrap() > 1.7e9);
}

#[tokio::test]
async fn the_last_decisions_are_shown_the_newest_first() {
    let server = server().await;
    let mut client = server.client().await;
    for uid in ["first", "second"] {
        client.post(&body(uid)).await.unwrap();
    }
    let decisions = server.admin("/decisions").await.json();
    let newest = &decisions[0];
    assert_eq!(newest["uid"], "second");
    assert_eq!(newest["namespace"], "shop");
    assert_eq!(newest["name"], "web-");
    assert_eq!(newest["outcome"], "injected");
    assert_eq!(newest["profile"], "default");
    assert_eq!(decisions[1]["uid"], "first");
    assert_eq!(decisions.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_configuration_is_shown_without_values_of_variables() {
    let mut setup = Setup::of(Admission);
    let variable = EnvVar { name: "PROXY".into(), value: Some("hunter2".into()), value_from: None };
    setup.config = Config { env: vec![variable], ..Config::default() };
    let server = setup.start().await;
    let page = server.admin("/config").await;
    assert_eq!(page.json()["env"][0], "PROXY");
    assert!(!page.text().contains("hunter2"));
}

#[tokio::test]
async fn other_pages_and_methods_are_told_what_is_right() {
    let server = server().await;
    assert_eq!(server.admin("/").await.status, 404);
    assert_eq!(server.admin("/inject").await.status, 404);
    let mut stream = tokio::net::TcpStream::connect(server.admin_address).await.unwrap();
    stream.write_all(b"POST /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
    let reply = super::harness::read_reply(&mut stream, &mut Vec::new()).await.unwrap();
    assert_eq!(reply.status, 405);
    assert_eq!(reply.header("allow"), Some("GET"));
}

#[tokio::test]
async fn a_slow_head_is_cut_off_here_too() {
    let server = server().await;
    let mut stream = tokio::net::TcpStream::connect(server.admin_address).await.unwrap();
    stream.write_all(b"GET /livez").await.unwrap();
    let mut rest = [0; 16];
    let end = tokio::io::AsyncReadExt::read(&mut stream, &mut rest);
    let end = tokio::time::timeout(super::harness::PATIENCE, end).await.expect("closed");
    assert_eq!(end.unwrap_or(0), 0);
}

#[tokio::test]
async fn silent_connections_keep_no_probe_from_its_answer() {
    let mut setup = Setup::of(Admission);
    setup.limits.admin_connections = 8;
    setup.timeouts.head = super::harness::PATIENCE;
    let server = setup.start().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        let mut stream = tokio::net::TcpStream::connect(server.admin_address).await.unwrap();
        // Half of them amid a head.
        if silent.len() % 2 == 0 {
            stream.write_all(b"GET /livez").await.unwrap();
        }
        silent.push(stream);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(server.admin(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_connection_without_requests_ends_soon_here() {
    let mut setup = Setup::of(Admission);
    setup.timeouts.admin_idle = std::time::Duration::from_millis(200);
    let server = setup.start().await;
    let mut stream = tokio::net::TcpStream::connect(server.admin_address).await.unwrap();
    let end = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 16]).await;
    assert_eq!(end.unwrap(), 0);
}
