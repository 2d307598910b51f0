//! What starts before what.

use crate::harness::{Cluster, pods, space};

/// The stand-in is up three seconds after its start; moments are told in whole seconds.
const UP_AFTER: i64 = 2;

#[tokio::test]
async fn with_wait_for_agent_the_application_starts_when_the_agent_is_up() {
    let cluster = Cluster::shared().await;
    let space = cluster.space("waiting").await;
    space
        .create(
            "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web},
              spec: {selector: {matchLabels: {app: web}}, template: {
                metadata: {labels: {app: web, agent.datadoghq.com/sidecar: fargate},
                  annotations: {agent.datadoghq.com/sidecar.profile: waiting}},
                spec: {containers: [{name: web, image: IMAGE, command: [sh, -c, '/entrypoint send && sleep 1000']}]}}}}",
        )
        .await;
    let pod = space.pod_of("web", "Ready", |pod| space::condition(pod, "Ready")).await;
    assert_eq!(pods::names(&pod, "initContainers"), [pods::SIDECAR]);
    let started = |container| space::seconds(&space::state(&pod, container)["running"]["startedAt"]);
    let apart = started("web") - started(pods::SIDECAR);
    assert!(apart >= UP_AFTER, "{apart} s");
    // What it sends at once is taken.
    space.found(&pod, "trace").await;
}
