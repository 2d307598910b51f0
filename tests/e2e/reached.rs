//! How the API server comes to the webhook, and what becomes of pods when it does not.

use crate::harness::{Injector, Reached, Scene, injector::webhook, pods, yaml};
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
