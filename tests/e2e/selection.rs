//! Which pods, as the cluster tells: labels of pods and of namespaces, exclusions, opting out.

use crate::harness::{
    Injector, Reached, Scene, injector::OWN_NAMESPACE, other_webhook, pods, scene::SCENE, wait,
};
use crate::harness::{scene::in_namespace, yaml};
use serde_json::{Value, json};

const BARE: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app}, spec: {containers: [{name: app, image: app}]}}";
const LABELLED: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

fn selectors(selectors: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: [{selectors}]}}}}}}")
}

/// Whether a pod made now would get the sidecar.
async fn injects(scene: &Scene, namespace: &str, pod: &str) -> bool {
    let pod = scene.api.dry_run(&in_namespace(yaml(pod), namespace)).await.created();
    pods::sidecars(&pod) == 1
}

#[tokio::test]
async fn a_pod_without_the_label_is_left_alone_without_a_word() {
    let (scene, _injector) = Scene::serving("no-label", "").await;
    assert_eq!(scene.pass(BARE).await, [""; 0]);
}

#[tokio::test]
async fn a_pod_that_opts_out_is_left_alone() {
    let (scene, _injector) = Scene::serving("opt-out", "").await;
    scene.pass(&LABELLED.replace("labels: {", "labels: {admission.datadoghq.com/enabled: 'false', ")).await;
    let by_annotation = LABELLED.replace(
        "name: app, labels",
        "name: annotated, annotations: {agent.datadoghq.com/sidecar.inject: 'false'}, labels",
    );
    scene.pass(&by_annotation).await;
}

#[tokio::test]
async fn an_excluded_namespace_is_left_alone_though_its_pods_are_sent() {
    let config =
        "clusterAgent: {admissionController: {agentSidecarInjection: {excludedNamespaces: [excluded]}}}";
    let (scene, injector) = Scene::serving("excluded", config).await;
    scene.pass(LABELLED).await;
    let pod = scene.api.get(&in_namespace(yaml(LABELLED), "excluded")).await.created();
    let calls = scene.calls(&pod);
    assert_eq!(calls.len(), 1);
    assert_eq!((calls[0].configuration.as_str(), calls[0].mutated), (injector.configuration.as_str(), false));
}

#[tokio::test]
async fn the_injectors_own_namespace_is_left_alone_though_its_pods_are_sent() {
    let scene = Scene::empty("own", json!({})).await;
    let injector = Injector::start(&scene, "", Reached::Service).await;
    let mut webhook = injector.webhook();
    webhook["webhooks"][0]["namespaceSelector"] = json!({"matchExpressions":
        [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [OWN_NAMESPACE, "own"]}]});
    scene.register(&webhook).await;
    scene.create(OWN_NAMESPACE, "{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}").await;
    assert!(injects(&scene, "own", LABELLED).await);
    assert!(!injects(&scene, OWN_NAMESPACE, LABELLED).await);
}

#[tokio::test]
async fn a_namespace_is_selected_by_its_labels_also_when_they_change() {
    let config = selectors("{namespaceSelector: {matchLabels: {team: payments}}}");
    let (scene, _injector) = Scene::serving("by-namespace", &config).await;
    scene.make_namespace("payments", json!({SCENE: "by-namespace", "team": "payments"})).await;
    wait::until("the new namespace to be known", async || {
        injects(&scene, "payments", BARE).await.then_some(())
    })
    .await;
    assert!(!injects(&scene, "by-namespace", BARE).await);

    let namespace = yaml("{apiVersion: v1, kind: Namespace, metadata: {name: by-namespace}}");
    for (team, selected) in [(json!("payments"), true), (Value::Null, false)] {
        scene.api.merge(&namespace, "", &json!({"metadata": {"labels": {"team": team}}})).await.created();
        wait::until("the change of the label to be known", async || {
            (injects(&scene, "by-namespace", BARE).await == selected).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_namespace_is_selected_by_its_name() {
    let config = selectors("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: by-name}}}");
    let (scene, _injector) = Scene::serving("by-name", &config).await;
    scene.inject(BARE).await;
}

#[tokio::test]
async fn pods_that_eks_puts_on_fargate_are_selected_with_no_label_on_any_workload() {
    let scene = Scene::empty("fargate", json!({})).await;
    other_webhook::serve(&scene, "0500-amazon-eks-fargate-mutation.amazonaws.com", |_| {
        vec![
            json!({"op": "add", "path": "/metadata/labels", "value": {"eks.amazonaws.com/fargate-profile": "default"}}),
            json!({"op": "add", "path": "/spec/schedulerName", "value": "fargate-scheduler"}),
        ]
    })
    .await;
    let selector = "{matchExpressions: [{key: eks.amazonaws.com/fargate-profile, operator: Exists}]}";
    let injector =
        Injector::start(&scene, &selectors(&format!("{{objectSelector: {selector}}}")), Reached::Service)
            .await;
    let mut webhook = injector.webhook();
    // With one selector the webhook configuration carries it: the API server itself must see the label by then.
    webhook["webhooks"][0]["objectSelector"] = yaml(selector);
    scene.register(&webhook).await;

    let pod = scene.try_pod(&yaml(BARE)).await.created();
    assert_eq!(pods::sidecars(&pod), 1);
    assert_eq!(pod["spec"]["schedulerName"], "fargate-scheduler");
    let calls = scene.calls(&pod);
    let [eks, ours, ..] = calls.as_slice() else { panic!("{calls:?}") };
    assert_eq!(eks.configuration, "0500-amazon-eks-fargate-mutation.amazonaws.com");
    assert_eq!(ours.configuration, injector.configuration);
}
