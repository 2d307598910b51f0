//! Somebody in the cluster who posts all that fits, to a Service that anybody can reach.

use crate::harness::{Cluster, helm, pods};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, io, pin::pin, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

/// At once, and how often each: several times what a replica takes at once.
const SENDERS: usize = 48;
const POSTS: usize = 3;

/// The largest body that is taken.
const LARGEST: usize = 7 << 20;

/// A review that is as large as may be.
fn review() -> Vec<u8> {
    let review = |filling: &str| {
        let pod = json!({"metadata": {"name": "large", "labels": {"agent.datadoghq.com/sidecar": "fargate"}, "annotations": {"filling": filling}},
            "spec": {"containers": [{"name": "app", "image": "app"}]}});
        let request = json!({"uid": "1", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "operation": "CREATE", "namespace": "flood", "object": pod});
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
            .to_string()
    };
    let filling = "x".repeat(LARGEST - review("").len());
    review(&filling).into_bytes()
}

/// Posts it once; the status of the answer, where there is one.
async fn post(connector: &TlsConnector, address: &str, body: &[u8]) -> io::Result<String> {
    let host = format!("{}.{}.svc", helm::NAME, helm::NAMESPACE);
    let stream = TcpStream::connect(address).await?;
    let mut stream = connector.connect(ServerName::try_from(host.clone()).unwrap(), stream).await?;
    let head = format!(
        "POST /inject HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    // An answer may come before all is sent.
    let sent = async { stream.write_all(head.as_bytes()).await.and(stream.write_all(body).await) }.await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.or(sent.map(|()| 0))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn large_posts_end_no_replica() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("flood").await;
    cluster.install(helm::STANDARD).await;

    let webhook = cluster
        .get("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", helm::NAME)
        .await
        .created();
    let bundle =
        STANDARD.decode(webhook["webhooks"][0]["clientConfig"]["caBundle"].as_str().unwrap()).unwrap();
    let mut roots = RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(&bundle) {
        roots.add(ca.unwrap()).unwrap();
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let service = cluster.get("v1", "Service", helm::NAME).await.created();
    let address = format!("{}:443", service["spec"]["clusterIP"].as_str().unwrap());

    let body: Arc<[u8]> = review().into();
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (connector, address, body) = (connector.clone(), address.clone(), body.clone());
        senders.spawn(async move {
            let mut answers = Vec::new();
            for _ in 0..POSTS {
                let answer = post(&connector, &address, &body).await;
                answers.push(answer.unwrap_or_else(|error| error.kind().to_string()));
            }
            answers
        });
    }
    // The API server's own reviews have to get through.
    let (mut made, mut injected) = (0, 0);
    let mut all = pin!(senders.join_all());
    let answers = loop {
        tokio::select! {
            answers = &mut all => break answers,
            gated = space.gated() => {
                made += 1;
                injected += pods::sidecars(&gated.pod);
            }
        }
    };
    assert!(made > 0 && injected * 10 >= made * 9, "{injected} of {made} pods");
    let mut counts = BTreeMap::<String, usize>::new();
    for answer in answers.into_iter().flatten() {
        *counts.entry(answer).or_default() += 1;
    }
    assert!(counts.contains_key("HTTP/1.1 200"), "{counts:?}");

    for replica in cluster.replicas().await {
        let status: &Value = &replica["status"]["containerStatuses"][0];
        assert_eq!((&status["restartCount"], &status["ready"]), (&json!(0), &json!(true)), "{status:#}");
    }
    for _ in 0..20 {
        assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
    }
}
