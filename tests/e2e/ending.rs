//! Pods that end, in each mode.

use crate::harness::{Scene, pods};

#[tokio::test]
async fn a_pod_that_chooses_the_mode_container_ends_its_agent_itself() {
    let (scene, _injector) = Scene::serving("mode-container", "").await;
    let injected = scene
        .inject(
            "{apiVersion: v1, kind: Pod,
              metadata: {name: job, labels: {agent.datadoghq.com/sidecar: fargate},
                annotations: {agent.datadoghq.com/sidecar.mode: container}},
              spec: {restartPolicy: Never, containers: [{name: job, image: job}]}}",
        )
        .await;
    assert_eq!(pods::names(&injected.pod, "containers"), ["job", pods::SIDECAR]);
    let sidecar = pods::container(&injected.pod, pods::SIDECAR);
    assert_eq!(pods::env(sidecar, "DD_AUTO_EXIT_NOPROCESS_ENABLED"), Some("true"));
}

#[tokio::test]
async fn the_server_learns_from_the_cluster_that_native_sidecars_are_possible() {
    let (scene, injector) = Scene::serving("version", "").await;
    scene
        .inject(
            "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {agent.datadoghq.com/sidecar: fargate},
                annotations: {agent.datadoghq.com/sidecar.mode: native}},
              spec: {containers: [{name: web, image: web}]}}",
        )
        .await;
    let version = format!("1.{}", scene.api.minor().await);
    assert!(injector.log().contains(&version), "{}", injector.log());
}
