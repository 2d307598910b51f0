//! Webhooks of others, which live in the cluster beside ours.

use super::{Scene, injector::webhook};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc};
use tokio::net::TcpListener;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

/// What another webhook does to a pod: JSON Patch operations, none to leave it.
pub type Mutation = fn(pod: &Value) -> Vec<Value>;

/// Serves a webhook for the pods of a scene until the test ends, registers it under this name and waits until it is called. It
/// is called once for a pod, whatever others change later.
pub async fn serve(scene: &Scene, name: &str, mutation: Mutation) {
    let authority = &scene.cluster.authority;
    let pair = authority.server(&["127.0.0.1"]);
    let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());

    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let answer = service_fn(move |request| answer(request, mutation));
                _ = http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), answer)
                    .await;
            });
        }
    });
    let client_config = json!({"caBundle": STANDARD.encode(authority.pem()), "url": url});
    let mut webhook = webhook(name, scene.name, &client_config);
    webhook["webhooks"][0]["reinvocationPolicy"] = "Never".into();
    scene.register(&webhook).await;
}

async fn answer(
    request: Request<Incoming>,
    mutation: Mutation,
) -> Result<Response<Full<hyper::body::Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let operations = mutation(&review["request"]["object"]);
    let mut response = json!({"uid": review["request"]["uid"], "allowed": true});
    if !operations.is_empty() {
        response["patchType"] = "JSONPatch".into();
        response["patch"] = STANDARD.encode(Value::from(operations).to_string()).into();
    }
    let review = json!({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response});
    Ok(Response::new(Full::from(review.to_string())))
}
