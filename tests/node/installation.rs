//! From `helm install` to `helm uninstall`.

use crate::harness::{Cluster, cluster, helm, pods, space, wait};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::fs;

/// The values of Datadog's documentation, as its users have them.
const DATADOG: &str = "
clusterAgent:
  admissionController:
    agentSidecarInjection:
      selectors:
        - objectSelector:
            matchLabels:
                \"app\": redis
      profiles:
        - env:
          - name: DD_PROCESS_AGENT_PROCESS_COLLECTION_ENABLED
            value: \"true\"
          resources:
            requests:
              cpu: \"400m\"
              memory: \"256Mi\"
            limits:
              cpu: \"800m\"
              memory: \"512Mi\"
";

/// And its flags.
const FLAGS: [&str; 6] = [
    "--set=datadog.clusterName=cluster-name",
    "--set=agents.enabled=false",
    "--set=datadog.apiKeyExistingSecret=datadog-secret",
    "--set=clusterAgent.tokenExistingSecret=datadog-secret",
    "--set=clusterAgent.admissionController.agentSidecarInjection.enabled=true",
    "--set=clusterAgent.admissionController.agentSidecarInjection.provider=fargate",
];

#[tokio::test]
async fn the_next_pod_after_helm_install_runs_with_its_agent() {
    let cluster = Cluster::alone().await;
    cluster.uninstall().await;
    cluster.without_replicas().await;
    let space = cluster.space("fresh").await;
    let said = helm::put("install", DATADOG, &FLAGS).await;
    assert!(said.success, "{}\n{}", said.text, cluster.state().await);

    let pod = space
        .create(
            "{apiVersion: v1, kind: Pod, metadata: {name: redis, labels: {app: redis}},
              spec: {containers: [{name: redis, image: IMAGE, command: [sh, -c, '/entrypoint send && sleep 1000']}]}}",
        )
        .await;
    assert_eq!(pods::sidecars(&pod), 1);
    let pod = space.ready("redis").await;
    let agent = pods::container(&pod, pods::SIDECAR);
    assert_eq!(pods::env(agent, "DD_CLUSTER_NAME"), Some("cluster-name"));
    assert_eq!(agent["resources"]["limits"]["cpu"], "800m");
    // It finds the Cluster Agent by its name, and gets what the application sends.
    let service = cluster.get("v1", "Service", "datadog-cluster-agent").await.created();
    assert_eq!(space.found(&pod, "clusterAgent").await, service["spec"]["clusterIP"]);
    space.found(&pod, "trace").await;
    space.found(&pod, "metric").await;

    // In a namespace that enforces it, Pod Security has seen to the rest.
    let replicas = cluster.replicas().await;
    assert_eq!(replicas.len(), 2);
    for replica in replicas {
        assert!(space::condition(&replica, "Ready"));
        assert_eq!(replica["status"]["containerStatuses"][0]["restartCount"], 0);
        let security: &Value = &replica["spec"]["containers"][0]["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true);
    }
}

/// Sees that nothing of a release is left.
async fn assert_nothing_left(cluster: &Cluster) {
    let (own, ca, probe) = (helm::NAME, "datadog-sidecar-injector-ca", "datadog-sidecar-injector-probe");
    for (version, kind, name) in [
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", own),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", own),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", own),
        ("rbac.authorization.k8s.io/v1", "Role", own),
        ("rbac.authorization.k8s.io/v1", "Role", probe),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", own),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", probe),
        ("v1", "Secret", ca),
        ("v1", "ServiceAccount", own),
        ("v1", "ServiceAccount", probe),
        ("v1", "ConfigMap", own),
        ("v1", "Service", own),
        ("policy/v1", "PodDisruptionBudget", own),
        ("apps/v1", "Deployment", own),
    ] {
        let found = cluster.get(version, kind, name).await;
        assert_eq!(found.status, 404, "{kind} {name}: {:#}", found.body);
    }
    assert_eq!(cluster.api.list("batch/v1", "Job", helm::NAMESPACE).await, [Value::Null; 0]);
    cluster.without_replicas().await;
    // One that was late to see the end has made nothing anew.
    assert_eq!(cluster.get("v1", "Secret", ca).await.status, 404);
}

#[tokio::test]
async fn uninstall_leaves_nothing_also_with_the_injector_dead_and_install_works_again() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("uninstalled").await;
    cluster.install(helm::STANDARD).await;
    assert_eq!(pods::sidecars(&space.gated().await.pod), 1);

    cluster.uninstall().await;
    assert_eq!(pods::sidecars(&space.gated().await.pod), 0);
    assert_nothing_left(&cluster).await;

    let said = helm::put("install", helm::STANDARD, &[]).await;
    assert!(said.success, "{}\n{}", said.text, cluster.state().await);
    assert_eq!(pods::sidecars(&space.gated().await.pod), 1);

    cluster.patch(&json!({"spec": {"replicas": 0}})).await;
    cluster.without_replicas().await;
    cluster.uninstall().await;
    assert_nothing_left(&cluster).await;
    assert_eq!(pods::sidecars(&space.gated().await.pod), 0);
}

#[tokio::test]
async fn a_configuration_that_is_refused_is_told_where_kubectl_describe_shows_it() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("refused").await;
    cluster.install(helm::STANDARD).await;
    let before: Vec<_> = names(&cluster.replicas().await);

    let twice =
        "clusterAgent: {admissionController: {agentSidecarInjection: {profiles: [{name: a}, {name: a}]}}}";
    let said = helm::put("upgrade", twice, &["--reset-values", "--timeout=10s"]).await;
    assert!(!said.success, "{}", said.text);
    let message = wait::until("a replica that has ended", async || {
        let replicas = cluster.replicas().await;
        let status = replicas.iter().find_map(|pod| {
            let status = &pod["status"]["containerStatuses"][0];
            [&status["state"], &status["lastState"]]
                .into_iter()
                .map(|state| &state["terminated"])
                .find(|ended| ended["exitCode"] == 2)
                .cloned()
        })?;
        status["message"].as_str().map(str::to_owned)
    })
    .await;
    let last = message.lines().next_back().unwrap_or_default();
    assert!(last.contains("profiles[1].name") && last.contains("values.yaml:"), "{message}");

    // Those that were there go on, with what they had.
    let replicas = cluster.replicas().await;
    for name in before {
        let pod = replicas.iter().find(|pod| pod["metadata"]["name"] == *name).unwrap();
        assert!(space::condition(pod, "Ready"), "{name}");
    }
    assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
    // And the next upgrade is none the worse for it.
    let said = helm::put("upgrade", helm::STANDARD, &["--reset-values"]).await;
    assert!(said.success, "{}", said.text);
}

/// What the replicas have written, each time.
fn writes() -> Vec<String> {
    let user = format!("system:serviceaccount:{}:{}", helm::NAMESPACE, helm::NAME);
    let log = fs::read_to_string(cluster::folder().join("audit.log")).unwrap();
    let events = log
        .lines()
        .filter(|line| line.contains(&user))
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let theirs = events.filter(|event| event["user"]["username"] == user);
    theirs.map(|event| format!("{} {}", event["verb"], event["requestURI"])).collect()
}

#[tokio::test]
async fn three_replicas_that_start_at_once_make_one_ca_and_then_write_nothing() {
    let cluster = Cluster::alone().await;
    let space = cluster.space("three").await;
    cluster.uninstall().await;
    cluster.without_replicas().await;
    let before = writes().len();
    let said = helm::put("install", "injector: {replicas: 3, drainDelay: 3s}", &[]).await;
    assert!(said.success, "{}\n{}", said.text, cluster.state().await);
    assert_eq!(cluster.replicas().await.len(), 3);
    let secret = cluster.get("v1", "Secret", "datadog-sidecar-injector-ca").await.created();
    let ca = STANDARD.decode(secret["data"]["ca.crt"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(ca).unwrap().matches("BEGIN CERTIFICATE").count(), 1);

    let written = writes();
    assert!(written.len() > before, "the audit log tells of no write");
    // For as long as the proof takes, and some pods.
    let said = helm::run(&["test", "injector"]).await;
    assert!(said.success, "{}", said.text);
    for _ in 0..20 {
        assert_eq!(pods::sidecars(&space.gated().await.pod), 1);
    }
    assert_eq!(writes()[written.len()..], [""; 0]);
}

fn names(pods: &[Value]) -> Vec<String> {
    pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}
