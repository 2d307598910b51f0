//! How often the API server asks about a pod: once, whatever its own plugins do to the pod before the webhook and after. One that
//! changes what was added makes it ask again.

use crate::harness::{Injector, Scene, pods, scene::in_namespace, wait, yaml};
use serde_json::{Value, json};

/// What a LimitRange gives containers that state less; names are those of the namespaces.
const LIMIT_RANGES: [(&str, &[&str]); 5] = [
    ("calls-plain", &[]),
    ("calls-compute", &["{default: {cpu: 300m, memory: 300Mi}, defaultRequest: {cpu: 100m}}"]),
    ("calls-storage", &["{default: {ephemeral-storage: 1Gi}}"]),
    (
        "calls-all",
        &[
            "{default: {cpu: 300m, memory: 300Mi, ephemeral-storage: 2Gi}, defaultRequest: {ephemeral-storage: 512Mi}}",
        ],
    ),
    ("calls-request", &["{defaultRequest: {ephemeral-storage: 256Mi}}"]),
];

/// Of several LimitRanges the plugin tells what the last one set, which is any of them.
const SEVERAL: &[&str] = &["{default: {ephemeral-storage: 1Gi}}", "{default: {cpu: 300m}}"];

/// Pods in which the API server's plugins find much to do: tolerations, a priority, a token, limits.
const PODS: [(&str, &str); 5] = [
    ("bare", "containers: [{name: app, image: app}]"),
    ("no-token", "automountServiceAccountToken: false, containers: [{name: app, image: app}]"),
    (
        "native",
        "restartPolicy: Never, priorityClassName: system-cluster-critical, initContainers: [{name: step, image: step}],
         containers: [{name: app, image: app}]",
    ),
    (
        "states-some",
        "containers: [{name: one, image: app, resources: {requests: {ephemeral-storage: 300Mi}, limits: {ephemeral-storage: 400Mi}}},
         {name: two, image: app, resources: {limits: {memory: 128Mi}}}]",
    ),
    ("whole", "resources: {requests: {cpu: 1, memory: 1Gi}, limits: {cpu: 2, memory: 2Gi}}, containers: [{name: app, image: app}]"),
];

const CONFIG: &str = "clusterAgent: {admissionController: {agentSidecarInjection: {profiles:
    [{securityContext: {readOnlyRootFilesystem: true}}]}}}";

#[tokio::test]
async fn the_api_server_asks_once_whatever_its_plugins_add() {
    for (name, limits) in LIMIT_RANGES {
        let (scene, _injector) = limited(name, limits).await;
        for (pod, spec) in PODS {
            let manifest = manifest(pod, spec);
            // It sees that there was one call.
            let injected = scene.inject(&manifest).await.pod;
            assert_given(&scene, &yaml(&manifest), &injected).await;
        }
    }
}

#[tokio::test]
async fn with_several_limit_ranges_it_may_ask_twice_and_the_sidecar_has_the_same() {
    let (scene, _injector) = limited("calls-several", SEVERAL).await;
    let sent = yaml(&manifest("bare", PODS[0].1));
    let injected = scene.try_pod(&sent).await.created();
    let calls = scene.calls(&injected);
    assert!(
        matches!(calls.len(), 1 | 2) && calls.iter().filter(|call| call.mutated).count() == 1,
        "{calls:?}"
    );
    assert_given(&scene, &sent, &injected).await;
}

/// A scene with limits in both namespaces.
async fn limited(name: &'static str, limits: &[&str]) -> (Scene, Injector) {
    let (scene, injector) = Scene::serving(name, CONFIG).await;
    for namespace in [&scene.namespace, &scene.plain] {
        limit(&scene, namespace, limits).await;
    }
    (scene, injector)
}

fn manifest(name: &str, spec: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, labels: {{agent.datadoghq.com/sidecar: fargate}}}}, spec: {{{spec}}}}}"
    )
}

/// Holds an injected pod to what the plugin gives the same pod with a sidecar that states no ephemeral storage.
async fn assert_given(scene: &Scene, sent: &Value, injected: &Value) {
    let mut sent = sent.clone();
    sent["spec"] = without_storage(&injected["spec"]);
    sent["metadata"]["name"] = "given".into();
    let given = scene.api.dry_run(&in_namespace(sent, &scene.plain)).await.created();
    for of in ["containers", "initContainers"] {
        let resources = |pod: &Value| -> Vec<Value> {
            pods::list(pod, of).iter().map(|c| c["resources"].clone()).collect()
        };
        assert_eq!(resources(injected), resources(&given), "{}", scene.name);
    }
}

/// Puts limits in force.
async fn limit(scene: &Scene, namespace: &str, limits: &[&str]) {
    for (number, limits) in limits.iter().enumerate() {
        let mut item = yaml(limits);
        item["type"] = "Container".into();
        let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": format!("limits-{number}")},
            "spec": {"limits": [item]}});
        let range = scene.api.create(&in_namespace(range, namespace)).await.created();
        // Each gives something that the ones before it don't.
        let given = range
            .pointer("/spec/limits/0/defaultRequest")
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .next()
            .unwrap();
        let pod = yaml(
            "{apiVersion: v1, kind: Pod, metadata: {name: probe}, spec: {containers: [{name: app, image: app}]}}",
        );
        wait::until("the limits to be in force", async || {
            let limited = scene.api.dry_run(&in_namespace(pod.clone(), namespace)).await.created();
            limited["spec"]["containers"][0]["resources"]["requests"].get(given).map(drop)
        })
        .await;
    }
}

/// A spec whose containers that are ours say nothing of ephemeral storage.
fn without_storage(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for of in ["containers", "initContainers"] {
        for container in spec.get_mut(of).and_then(Value::as_array_mut).into_iter().flatten() {
            let ours = container["name"] == pods::SIDECAR || container["name"] == "init-copy-agent-config";
            for side in ["requests", "limits"].into_iter().filter(|_| ours) {
                container["resources"][side].as_object_mut().unwrap().remove("ephemeral-storage");
            }
        }
    }
    spec
}
