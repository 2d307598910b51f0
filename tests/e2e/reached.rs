//! How the API server comes to the webhook, and what becomes of pods when it does not.

use crate::harness::{
    Injector, Reached, Scene,
    injector::{OWN_NAMESPACE, webhook},
    pods, wait, yaml,
};
use serde_json::json;
use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

const APP: &str =
    "{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}},
    spec: {containers: [{name: app, image: app}]}}";

#[tokio::test]
async fn it_is_reached_by_its_address_with_the_certificate_it_made_itself() {
    let scene = Scene::empty("by-url", json!({})).await;
    let injector = Injector::start(&scene, "", Reached::Url).await;
    scene.register(&injector.webhook()).await;
    scene.inject(APP).await;
}

// A registration that asks for v1beta1 alone is still honoured by API servers of today.
#[tokio::test]
async fn a_registration_for_v1beta1_is_answered_in_kind() {
    let scene = Scene::empty("v1beta1", json!({})).await;
    let injector = Injector::start(&scene, "", Reached::Service).await;
    let mut webhook = injector.webhook();
    webhook["webhooks"][0]["admissionReviewVersions"] = json!(["v1beta1"]);
    scene.register(&webhook).await;
    scene.inject(APP).await;
}

#[tokio::test]
async fn pods_are_created_without_the_sidecar_while_the_injector_is_down() {
    let (scene, mut injector) = Scene::serving("down", "").await;
    injector.kill().await;
    let began = Instant::now();
    let pod = scene.try_pod(&yaml(APP)).await.created();
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "a refused connection is not waited for: {:?}",
        began.elapsed()
    );
    assert_eq!(pods::sidecars(&pod), 0);
}

#[tokio::test]
async fn pods_are_created_without_the_sidecar_after_the_timeout_when_nothing_answers() {
    let scene = Scene::empty("silent", json!({})).await;
    // Connections are taken by the system and answered by nobody.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/inject", silent.local_addr().unwrap());
    scene.register(&webhook("datadog-sidecar-injector-silent", "silent", &json!({"url": url}))).await;
    let began = Instant::now();
    let pod = scene.try_pod(&yaml(APP)).await.created();
    let took = began.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "{took:?}");
    assert_eq!(pods::sidecars(&pod), 0);
}

#[tokio::test]
async fn an_address_of_the_cluster_agent_with_no_service_behind_it_is_told_with_those_that_may_be_meant() {
    const SERVICE: &str =
        "{apiVersion: v1, kind: Service, metadata: {name: NAME}, spec: {ports: [{port: 5005}]}}";
    let scene = Scene::empty("no-cluster-agent", json!({})).await;
    let config = "clusterAgent: {serviceName: dd-agent, serviceNamespace: no-cluster-agent}";
    scene.create("no-cluster-agent-plain", &SERVICE.replace("NAME", "dd-agent")).await;
    scene.create("no-cluster-agent", &SERVICE.replace("NAME", "prod-cluster-agent")).await;
    let injector = Injector::start(&scene, config, Reached::Service).await;
    let told = "There is no such Service: sidecars do not reach the Cluster Agent";
    let line = wait::until("it to say so", async || {
        injector.log().lines().find(|line| line.contains(told)).map(str::to_owned)
    })
    .await;
    assert!(line.contains("no-cluster-agent/dd-agent"), "{line}");
    assert!(line.contains("no-cluster-agent-plain/dd-agent, no-cluster-agent/prod-cluster-agent"), "{line}");

    let (scene, injector) = Scene::serving("with-cluster-agent", "clusterAgent: {serviceName: there}").await;
    wait::until("it to say so", async || injector.log().contains(told).then_some(())).await;
    scene.create(OWN_NAMESPACE, &SERVICE.replace("NAME", "there")).await;
    let again = "clusterAgent: {serviceName: there, servicePort: 5006}";
    injector.configure(again);
    wait::until("it to say that it is there", async || {
        injector.log().contains("The Cluster Agent's Service is there").then_some(())
    })
    .await;
}
