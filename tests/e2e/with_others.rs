//! Beside other webhooks that change the same pods.

use crate::harness::{Injector, Reached, Scene, other_webhook, pods, wait, yaml};
use serde_json::json;

const APP: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

#[tokio::test]
async fn a_container_added_after_ours_is_completed_in_the_second_round() {
    let (scene, injector) = Scene::serving("late", "").await;
    other_webhook::serve(&scene, "zz-late", |_| {
        vec![json!({"op": "add", "path": "/spec/containers/-", "value": {"name": "late", "image": "late"}})]
    })
    .await;

    let pod = scene.try_pod(&yaml(APP)).await.created();
    assert_eq!(pods::sidecars(&pod), 1);
    assert_eq!(pods::names(&pod, "containers"), ["app", pods::SIDECAR, "late"]);
    let late = pods::container(&pod, "late");
    assert_eq!(pods::mount(late, "ddsockets"), Some("/var/run/datadog"));
    assert_eq!(pods::env(late, "DD_TRACE_AGENT_URL"), Some("unix:///var/run/datadog/apm.socket"));
    assert_eq!(pods::env(late, "DD_DOGSTATSD_URL"), Some("unix:///var/run/datadog/dsd.socket"));

    let ours: Vec<_> =
        scene.calls(&pod).into_iter().filter(|call| call.configuration == injector.configuration).collect();
    assert_eq!(ours.iter().map(|call| call.round).collect::<Vec<_>>(), [0, 1]);
    let completed = &ours[1].patch;
    assert!(
        !completed.is_empty()
            && completed
                .iter()
                .all(|operation| { operation["path"].as_str().unwrap().starts_with("/spec/containers/2/") }),
        "{completed:?}"
    );
}

#[tokio::test]
async fn two_configurations_that_call_us_add_one_sidecar() {
    let (scene, injector) = Scene::serving("twice", "").await;
    let mut second = injector.webhook();
    second["metadata"]["name"] = "datadog-sidecar-injector-twice-again".into();
    scene.register(&second).await;
    let injected = scene.inject(APP).await;
    assert_eq!(pods::names(&injected.pod, "containers"), ["app", pods::SIDECAR]);
}

// A webhook that comes after ours and asks to be called again puts back in the second round what we took out in it: that is for
// the one who installs both to switch off.
#[tokio::test]
async fn volumes_of_datadogs_own_webhook_that_fargate_refuses_are_removed_whenever_it_comes() {
    for (name, first) in [("volumes-before", true), ("volumes-after", false)] {
        let (scene, _injector) = Scene::serving(name, "").await;
        let configuration = format!("{}-{name}", if first { "a-datadog-webhook" } else { "datadog-webhook" });
        other_webhook::serve(&scene, &configuration, |pod| {
            let volume = json!({"name": "datadog", "hostPath": {"path": "/var/run/datadog", "type": "DirectoryOrCreate"}});
            let mount = json!({"name": "datadog", "mountPath": "/var/run/datadog"});
            let mounts = pod["spec"]["containers"].as_array().unwrap().iter().enumerate().map(|(index, _)| {
                json!({"op": "add", "path": format!("/spec/containers/{index}/volumeMounts/-"), "value": mount})
            });
            std::iter::once(json!({"op": "add", "path": "/spec/volumes/-", "value": volume})).chain(mounts).collect()
        })
        .await;
        let pod = scene.try_pod(&yaml(APP)).await.created();
        assert_eq!(pods::sidecars(&pod), 1);
        assert!(!pod.to_string().contains("hostPath"), "{pod:#}");
        assert_eq!(pods::mount(pods::container(&pod, "app"), "ddsockets"), Some("/var/run/datadog"));
    }
}

#[tokio::test]
async fn datadogs_own_injection_beside_ours_is_told_at_the_start_and_whenever_ours_changes() {
    const TOLD: &str = "Datadog's own sidecar injection is on as well";
    let scene = Scene::empty("overlap", json!({})).await;
    // As Datadog's chart calls it in a release of another name.
    let theirs = yaml(
        "{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, metadata: {name: dd-webhook}, webhooks:
          [{name: datadog.webhook.agent.sidecar, admissionReviewVersions: [v1], sideEffects: None, failurePolicy: Ignore,
            clientConfig: {url: 'https://127.0.0.1:1/'}, namespaceSelector: {matchLabels: {none: 'such'}},
            rules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}]}",
    );
    scene.api.create(&theirs).await.created();
    let injector = Injector::start(&scene, "", Reached::Service).await;
    let line = wait::until("it to say so", async || {
        injector.log().lines().find(|line| line.contains(TOLD)).map(str::to_owned)
    })
    .await;
    assert!(line.contains("dd-webhook") && line.contains("datadog.webhook.agent.sidecar"), "{line}");
    assert!(!line.contains("datadog-sidecar-injector-"), "{line}");

    injector.configure("datadog: {site: datadoghq.eu}");
    wait::until("it to say so again", async || (injector.log().matches(TOLD).count() == 2).then_some(()))
        .await;
    scene.api.delete(&theirs).await.created();
}
