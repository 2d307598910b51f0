//! Beside other webhooks that change the same pods.

use crate::harness::{Scene, other_webhook, pods, yaml};
use serde_json::json;

const APP: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

#[tokio::test]
async fn a_container_added_after_ours_is_completed_in_the_second_round() {
    let (scene, injector) = Scene::serving("late", "").await;
    other_webhook::serve(&scene, "zz-late", |pod| {
        let late = json!({"name": "late", "image": "late"});
        let there = pods::names(pod, "containers").contains(&"late");
        if there {
            Vec::new()
        } else {
            vec![json!({"op": "add", "path": "/spec/containers/-", "value": late})]
        }
    })
    .await;

    let pod = scene.try_pod(&yaml(APP)).await.created();
    assert_eq!(pods::sidecars(&pod), 1);
    assert_eq!(pods::names(&pod, "containers"), ["app", pods::SIDECAR, "late"]);
    let late = pods::container(&pod, "late");
    assert_eq!(pods::mount(late, "ddsockets"), Some("/var/run/datadog"));
    assert_eq!(pods::env(late, "DD_TRACE_AGENT_URL"), Some("unix:///var/run/datadog/apm.socket"));
    assert_eq!(pods::env(late, "DD_DOGSTATSD_URL"), Some("unix:///var/run/datadog/dsd.socket"));

    let ours: Vec<_> =
        scene.calls(&pod).into_iter().filter(|call| call.configuration == injector.configuration).collect();
    assert_eq!(ours.iter().map(|call| call.round).collect::<Vec<_>>(), [0, 1]);
    let completed = &ours[1].patch;
    assert!(
        !completed.is_empty()
            && completed
                .iter()
                .all(|operation| { operation["path"].as_str().unwrap().starts_with("/spec/containers/2/") }),
        "{completed:?}"
    );
}

#[tokio::test]
async fn two_configurations_that_call_us_add_one_sidecar() {
    let (scene, injector) = Scene::serving("twice", "").await;
    let mut second = injector.webhook();
    second["metadata"]["name"] = "datadog-sidecar-injector-twice-again".into();
    scene.register(&second).await;
    let injected = scene.inject(APP).await;
    assert_eq!(pods::names(&injected.pod, "containers"), ["app", pods::SIDECAR]);
}

#[tokio::test]
async fn volumes_of_datadogs_own_webhook_that_fargate_refuses_are_removed_even_when_it_comes_later() {
    let (scene, _injector) = Scene::serving("csi", "").await;
    other_webhook::serve(&scene, "zz-datadog-webhook", |pod| {
        if pods::names(pod, "volumes").contains(&"datadog") || !pod["metadata"]["labels"].is_object() {
            return Vec::new();
        }
        let volume =
            json!({"name": "datadog", "hostPath": {"path": "/var/run/datadog", "type": "DirectoryOrCreate"}});
        vec![json!({"op": "add", "path": "/spec/volumes/-", "value": volume})]
    })
    .await;
    let pod = scene.try_pod(&yaml(APP)).await.created();
    assert_eq!(pods::sidecars(&pod), 1);
    assert!(!pods::names(&pod, "volumes").contains(&"datadog"), "{pod:#}");
    assert!(pods::names(&pod, "volumes").contains(&"ddsockets"));
}
