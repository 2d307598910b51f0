//! Pods that are made together with their namespace, while the injector hears of it later than the API server.

use crate::harness::{
    Injector, Reached, Scene, delay, pods,
    scene::{SCENE, in_namespace},
    yaml,
};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, time::Duration};

/// What selects namespaces whose pods get the sidecar, in every form that a selector has.
const FORMS: [&str; 5] = [
    "matchLabels: {agents: 'yes'}",
    "matchExpressions: [{key: agents, operator: In, values: ['yes']}]",
    "matchExpressions: [{key: agents, operator: NotIn, values: ['no']}]",
    "matchExpressions: [{key: agents-on, operator: Exists}]",
    "matchExpressions: [{key: agents-off, operator: DoesNotExist}]",
];

/// For each form.
const NAMESPACES: usize = 100;

const AT_ONCE: usize = 8;

/// How late the injector hears of everything.
const LATE: Duration = Duration::from_millis(150);

/// Later than a review waits.
const TOO_LATE: Duration = Duration::from_secs(2);

const POD: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app}, spec: {containers: [{name: app, image: app}]}}";

fn config(selectors: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: [{selectors}]}}}}}}")
}

/// A second selector, so that the injector has to match namespaces itself.
fn two(form: &str) -> String {
    config(&format!("{{namespaceSelector: {{{form}}}}}, {{objectSelector: {{matchLabels: {{never: set}}}}}}"))
}

/// A kubeconfig of the injector's that leads over a line.
async fn kubeconfig(scene: &Scene, late: Duration) -> PathBuf {
    let text = fs::read_to_string(&scene.cluster.injector_kubeconfig).unwrap();
    let port = text.split("https://127.0.0.1:").nth(1).unwrap().split('\'').next().unwrap();
    let line = delay::line(port.parse().unwrap(), late).await;
    let path = scene.cluster.processes.folder().join(format!("{}.kubeconfig", scene.name));
    fs::write(&path, text.replace(port, &line.to_string())).unwrap();
    path
}

async fn serving(scene: &Scene, config: &str, late: Duration) -> Injector {
    Injector::start_as(scene, config, Reached::Service, &kubeconfig(scene, late).await).await
}

/// Makes a namespace and at once a pod in it. Whether it got the sidecar, and the injector's warnings.
async fn made(scene: &Scene, number: usize, selected: bool) -> (bool, Vec<String>) {
    let labels = if selected {
        json!({"agents": "yes", "agents-on": ""})
    } else {
        json!({"agents": "no", "agents-off": ""})
    };
    let (mut labels, name) = (labels, format!("{}-{number}", scene.name));
    labels[SCENE] = scene.name.into();
    scene.make_bare_namespace(&name, labels).await;
    let reply = scene.api.create(&in_namespace(yaml(POD), &name)).await;
    let warnings = reply.warnings.iter().filter(|warning| warning.starts_with("datadog sidecar: "));
    let warnings = warnings.cloned().collect();
    (pods::sidecars(&reply.created()) == 1, warnings)
}

/// How long each review took, in microseconds, by the injector's log.
fn durations(injector: &Injector) -> Vec<u64> {
    let log = injector.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["micros"].as_u64()).collect()
}

#[tokio::test]
async fn a_pod_that_comes_with_its_namespace_is_decided_by_its_labels() {
    let mut waited = 0;
    for (name, form) in ["new-a", "new-b", "new-c", "new-d", "new-e"].into_iter().zip(FORMS) {
        let scene = Scene::empty(name, json!({})).await;
        let injector = serving(&scene, &two(form), LATE).await;
        scene.register(&injector.webhook()).await;
        let scene = &scene;
        let outcomes = stream::iter(0..NAMESPACES).map(|number| async move {
            let selected = number % 2 == 0;
            (selected, made(scene, number, selected).await)
        });
        let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
        let wrong: Vec<_> =
            outcomes.iter().filter(|(selected, (injected, _))| selected != injected).collect();
        assert!(wrong.is_empty(), "{form}: {} of {NAMESPACES}: {wrong:?}", wrong.len());
        let took = durations(&injector);
        assert!(took.len() >= NAMESPACES);
        assert!(took.iter().all(|took| *took < 500_000), "{took:?}");
        waited += took.iter().filter(|took| **took > 20_000).count();
    }
    // Where the machine is slow the news is there as soon as the pod.
    assert!(waited > 0, "no review waited");
}

#[tokio::test]
async fn where_news_comes_too_late_it_is_said() {
    let scene = Scene::empty("new-late", json!({})).await;
    let injector = serving(&scene, &two(FORMS[2]), TOO_LATE).await;
    scene.register(&injector.webhook()).await;
    for (number, selected) in [true, false].into_iter().enumerate() {
        let (injected, warnings) = made(&scene, number, selected).await;
        assert!(!injected);
        assert!(warnings[0].contains("not injected, namespace_unknown: "), "{warnings:?}");
    }
    assert!(durations(&injector).iter().all(|took| *took < 500_000));
    assert!(injector.log().contains("A selected pod was left without the sidecar"));
}

#[tokio::test]
async fn the_api_servers_match_of_a_single_selector_stands() {
    let scene = Scene::empty("new-alone", json!({})).await;
    let injector =
        serving(&scene, &config(&format!("{{namespaceSelector: {{{}}}}}", FORMS[0])), TOO_LATE).await;
    // As in an installation the entry has the one selector; without it the scene's own namespace is the probe's.
    let mut webhook = injector.webhook();
    webhook["webhooks"][0]["namespaceSelector"]["matchExpressions"]
        .as_array_mut()
        .unwrap()
        .push(json!({"key": "agents", "operator": "NotIn", "values": ["no"]}));
    scene.register(&webhook).await;
    for (number, selected) in [true, false].into_iter().enumerate() {
        assert_eq!(made(&scene, number, selected).await.0, selected);
    }
}
