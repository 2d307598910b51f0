//! Published pods: what the API server accepts it accepts with the sidecar.

use crate::harness::{
    Scene, pods,
    scene::{in_namespace, plain},
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

/// Namespaces, and the Pod Security Standard that each enforces.
const NAMESPACES: [(&str, &str); 2] = [("quiet", "privileged"), ("quiet-restricted", "restricted")];

/// As many as the API server's own limits let pass without waiting.
const AT_ONCE: usize = 16;

#[tokio::test]
async fn every_published_pod_that_is_accepted_is_accepted_with_the_sidecar() {
    if !Path::new(PODS).exists() {
        return skipped("published pods", &format!("{PODS} is not there"));
    }
    let (scene, injector) = Scene::serving("corpus", CONFIG).await;
    let lines = BufReader::new(GzDecoder::new(File::open(PODS).unwrap())).lines();
    let (mut asked, mut expected) = (0, 0);
    let pods: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    for (namespace, level) in NAMESPACES {
        let before = scene.quiet(&injector, namespace, json!({LEVEL: level})).await;
        let outcomes = stream::iter(&pods).map(|entry| outcome(&scene, namespace, entry));
        let outcomes: Vec<_> = outcomes.buffer_unordered(AT_ONCE).collect().await;
        let wrong: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert!(wrong.is_empty(), "{namespace}: {} of {} pods: {wrong:#?}", wrong.len(), pods.len());
        let injected =
            outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome { injected: true, .. }))).count();
        expected += outcomes.iter().flatten().map(|outcome| outcome.asked).sum::<u64>();
        asked += injector.reviews().await - before;
        // Few people write pods that are restricted.
        let least = if level == "restricted" { 100 } else { pods.len() / 2 };
        assert!(injected > least, "{namespace}: only {injected} of {} pods were injected", pods.len());
    }
    assert_eq!(asked, expected, "the API server asks about each pod once");
    let metrics = injector.admin("/metrics").await.unwrap();
    let mut faults = metrics.lines().filter(|line| line.contains("internal_error"));
    assert!(faults.all(|line| line.ends_with(" 0")), "{metrics}");
}

/// What became of a pod.
#[derive(Default)]
struct Outcome {
    injected: bool,
    /// How often the webhook is asked.
    asked: u64,
}

/// What becomes of a pod; an error where it is accepted only without the sidecar, or loses something.
async fn outcome(scene: &Scene, namespace: &str, entry: &Value) -> Result<Outcome, String> {
    let id = entry["id"].as_str().unwrap();
    let pod = alone(entry["pod"].clone(), id);
    let plain = scene.api.dry_run(&in_namespace(pod.clone(), &plain(namespace))).await;
    if !plain.status.is_success() {
        return Ok(Outcome::default());
    }
    let reply = scene.api.dry_run(&in_namespace(pod, namespace)).await;
    if !reply.status.is_success() {
        return Err(format!("{id}: {}", reply.message()));
    }
    // Positions change where something is put in front.
    let what = |warning: &str| warning.split_once(": ").map(|(_, what)| what.to_owned());
    let before: Vec<_> = plain.warnings.iter().map(|warning| what(warning)).collect();
    let own =
        |warning: &&String| !warning.starts_with("datadog sidecar: ") && !before.contains(&what(warning));
    if let Some(warning) = reply.warnings.iter().find(own) {
        return Err(format!("{id}: the API server warns of {warning:?}"));
    }
    if let Some(pointer) = pods::lost(&plain.body, &reply.body) {
        return Err(format!("{id}: {pointer} was lost or changed"));
    }
    let opts_out =
        plain.body.pointer("/metadata/labels/admission.datadoghq.com~1enabled") == Some(&json!("false"));
    let asked = match pods::sidecars(&reply.body) {
        // The API server itself knows of these.
        _ if opts_out => 0,
        // The volume that the sidecar gets of the API server is made when it has seen the sidecar.
        1 if brings_tokens(&plain.body) => 2,
        _ => 1,
    };
    match pods::sidecars(&reply.body) {
        0 => Ok(Outcome { injected: false, asked }),
        1 => Ok(Outcome { injected: true, asked }),
        more => Err(format!("{id}: {more} sidecars")),
    }
}

/// Whether containers have something of their own where the API server mounts a token, and it made no volume for one.
fn brings_tokens(pod: &Value) -> bool {
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let of_api_server = |name: &Value| name.as_str().is_some_and(|name| name.starts_with("kube-api-access-"));
    let mounts = list(&pod["spec"]["containers"]).into_iter().flat_map(|c| list(&c["volumeMounts"]));
    let there = |mount: Value| mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount";
    let made = list(&pod["spec"]["volumes"]).iter().any(|volume| of_api_server(&volume["name"]));
    let automatic = pod["spec"]["automountServiceAccountToken"] != json!(false);
    automatic && !made && mounts.into_iter().any(there)
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
