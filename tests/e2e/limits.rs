//! Namespaces and pods that limit what may be used.

use crate::harness::{Scene, pods, scene::in_namespace, wait, yaml};
use serde_json::{Value, json};

fn pod(spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: app, labels: {{agent.datadoghq.com/sidecar: fargate}}}}, spec: {{{spec}}}}}"
    )
}

/// What the API server sums up against a quota; the controller isn't asked.
async fn quota(scene: &Scene, namespace: &str, hard: Value) {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": {"hard": hard}});
    let quota = scene.api.create(&in_namespace(quota, namespace)).await.created();
    let used: serde_json::Map<_, _> =
        hard.as_object().unwrap().keys().map(|key| (key.clone(), "0".into())).collect();
    scene.api.merge(&quota, "/status", &json!({"status": {"hard": hard, "used": used}})).await.created();
}

#[tokio::test]
async fn a_limit_range_gives_its_defaults_to_the_user_and_leaves_the_sidecar_alone() {
    let (scene, _injector) = Scene::serving("limit-range", "").await;
    for namespace in [&scene.namespace, &scene.plain] {
        scene
            .create(
                namespace,
                "{apiVersion: v1, kind: LimitRange, metadata: {name: limits}, spec: {limits: [{type: Container,
                   default: {cpu: 300m, memory: 300Mi}, defaultRequest: {cpu: 100m}, max: {cpu: '1', memory: 1Gi}},
                   {type: Pod, max: {cpu: '1', memory: 1Gi}}]}}",
            )
            .await;
    }
    // A new LimitRange is seen a moment later.
    let bare = pod("containers: [{name: app, image: app}]");
    wait::until("the limits to be in force", async || {
        let limited = scene.api.dry_run(&in_namespace(yaml(&bare), &scene.plain)).await.created();
        limited.pointer("/spec/containers/0/resources/limits/cpu").map(drop)
    })
    .await;

    let injected = scene.inject(&bare).await;
    assert_eq!(
        pods::container(&injected.pod, "app")["resources"],
        json!({"limits": {"cpu": "300m", "memory": "300Mi"}, "requests": {"cpu": "100m", "memory": "300Mi"}})
    );
    let sidecar = &pods::container(&injected.pod, pods::SIDECAR)["resources"];
    assert_eq!(sidecar["requests"], sidecar["limits"]);
}

#[tokio::test]
async fn a_quota_admits_the_sidecar_and_counts_it() {
    let config = "clusterAgent: {admissionController: {agentSidecarInjection: {profiles:
        [{securityContext: {readOnlyRootFilesystem: true}}]}}}";
    let (scene, _injector) = Scene::serving("quota", config).await;
    // A quota refuses a container, or a step before it, that states none of these.
    let hard =
        json!({"requests.cpu": "1", "requests.memory": "1Gi", "limits.cpu": "1", "limits.memory": "1Gi"});
    for namespace in [&scene.namespace, &scene.plain] {
        quota(&scene, namespace, hard.clone()).await;
    }
    scene
        .inject(&pod(
            "containers: [{name: app, image: app, resources: {limits: {cpu: 100m, memory: 100Mi}}}]",
        ))
        .await;
    let quota = yaml("{apiVersion: v1, kind: ResourceQuota, metadata: {name: quota, namespace: quota}}");
    let quota = scene.api.get(&quota).await.created();
    assert_eq!(quota["status"]["used"]["requests.cpu"], "300m");
}

#[tokio::test]
async fn a_sidecar_that_fits_the_resources_of_the_pod_is_added() {
    let (scene, _injector) = Scene::serving("pod-resources", "").await;
    scene
        .inject(&pod("resources: {requests: {cpu: 500m, memory: 512Mi}, limits: {cpu: '1', memory: 1Gi}},
            containers: [{name: app, image: app, resources: {requests: {cpu: 300m, memory: 256Mi}}}]"))
        .await;
}

#[tokio::test]
async fn a_pod_whose_own_resources_the_sidecar_exceeds_is_created_without_it_and_says_why() {
    let (scene, _injector) = Scene::serving("pod-too-small", "").await;
    let by_requests = pod("resources: {requests: {cpu: 400m}, limits: {cpu: '1'}},
        containers: [{name: app, image: app, resources: {requests: {cpu: 300m}}}]");
    let warnings = scene.pass(&by_requests).await;
    assert!(warnings.iter().any(|warning| warning.contains("spec.resources")), "{warnings:?}");

    let by_limits = pod("resources: {limits: {memory: 128Mi}}, containers: [{name: app, image: app}]");
    let warnings = scene.pass(&by_limits.replace("name: app, labels", "name: small, labels")).await;
    assert!(warnings.iter().any(|warning| warning.contains("spec.resources")), "{warnings:?}");
}
