//! Workload Protection: the published set-up for ECS, as a pod.

use crate::harness::{Cluster, pods, space};
use serde_json::{Value, json};

const VOLUME: &str = "cws-instrumentation-volume";

#[tokio::test]
async fn commands_run_under_the_tracer_after_the_agent_and_the_migration() {
    let cluster = Cluster::shared().await;
    let space = cluster.space("guarded").await;
    let reply = space
        .try_create(
            "{apiVersion: v1, kind: Pod,
              metadata: {name: web, labels: {agent.datadoghq.com/sidecar: fargate}, annotations: {
                agent.datadoghq.com/sidecar.profile: guarded,
                agent.datadoghq.com/sidecar.entrypoints: '{\"given\": [\"/bin/sleep\"]}'}},
              spec: {
                initContainers: [{name: migration, image: IMAGE, command: [sh, -c, '/entrypoint health']}],
                containers: [
                  {name: web, image: IMAGE, command: [sh, -c], args: ['sleep 1000']},
                  {name: given, image: IMAGE, args: ['1000']},
                  {name: silent, image: IMAGE, args: [wait]}]}}",
        )
        .await;
    let warnings = reply.warnings.join("\n");
    assert!(
        warnings.contains("sidecar.entrypoints") && warnings.contains("silent"),
        "{warnings} {}",
        reply.body
    );
    reply.created();
    let pod = space.ready("web").await;

    // The migration finds an agent that is up.
    let init = pods::names(&pod, "initContainers");
    assert_eq!(init, ["cws-instrumentation-init", pods::SIDECAR, "migration"]);
    assert_eq!(space::state(&pod, "migration")["terminated"]["exitCode"], 0);

    let tracer = "/cws-instrumentation-volume/cws-instrumentation";
    let container = |name| pods::container(&pod, name);
    assert_eq!(container("web")["command"], json!([tracer, "trace", "--", "sh", "-c"]));
    assert_eq!(container("given")["command"], json!([tracer, "trace", "--", "/bin/sleep"]));
    assert_eq!(container("silent")["command"], Value::Null);
    for name in ["web", "given"] {
        let mounts = container(name)["volumeMounts"].as_array().unwrap();
        let mount = mounts.iter().find(|mount| mount["name"] == VOLUME).unwrap();
        assert_eq!(mount["readOnly"], true, "{name}");
    }
    assert_eq!(pods::mount(container("silent"), VOLUME), None);
    assert!(!pod["spec"].to_string().contains("PTRACE"));

    // The agent hears of what runs; of which first is their own affair.
    let traced = space.found(&pod, "traced").await;
    assert!(
        traced == json!(["sh", "-c", "sleep 1000"]) || traced == json!(["/bin/sleep", "1000"]),
        "{traced}"
    );
}
