//! Reviews of pods in namespaces that the watch has not told of yet.

use super::harness::{Reply, Server, Setup, review};
use datadog_sidecar_injector::{config, server::Admission, view::View};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const TWO: &str = "
clusterAgent: {admissionController: {agentSidecarInjection: {selectors: [
  {namespaceSelector: {matchLabels: {agents: 'yes'}}},
  {objectSelector: {matchLabels: {never: 'set'}}}]}}}";

async fn started(selectors: &str) -> (Server, Arc<View>) {
    let seen = Arc::<View>::default();
    seen.change(|seen| seen.namespaces = Some(Arc::default()));
    let config = config::load(selectors, "values.yaml").unwrap();
    let server = Setup { config, seen: seen.clone(), ..Setup::of(Admission) }.start().await;
    (server, seen)
}

fn learn(seen: &View, agents: &str) {
    seen.change(|seen| {
        let namespaces = Arc::make_mut(seen.namespaces.get_or_insert_default());
        namespaces.insert("shop".to_owned(), [("agents".to_owned(), agents.to_owned())].into());
    });
}

fn body() -> Vec<u8> {
    let mut review = review("v1", "1");
    review["request"]["object"]["metadata"]["labels"] = json!({});
    review.to_string().into_bytes()
}

async fn posted(server: &Server) -> Reply {
    server.client().await.post(&body()).await.unwrap()
}

/// Posts, and tells of the namespace once the review waits for it.
async fn told_meanwhile(agents: &str) -> Reply {
    let (server, seen) = started(TWO).await;
    let tell = async {
        super::harness::eventually("waits", || async { seen.is_awaited() }).await;
        learn(&seen, agents);
    };
    let (reply, ()) = tokio::join!(posted(&server), tell);
    reply
}

#[tokio::test]
async fn a_review_waits_for_what_the_watch_will_tell() {
    let injected = told_meanwhile("yes").await.json();
    assert_eq!(injected["response"]["patchType"], "JSONPatch", "{injected}");
    let left = told_meanwhile("no").await.json();
    assert_eq!(left["response"], json!({"uid": "1", "allowed": true}));
}

#[tokio::test]
async fn what_stays_unknown_is_said() {
    let (server, _seen) = started(TWO).await;
    let began = Instant::now();
    let reply = posted(&server).await.json();
    assert!(began.elapsed() >= Duration::from_millis(390), "it waits");
    assert_eq!(
        reply["response"]["warnings"],
        json!([
            "datadog sidecar: not injected, namespace_unknown: its namespace's labels are not known yet: \
                create the pod again"
        ])
    );
    assert_eq!(reply["response"]["auditAnnotations"]["reason"], "namespace_unknown");
    assert_eq!(reply["response"]["patch"], json!(null));
    assert!(server.metrics.text().contains(r#"reason="namespace_unknown",profile=""} 1"#));
    // The time that the sender gives is kept as well.
    let began = Instant::now();
    let head = "POST /inject?timeout=100ms HTTP/1.1\r\nContent-Type: application/json";
    let reply = server.client().await.request(head, &body()).await.unwrap().json();
    assert_eq!(reply["response"]["auditAnnotations"]["reason"], "namespace_unknown");
    assert!(began.elapsed() < Duration::from_millis(400));
}

#[tokio::test]
async fn nothing_waits_where_the_labels_do_not_matter() {
    let one = TWO.replace(",\n  {objectSelector: {matchLabels: {never: 'set'}}}", "");
    let other = TWO.replace("agents: 'yes'", "kubernetes.io/metadata.name: shop");
    for (selectors, why) in [(one, "the API server's match stands"), (other, "the name is known")] {
        let (server, _seen) = started(&selectors).await;
        let began = Instant::now();
        let reply = posted(&server).await.json();
        assert_eq!(reply["response"]["patchType"], "JSONPatch", "{why}: {reply}");
        assert!(began.elapsed() < Duration::from_millis(400), "{why}");
    }
}
