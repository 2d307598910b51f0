//! Pods that end: with their applications, and not when the agent has nothing else to do.

use crate::harness::{Cluster, pods, space};

/// How long after its application a pod may go on.
const SOON: i64 = 10;

fn job(name: &str, annotations: &str, init: &str) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: {name}}},
          spec: {{backoffLimit: 0, template: {{
            metadata: {{labels: {{app: {name}, agent.datadoghq.com/sidecar: fargate}}, annotations: {{{annotations}}}}},
            spec: {{restartPolicy: Never, initContainers: [{init}],
              containers: [{{name: work, image: IMAGE, command: [sh, -c, '/entrypoint send && sleep 1']}}]}}}}}}}}"
    )
}

#[tokio::test]
async fn a_job_ends_with_its_application() {
    let cluster = Cluster::shared().await;
    let space = cluster.space("job").await;
    space.create(&job("native", "", "")).await;
    let (job, pod) = space.completed("native").await;
    assert_eq!(pods::names(&pod, "initContainers"), [pods::SIDECAR]);
    assert_eq!(space.found(&pod, "ended").await, "told to");
    let end = space::seconds(&space::state(&pod, "work")["terminated"]["finishedAt"]);
    let took = space::seconds(&job["status"]["completionTime"]) - end;
    assert!(took <= SOON, "{took} s");
}

#[tokio::test]
async fn a_job_ends_beside_other_sidecars() {
    let cluster = Cluster::shared().await;
    let space = cluster.space("job-with-others").await;
    let mesh = "{name: mesh, image: IMAGE, restartPolicy: Always, command: [sleep, '1000']}";
    space.create(&job("others", "", mesh)).await;
    let (job, pod) = space.completed("others").await;
    assert_eq!(pods::names(&pod, "initContainers"), [pods::SIDECAR, "mesh"]);
    let end = space::seconds(&space::state(&pod, "work")["terminated"]["finishedAt"]);
    let took = space::seconds(&job["status"]["completionTime"]) - end;
    assert!(took <= SOON, "{took} s");
}

#[tokio::test]
async fn in_mode_container_the_agent_of_a_job_ends_by_itself() {
    let cluster = Cluster::shared().await;
    let space = cluster.space("job-container").await;
    space.create(&job("container", "agent.datadoghq.com/sidecar.mode: container", "")).await;
    let (_, pod) = space.completed("container").await;
    assert_eq!(pods::names(&pod, "containers"), ["work", pods::SIDECAR]);
    assert_eq!(
        pods::env(pods::container(&pod, pods::SIDECAR), "DD_AUTO_EXIT_NOPROCESS_ENABLED"),
        Some("true")
    );
    assert_eq!(space.found(&pod, "ended").await, "no other process");
}
