//! Missing Secrets: pods of namespaces that are known to lack them.

use crate::harness::{
    Injector, Reached, Scene, pods,
    scene::{SCENE, documents, in_namespace},
    wait, yaml,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What nobody but the API server and the pods may see.
const API_KEY: &str = "n0b0dy-sees-the-api-key";
const TOKEN: &str = "n0b0dy-sees-the-token";

/// How soon a Secret that was made or deleted is known, on a loaded machine.
const SOON: Duration = Duration::from_secs(5);

const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {generateName: app-, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

/// The rights of a user of their own.
const RIGHTS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secrets-taken}
rules: [{apiGroups: [''], resources: [namespaces], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: secrets-taken}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: secrets-taken}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: secrets-taken}]
";

fn secret(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "datadog-secret"}, "stringData": data})
}

/// What becomes of a pod made now: the pod and its warnings.
async fn made(scene: &Scene, namespace: &str) -> (Value, String) {
    let reply = scene.api.dry_run(&in_namespace(yaml(POD), namespace)).await;
    let warnings = reply.warnings.join("\n");
    (reply.created(), warnings)
}

/// Waits until a pod made in a namespace is injected, or is not. Returns it and its warnings.
async fn until(scene: &Scene, namespace: &str, injected: bool) -> (Value, String) {
    wait::until(&format!("a pod of {namespace} to be injected: {injected}"), async || {
        let (pod, warnings) = made(scene, namespace).await;
        (pods::sidecars(&pod) == usize::from(injected)).then_some((pod, warnings))
    })
    .await
}

fn cluster_agent(pod: &Value) -> Option<&str> {
    pods::env(pods::container(pod, pods::SIDECAR), "DD_CLUSTER_AGENT_ENABLED")
}

#[tokio::test]
async fn a_pod_without_its_secret_is_left_alone_until_it_is_there() {
    let began = Instant::now();
    let (scene, injector) = Scene::serving("secrets", "").await;
    let [none, no_key, no_token] = ["secrets-none", "secrets-no-key", "secrets-no-token"];
    for namespace in [none, no_key, no_token] {
        scene.make_bare_namespace(namespace, json!({SCENE: "secrets"})).await;
    }
    scene.api.create(&in_namespace(secret(&json!({"token": TOKEN})), no_key)).await.created();
    scene.api.create(&in_namespace(secret(&json!({"api-key": API_KEY})), no_token)).await.created();

    // In a young namespace the Secret may be on its way.
    let (pod, warnings) = made(&scene, none).await;
    if began.elapsed() < Duration::from_secs(30) {
        assert_eq!(pods::sidecars(&pod), 1, "{warnings}");
    }
    let (_, warnings) = until(&scene, none, false).await;
    let told = |lack: &str| format!("datadog sidecar: not injected, secret_missing: {lack}");
    assert_eq!(warnings, told("no Secret secrets-none/datadog-secret: create it with key api-key"));
    let pod = scene.api.create(&in_namespace(yaml(POD), none)).await.created();
    assert_eq!(pod["metadata"]["annotations"], Value::Null);
    assert_eq!(pods::names(&pod, "containers"), ["app"]);
    assert_eq!(pod["spec"]["shareProcessNamespace"], Value::Null);
    let (_, warnings) = until(&scene, no_key, false).await;
    assert_eq!(warnings, told("Secret secrets-no-key/datadog-secret lacks key api-key: add it"));

    let decisions = injector.admin("/decisions").await.unwrap();
    assert!(
        decisions.contains("secret_missing") && decisions.contains("secrets-none/datadog-secret"),
        "{decisions}"
    );
    let metrics = injector.admin("/metrics").await.unwrap();
    assert!(metrics.contains(r#"reason="secret_missing",profile="default"} "#), "{metrics}");
    assert!(metrics.contains("objects_watched 1") && metrics.contains("objects_known 1"), "{metrics}");

    // Only the token is missing.
    wait::until("a pod without the Cluster Agent", async || {
        let (pod, warnings) = made(&scene, no_token).await;
        assert_eq!(pods::sidecars(&pod), 1);
        let text = pod.to_string();
        let without = !text.contains("DD_CLUSTER_AGENT") && text.contains("DD_API_KEY");
        let why = "without the Cluster Agent: Secret secrets-no-token/datadog-secret lacks key token: add it";
        assert_eq!(warnings.contains(why), without, "{warnings}");
        without.then_some(())
    })
    .await;

    // What is made is known at once, and what is deleted as well.
    let began = Instant::now();
    let whole = in_namespace(secret(&json!({"api-key": API_KEY, "token": TOKEN})), none);
    scene.api.create(&whole).await.created();
    let (pod, _) = until(&scene, none, true).await;
    assert_eq!(cluster_agent(&pod), Some("true"));
    for namespace in [no_key, no_token] {
        let named = in_namespace(secret(&Value::Null), namespace);
        let added = json!({"stringData": {"api-key": API_KEY, "token": TOKEN}});
        scene.api.merge(&named, "", &added).await.created();
        wait::until("a pod with the Cluster Agent", async || {
            let (pod, _) = made(&scene, namespace).await;
            (cluster_agent(&pod) == Some("true")).then_some(())
        })
        .await;
    }
    scene.api.delete(&whole).await.created();
    until(&scene, none, false).await;
    assert!(began.elapsed() < SOON * 4, "{:?}", began.elapsed());

    let mut seen = injector.log();
    for page in ["/config", "/decisions", "/metrics", "/readyz"] {
        seen += &injector.admin(page).await.unwrap();
    }
    assert!(seen.contains(r#""name": "datadog-secret""#), "{seen}");
    for value in [API_KEY, TOKEN] {
        assert!(!seen.contains(value) && !seen.contains(&STANDARD.encode(value)), "{value} in {seen}");
    }
}

#[tokio::test]
async fn without_the_right_to_see_secrets_every_pod_is_injected() {
    let scene = Scene::empty("secrets-taken", json!({})).await;
    for object in documents(RIGHTS) {
        scene.api.create(&object).await.created();
    }
    let bare = "secrets-taken-bare";
    scene.make_bare_namespace(bare, json!({SCENE: "secrets-taken"})).await;
    let kubeconfig = scene.cluster.kubeconfig_as("secrets-taken");
    let injector = Injector::start_as(&scene, "", Reached::Service, &kubeconfig).await;
    scene.register(&injector.webhook()).await;
    let known = async |number: u8| {
        let metrics = injector.admin("/metrics").await.unwrap();
        metrics.contains(&format!("objects_known {number}\n")).then_some(())
    };
    let complaints = || injector.log().matches("Cannot tell which namespaces have an object").count();
    wait::until("it to say what it may not", async || (complaints() == 1).then_some(())).await;
    assert!(injector.log().contains("cannot list resource"), "{}", injector.log());
    known(0).await.unwrap();
    assert_eq!(pods::sidecars(&made(&scene, bare).await.0), 1);

    let role = &documents(RIGHTS)[0];
    let own = role["rules"][0].clone();
    let secrets = json!({"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["datadog-secret"], "verbs": ["list", "watch"]});
    scene.api.merge(role, "", &json!({"rules": [own, secrets]})).await.created();
    wait::until("it to know", async || known(1).await).await;
    until(&scene, bare, false).await;
    assert_eq!(complaints(), 1, "it complains once, not at every attempt");

    scene.api.merge(role, "", &json!({"rules": [own]})).await.created();
    let (_, warnings) = until(&scene, bare, true).await;
    assert!(!warnings.contains("Secret") && !warnings.contains("Cluster Agent"), "{warnings}");
    known(0).await.unwrap();
    assert_eq!(complaints(), 2);
}

#[tokio::test]
async fn without_its_config_map_the_cluster_agent_is_not_verified_until_it_is_there() {
    let config = "clusterAgent: {admissionController: {agentSidecarInjection: {clusterAgentTlsVerification: {enabled: true}}}}";
    let (scene, injector) = Scene::serving("ca", config).await;
    let verifies = async || {
        let (pod, warnings) = made(&scene, "ca").await;
        assert_eq!(pods::sidecars(&pod), 1, "{warnings}");
        assert_eq!(cluster_agent(&pod), Some("true"));
        let verifies = pod.to_string().contains("DD_CLUSTER_TRUST_CHAIN_ENABLE_TLS_VERIFICATION");
        assert_eq!(verifies, pod.to_string().contains("datadog-ca-cert"));
        let why =
            "the Cluster Agent is not verified: no ConfigMap ca/datadog-ca-cert: create it with key ca.crt";
        assert_eq!(verifies, !warnings.contains(why), "{warnings}");
        verifies
    };
    let until = async |expected: bool| {
        wait::until("a pod to be as expected", async || (verifies().await == expected).then_some(())).await;
    };
    until(false).await;
    let map = yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: datadog-ca-cert}, data: {ca.crt: a}}");
    let map = in_namespace(map, "ca");
    scene.api.create(&map).await.created();
    until(true).await;
    scene.api.delete(&map).await.created();
    until(false).await;
    let metrics = injector.admin("/metrics").await.unwrap();
    assert!(metrics.contains("objects_watched 2") && metrics.contains("objects_known 2"), "{metrics}");
}
