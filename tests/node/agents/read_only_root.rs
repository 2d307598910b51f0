//! The agent with a read-only root.

use crate::harness::{Cluster, Space};
use serde_json::{Value, json};

async fn run(space: &Space, name: &str, profile: &str) -> Value {
    space
        .create(&format!(
            "{{apiVersion: v1, kind: Pod,
              metadata: {{name: {name}, labels: {{agent.datadoghq.com/sidecar: fargate}},
                annotations: {{agent.datadoghq.com/sidecar.profile: {profile}}}}},
              spec: {{
                securityContext: {{runAsNonRoot: true, runAsUser: 1000, seccompProfile: {{type: RuntimeDefault}}}},
                containers: [{{name: app, image: IMAGE, command: [sh, -c, '/entrypoint send && sleep 1000'],
                  securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}}}]}}}}"
        ))
        .await;
    space.ready(name).await
}

#[tokio::test]
async fn five_paths_are_writable_and_nothing_else_in_a_restricted_namespace() {
    let cluster = Cluster::shared().await;
    let space = cluster.restricted_space("locked").await;
    let pod = run(&space, "locked", "locked").await;
    assert_eq!(
        space.found(&pod, "writable").await,
        json!([
            "/etc/datadog-agent",
            "/opt/datadog-agent/run",
            "/tmp",
            "/var/log/datadog",
            "/var/run/datadog"
        ])
    );
    assert_eq!(space.found(&pod, "user").await, 100);
    // And what the application sends arrives.
    space.found(&pod, "metric").await;
}

#[tokio::test]
async fn without_it_the_image_decides() {
    let cluster = Cluster::shared().await;
    let space = cluster.restricted_space("unlocked").await;
    let pod = run(&space, "unlocked", "default").await;
    let writable = space.found(&pod, "writable").await;
    assert!(writable.as_array().unwrap().contains(&json!("/opt")), "{writable}");
}
