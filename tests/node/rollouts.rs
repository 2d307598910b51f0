//! Replicas that come and go, which nobody's pod may notice.

use crate::harness::{Cluster, Space, helm, pods, space::Gated, wait};
use serde_json::{Value, json};
use std::{
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinSet;

/// Fifty pods a second.
const PACE: Duration = Duration::from_millis(20);

/// Replicas end as they do for everybody.
const DEFAULTS: &str = "";

/// Makes pods at an even pace until `work` is done. Returns all of them; one that is refused is a panic.
pub async fn while_pods_are_made(space: &Space, work: impl Future<Output = ()>) -> Vec<Gated> {
    let (mut work, mut made) = (pin!(work), JoinSet::new());
    let mut pace = tokio::time::interval(PACE);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            () = &mut work => return made.join_all().await,
            _ = pace.tick() => {
                let space = space.clone();
                made.spawn(async move { space.gated().await });
            }
        }
    }
}

#[track_caller]
pub fn assert_all_injected(made: &[Gated], during: &str) {
    let bare = made.iter().filter(|gated| pods::sidecars(&gated.pod) == 0).count();
    let slowest = made.iter().map(|gated| gated.took).max().unwrap();
    assert!(made.len() > 100, "{during}: {} pods", made.len());
    assert_eq!(bare, 0, "{during}: of {} pods; slowest {slowest:?}", made.len());
}

#[tokio::test]
async fn a_rollout_and_a_lost_replica_cost_no_pod_its_sidecar() {
    let cluster = Cluster::alone().await;
    // Of its audit log nobody wants to know.
    let space = cluster.space("quiet").await;
    cluster.install(DEFAULTS).await;

    let restart = async {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().to_string();
        let stamp = json!({"kubectl.kubernetes.io/restartedAt": now});
        cluster.patch(&json!({"spec": {"template": {"metadata": {"annotations": stamp}}}})).await;
        cluster.settled().await;
    };
    let made = while_pods_are_made(&space, restart).await;
    assert_all_injected(&made, "rollout restart");

    let lost = cluster.replicas().await.remove(0);
    let loss = async {
        let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}});
        for key in ["name", "namespace"] {
            pod["metadata"][key] = lost["metadata"][key].clone();
        }
        cluster.api.delete_now(&pod).await.created();
        wait::until("another replica", async || {
            let replicas = cluster.replicas().await;
            let other = replicas.iter().all(|pod| pod["metadata"]["uid"] != lost["metadata"]["uid"]);
            (other && replicas.len() == 2).then_some(())
        })
        .await;
        cluster.settled().await;
    };
    // Longer than the node leaves it to end.
    let meanwhile = async { _ = tokio::join!(loss, tokio::time::sleep(Duration::from_secs(5))) };
    let made = while_pods_are_made(&space, meanwhile).await;
    assert_all_injected(&made, "a lost replica");
    space.end().await;
}

/// What makes the injector's certificates trusted.
async fn ca(cluster: &Cluster) -> (Value, Value) {
    let secret = cluster.get("v1", "Secret", "datadog-sidecar-injector-ca").await.created();
    let kind = "MutatingWebhookConfiguration";
    let webhook = cluster.get("admissionregistration.k8s.io/v1", kind, helm::NAME).await.created();
    let entries = webhook["webhooks"].as_array().unwrap().iter();
    let bundles: Vec<_> = entries.map(|entry| entry["clientConfig"]["caBundle"].clone()).collect();
    (secret["data"]["ca.crt"].clone(), bundles.into())
}

#[tokio::test]
async fn after_helm_upgrade_the_next_pod_has_the_new_profile_and_the_ca_stays() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("upgraded").await;
    cluster.install(DEFAULTS).await;
    let before = ca(&cluster).await;
    assert_eq!(before.1, json!([before.0, before.0]));
    let label = "objectSelector: {matchLabels: {agent.datadoghq.com/sidecar: fargate}}";
    let other = "objectSelector: {matchLabels: {app: other}}";
    for (round, selectors) in [
        // Added, renamed and in another order, removed.
        ("one", format!("[{{name: a, {label}}}, {{name: b, {other}}}]")),
        ("two", format!("[{{name: c, {other}}}, {{name: d, {label}}}]")),
        ("three", "null".to_owned()),
    ] {
        let values = format!(
            "clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: {selectors}, \
             profiles: [{{env: [{{name: DD_ROUND, value: {round}}}]}}]}}}}}}"
        );
        // Connections of the API server, which it keeps.
        let ahead = futures::future::join_all((0..10).map(|_| space.gated())).await;
        assert!(ahead.iter().all(|gated| pods::sidecars(&gated.pod) == 1));
        let said = helm::put("upgrade", &values, &["--reset-values"]).await;
        assert!(said.success, "{}\n{}", said.text, cluster.state().await);
        for nth in 0..20 {
            let pod = space.gated().await.pod;
            let agent = pods::container(&pod, pods::SIDECAR);
            assert_eq!(pods::env(agent, "DD_ROUND"), Some(round), "pod {nth} after upgrade {round}");
        }
        assert_eq!(ca(&cluster).await, before, "{round}");
    }
    space.end().await;
}

/// The configuration of a release that tells itself from others.
fn site(site: &str) -> String {
    format!("injector: {{drainDelay: 3s}}\ndatadog: {{site: {site}}}")
}

#[tokio::test]
async fn what_an_operator_does_costs_no_pod_its_sidecar_but_for_what_is_documented() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("quiet-operator").await;
    cluster.install(&site("datadoghq.com")).await;
    let helm = async |arguments: &[&str]| {
        let said = helm::run(arguments).await;
        assert!(said.success, "{arguments:?}: {}\n{}", said.text, cluster.state().await);
        cluster.settled().await;
    };
    let upgrade = async {
        let said = helm::put("upgrade", &site("datadoghq.eu"), &["--reset-values"]).await;
        assert!(said.success, "{}\n{}", said.text, cluster.state().await);
        cluster.settled().await;
    };
    assert_all_injected(&while_pods_are_made(&space, upgrade).await, "an upgrade of values");
    let rollback = helm(&["rollback", "injector", "--wait", "--timeout=90s"]);
    assert_all_injected(&while_pods_are_made(&space, rollback).await, "a rollback");

    // One after the other, as a drain asks for them.
    let drain = async {
        for _ in 0..2 {
            let replica = cluster.replicas().await.remove(0);
            let [name, namespace] = ["name", "namespace"].map(|key| replica["metadata"][key].clone());
            let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": {"name": name, "namespace": namespace}});
            cluster.api.evict(&eviction).await.created();
            wait::until("another replica", async || {
                let replicas = cluster.replicas().await;
                let gone = replicas.iter().all(|pod| pod["metadata"]["uid"] != replica["metadata"]["uid"]);
                (gone && replicas.len() == 2).then_some(())
            })
            .await;
            cluster.settled().await;
        }
    };
    assert_all_injected(&while_pods_are_made(&space, drain).await, "evictions");

    // Until it is back nobody is trusted: pods of that moment have no sidecar, and no pod is refused.
    let kind = "MutatingWebhookConfiguration";
    let webhook = async || cluster.get("admissionregistration.k8s.io/v1", kind, helm::NAME).await.created();
    let wiped = async {
        let entries = webhook().await["webhooks"].clone();
        let entries: Vec<_> = entries
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| json!({"name": entry["name"], "clientConfig": {"caBundle": null}}))
            .collect();
        cluster.api.patch(&webhook().await, "", &json!({"webhooks": entries})).await.created();
        wait::until("caBundle", async || {
            (!webhook().await["webhooks"][0]["clientConfig"]["caBundle"].is_null()).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_secs(5)).await;
    };
    assert_few_are_bare(&while_pods_are_made(&space, wiped).await, 1.0, "caBundle wiped");

    let deleted = async {
        cluster
            .api
            .delete(&json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": helm::NAME}}))
            .await
            .created();
        // As the values are, so that the same object comes back.
        let said =
            helm::put("upgrade", &site("datadoghq.com"), &["--reset-values", "--force-conflicts"]).await;
        assert!(said.success, "{}", said.text);
    };
    while_pods_are_made(&space, deleted).await;
    let after = while_pods_are_made(&space, tokio::time::sleep(Duration::from_secs(3))).await;
    assert_all_injected(&after, "after the webhook configuration was deleted and restored");
    space.end().await;
}

/// At most what comes in so many seconds.
#[track_caller]
fn assert_few_are_bare(made: &[Gated], seconds: f64, during: &str) {
    let bare = made.iter().filter(|gated| pods::sidecars(&gated.pod) == 0).count();
    let most = (seconds / PACE.as_secs_f64()) as usize;
    assert!(made.len() > 100 && bare <= most, "{during}: {bare} of {} pods, at most {most}", made.len());
}
