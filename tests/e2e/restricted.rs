//! Namespaces that enforce the `restricted` Pod Security Standard: a pod that passes it passes it with the sidecar.

use crate::harness::{Scene, pods};
use serde_json::{Value, json};

const LEVEL: &str = "pod-security.kubernetes.io/enforce";

/// A pod of which the whole is restricted, but for what only containers can say.
const BY_POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}}
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 2000, seccompProfile: {type: RuntimeDefault}}
  initContainers: [{name: init, image: i, securityContext: &c {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}}]
  containers: [{name: app, image: a, securityContext: *c}]
";

/// A pod of which each container is restricted.
const BY_CONTAINER: &str = "
apiVersion: v1
kind: Pod
metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}}
spec:
  initContainers:
    - name: init
      image: i
      securityContext: &c
        allowPrivilegeEscalation: false
        capabilities: {drop: [ALL]}
        runAsNonRoot: true
        runAsUser: 1000
        seccompProfile: {type: RuntimeDefault}
  containers: [{name: app, image: a, securityContext: *c}]
";

/// Injects in a namespace that enforces the standard and checks every container of ours.
async fn passes(name: &'static str, config: &str, manifest: &str) -> Value {
    let (scene, _injector) = Scene::labelled(name, json!({LEVEL: "restricted"}), config).await;
    let pod = scene.inject(manifest).await.pod;
    let ours = [pods::container(&pod, pods::SIDECAR), pods::container(&pod, "init-copy-agent-config")];
    for container in ours.into_iter().filter(|container| container.is_object()) {
        assert_eq!(container["securityContext"]["runAsUser"], 100, "{container:#}");
    }
    pod
}

fn profile(fields: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{fields}}}}}}}")
}

#[tokio::test]
async fn the_standard_is_enforced_here() {
    let scene = Scene::empty("restricted-at-all", json!({LEVEL: "restricted"})).await;
    let loose =
        "{apiVersion: v1, kind: Pod, metadata: {name: app}, spec: {containers: [{name: app, image: app}]}}";
    let reply = scene.try_pod(&crate::harness::yaml(loose)).await;
    assert_eq!(reply.status, 403);
    assert!(reply.message().contains("violates PodSecurity"), "{}", reply.message());
}

#[tokio::test]
async fn a_pod_restricted_as_a_whole_passes() {
    passes("restricted-pod", "", BY_POD).await;
}

#[tokio::test]
async fn a_pod_restricted_container_by_container_passes() {
    passes("restricted-containers", "", BY_CONTAINER).await;
}

#[tokio::test]
async fn it_passes_with_logs_from_the_kubelet() {
    let config = profile("kubeletApiLogging: {enabled: true, containerCollectAll: true}");
    let pod = passes("restricted-logs", &config, BY_POD).await;
    assert_eq!(pods::env(pods::container(&pod, pods::SIDECAR), "DD_LOGS_ENABLED"), Some("true"));
}

#[tokio::test]
async fn it_passes_with_a_read_only_root_and_its_copy_step() {
    let config = profile("profiles: [{securityContext: {readOnlyRootFilesystem: true}}]");
    let pod = passes("restricted-read-only", &config, BY_CONTAINER).await;
    assert!(pods::container(&pod, "init-copy-agent-config").is_object());
    assert_eq!(pods::container(&pod, pods::SIDECAR)["securityContext"]["readOnlyRootFilesystem"], true);
}

#[tokio::test]
async fn it_passes_with_everything_at_once_natively() {
    let config = profile(
        "kubeletApiLogging: {enabled: true}, clusterAgentTlsVerification: {enabled: true}, \
         profiles: [{mode: native, securityContext: {readOnlyRootFilesystem: true}}]",
    );
    let pod = passes("restricted-native", &config, BY_POD).await;
    assert_eq!(pods::names(&pod, "initContainers"), ["init-copy-agent-config", pods::SIDECAR, "init"]);
}
