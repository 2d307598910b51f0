//! Published pods: what the API server accepts it accepts with the sidecar.

use crate::harness::{
    Injector, Reached, Scene, pods,
    scene::{SCENE, in_namespace},
    skipped,
};
use flate2::read::GzDecoder;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
};

/// A collection of pods beside the checkout, one `{"id": …, "pod": …}` a line.
const PODS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/pods.jsonl.gz");

/// The label of a namespace that says which Pod Security Standard it enforces.
const LEVEL: &str = "pod-security.kubernetes.io/enforce";

/// Everything is selected, and nothing of a pod's own tells otherwise.
const CONFIG: &str = "clusterAgent: {admissionController: {agentSidecarInjection: {selectors: [{objectSelector: {matchExpressions:
    [{key: no/such-label, operator: DoesNotExist}]}}]}}}";

/// Namespaces that the webhook sees; each has one beside it, `…-plain`, that it doesn't see. The audit log leaves all of them out.
const NAMESPACES: [(&str, &str); 2] = [("quiet", "privileged"), ("quiet-restricted", "restricted")];

/// As many as the API server's own limits let pass without waiting.
const AT_ONCE: usize = 16;

#[tokio::test]
async fn every_published_pod_that_is_accepted_is_accepted_with_the_sidecar() {
    if !Path::new(PODS).exists() {
        return skipped("published pods", &format!("{PODS} is not there"));
    }
    let scene = Scene::empty("corpus", json!({})).await;
    let injector = Injector::start(&scene, CONFIG, Reached::Service).await;
    scene.register(&injector.webhook()).await;
    let lines = BufReader::new(GzDecoder::new(File::open(PODS).unwrap())).lines();
    let pods: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    for (namespace, level) in NAMESPACES {
        scene.make_namespace(namespace, json!({SCENE: "corpus", LEVEL: level})).await;
        scene.make_namespace(&plain(namespace), json!({LEVEL: level})).await;
        let outcomes = stream::iter(&pods).map(|entry| outcome(&scene, namespace, entry));
        let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
        let wrong: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert!(wrong.is_empty(), "{namespace}: {} of {} pods: {wrong:#?}", wrong.len(), pods.len());
        let injected = outcomes.iter().filter(|outcome| matches!(outcome, Ok(true))).count();
        // Few people write pods that are restricted.
        let least = if level == "restricted" { 100 } else { pods.len() / 2 };
        assert!(injected > least, "{namespace}: only {injected} of {} pods were injected", pods.len());
    }
    let metrics = injector.admin("/metrics").await.unwrap();
    let mut faults = metrics.lines().filter(|line| line.contains("internal_error"));
    assert!(faults.all(|line| line.ends_with(" 0")), "{metrics}");
}

/// Whether a pod gets the sidecar; an error where it is accepted only without, or loses something.
async fn outcome(scene: &Scene, namespace: &str, entry: &Value) -> Result<bool, String> {
    let id = entry["id"].as_str().unwrap();
    let pod = alone(entry["pod"].clone(), id);
    let plain = scene.api.dry_run(&in_namespace(pod.clone(), &plain(namespace))).await;
    if !plain.status.is_success() {
        return Ok(false);
    }
    let reply = scene.api.dry_run(&in_namespace(pod, namespace)).await;
    if !reply.status.is_success() {
        return Err(format!("{id}: {}", reply.message()));
    }
    if let Some(pointer) = pods::lost(&plain.body, &reply.body) {
        return Err(format!("{id}: {pointer} was lost or changed"));
    }
    match pods::sidecars(&reply.body) {
        0 => Ok(false),
        1 => Ok(true),
        more => Err(format!("{id}: {more} sidecars")),
    }
}

fn plain(namespace: &str) -> String {
    format!("{namespace}-plain")
}

/// The pod without what it refers to in its author's cluster.
fn alone(mut pod: Value, id: &str) -> Value {
    pod["metadata"]["name"] = format!("pod-{id}").into();
    let spec = pod["spec"].as_object_mut().unwrap();
    for reference in ["serviceAccountName", "serviceAccount", "priorityClassName", "runtimeClassName"] {
        spec.remove(reference);
    }
    pod
}
