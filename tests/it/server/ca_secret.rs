//! What becomes of the Secret of the CAs on its way: nothing of it may reach a log.

use super::{harness::PATIENCE, process::command};
use bytes::Bytes;
use datadog_sidecar_injector::certs::store::Store;
use http_body_util::Full;
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
};

const SECRET: &str = "/api/v1/namespaces/datadog-agent/secrets/datadog-sidecar-injector-ca";

/// The address of an API server that gives this answer about the Secret, and 404 about everything else.
async fn api_server(code: u16, answer: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let about_it = SECRET.starts_with(request.uri().path()) && request.method() == Method::POST
                    || request.uri().path() == SECRET;
                let (code, answer) =
                    if about_it { (code, answer.clone()) } else { (404, status(404, "NotFound")) };
                let response =
                    Response::builder().status(code).body(Full::<Bytes>::from(answer.to_string())).unwrap();
                async move { Ok::<_, Infallible>(response) }
            });
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    url
}

fn status(code: u16, reason: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "message": "", "reason": reason, "code": code })
}

async fn store(code: u16, answer: Value) -> Store {
    let url = api_server(code, answer).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    Store::new(client, "datadog-agent", "datadog-sidecar-injector-ca")
}

fn secret(version: &Value, key: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "resourceVersion": version },
        "data": { "ca.key": key } })
}

#[tokio::test]
async fn nothing_of_an_answer_is_logged_whatever_is_wrong_with_it() {
    const MARK: &str = "bWFyaw==";
    for answer in [
        secret(&json!("1"), &json!([MARK])),
        secret(&json!("1"), &json!(format!("{MARK}!"))),
        secret(&json!([MARK]), &json!(MARK)),
        json!({ "kind": MARK }),
    ] {
        let url = api_server(200, answer.clone()).await;
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let config = json!({ "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
            "clusters": [{ "name": "it", "cluster": { "server": url } }],
            "users": [{ "name": "it", "user": {} }] });
        std::fs::write(&kubeconfig, config.to_string()).unwrap();
        let mut child = command(&["--self-managed", "--log-level", "debug,kube_client=trace"])
            .args(["--bind", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0"])
            .env("KUBECONFIG", &kubeconfig)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = String::new();
        let told = async {
            while !log.contains("cannot read the Secret: the answer is no Secret") {
                log += &lines.next_line().await.unwrap().expect("it goes on");
            }
        };
        let told = tokio::time::timeout(PATIENCE, told).await;
        assert!(told.is_ok(), "of {answer} it does not say what is wrong: {log}");
        assert!(log.contains("requesting"), "what kube logs is seen: {log}");
        assert!(!log.contains(MARK), "{log}");
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_or_was_written_by_somebody_else_is_no_error() {
    let content = store(404, status(404, "NotFound")).await.read().await.unwrap();
    assert!(content.version.is_none() && content.cas.is_empty() && content.damage.is_none());
    for version in [None, Some("1")] {
        assert!(!store(409, status(409, "Conflict")).await.write(version, &[]).await.unwrap());
        assert!(store(403, status(403, "Forbidden")).await.write(version, &[]).await.is_err());
    }
    assert!(store(403, status(403, "Forbidden")).await.read().await.is_err());
}
