//! Replicas whose number somebody else says: no upgrade takes it back, and none is refused for it.

use crate::harness::{Release, release::NAME};
use serde_json::{Value, json};

const SCALED: &str = "injector: {autoscaling: {enabled: true, create: false}, drainDelay: DELAY}";

async fn replicas(release: &Release) -> Value {
    release.get("apps/v1", "Deployment", NAME).await.unwrap()["spec"]["replicas"].clone()
}

async fn scaling(release: Release) {
    release.put("install", &SCALED.replace("DELAY", "1s"));
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": release.namespace}});
    for (number, delay) in [(5, "2s"), (3, "3s")] {
        // As the HorizontalPodAutoscaler does.
        release.api.merge(&deployment, "/scale", &json!({"spec": {"replicas": number}})).await.created();
        release.put("upgrade", &SCALED.replace("DELAY", delay));
        assert_eq!(replicas(&release).await, number);
        let changed = release.get("apps/v1", "Deployment", NAME).await.unwrap();
        assert!(changed.to_string().contains(&format!("--drain-delay={delay}")));
    }
    // Back to the chart.
    release.put("upgrade", "injector: {replicas: 3}");
    release.uninstall().await;
}

#[tokio::test]
async fn an_upgrade_leaves_the_number_of_replicas_to_the_autoscaler() {
    scaling(Release::new("autoscaling").await).await;
}

#[tokio::test]
async fn so_does_one_by_helm_3() {
    scaling(Release::by("HELM3", "autoscaling-by-helm-3").await).await;
}

/// A release of before, scaled by hand or by an autoscaler of its own.
#[tokio::test]
async fn a_number_that_the_chart_no_longer_says_stays() {
    let release = Release::new("handed-over").await;
    release.put("install", "");
    let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": release.namespace}});
    release.api.merge(&deployment, "/scale", &json!({"spec": {"replicas": 4}})).await.created();
    release.put("upgrade", "injector: {autoscaling: {enabled: true}}");
    assert_eq!(replicas(&release).await, 4);
    let scaler = release.get("autoscaling/v2", "HorizontalPodAutoscaler", NAME).await.unwrap();
    assert_eq!(scaler["spec"]["scaleTargetRef"]["name"], NAME);
    release.uninstall().await;
}
