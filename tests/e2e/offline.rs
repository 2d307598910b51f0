//! Offline as in the cluster: what `inject` makes of generated manifests is, once stored, what the webhook makes of their pods.

use crate::{
    generated,
    harness::{
        Scene, pods,
        scene::{in_namespace, plain},
    },
};
use futures::{StreamExt as _, stream};
use proptest::{prelude::*, sample::subsequence, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::{Map, Value, json};
use std::{
    collections::HashSet,
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

/// How many pods the API server must accept, and how many are made at a time.
const ENOUGH: usize = 2000;
const BATCH: usize = 500;

/// As many as the API server's own limits let pass without waiting.
const AT_ONCE: usize = 16;

const NAMESPACE: &str = "quiet-generated";

/// Every pod is selected: those of `prod` for a profile that states everything.
const CONFIG: &str = "
datadog: {clusterName: prod, tags: ['team:a']}
clusterAgent:
  admissionController:
    agentSidecarInjection:
      selectors:
        - {objectSelector: {matchLabels: {tags.datadoghq.com/env: prod}}, profile: full}
        - {objectSelector: {matchExpressions: [{key: no/such-label, operator: DoesNotExist}]}, profile: default}
      profiles:
        - {name: default}
        - name: full
          securityContext: {readOnlyRootFilesystem: true}
          imagePullSecrets: [{name: own}]
          waitForAgent: true
          ports: {dogstatsd: true, apm: true, otlp: true}
          logs: {enabled: true, containerCollectAll: true}
          serviceAccountToken: true
          cws: {enabled: true, entrypoints: {app: [/app], web: [/web]}}
          checks: [{name: http_check, container: app, instances: [{url: 'http://%%host%%:8080/'}]}]
          volumes: [{name: own-checks, configMap: {name: own-checks}}]
          volumeMounts: [{name: own-checks, mountPath: /checks.d, readOnly: true}]
";

#[tokio::test]
async fn two_thousand_generated_pods_come_out_as_the_webhook_makes_them() {
    let (scene, injector) = Scene::serving("offline", CONFIG).await;
    scene.quiet(&injector, NAMESPACE, json!({})).await;
    let config = scene.cluster.processes.folder().join("offline.yaml");
    fs::write(&config, CONFIG).unwrap();
    let minor = scene.api.minor().await;
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut injected, mut tried) = (0, 0, 0);
    while accepted < ENOUGH {
        assert!(
            tried < 2 * ENOUGH,
            "of {tried} pods only {accepted} are accepted: the generator makes too few"
        );
        let manifests: Vec<Value> =
            (0..BATCH).map(|_| manifest().new_tree(&mut runner).unwrap().current()).collect();
        tried += BATCH;
        let offline = offline(&manifests, &config, &minor);
        let pairs = manifests.iter().zip(&offline);
        let outcomes: Vec<_> = stream::iter(pairs)
            .map(|(as_is, offline)| outcome(&scene, as_is, offline))
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let wrong: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert!(wrong.is_empty(), "{} of {BATCH}, the first:\n{}", wrong.len(), wrong[0]);
        accepted += outcomes.iter().flatten().filter(|outcome| **outcome != Outcome::Refused).count();
        injected += outcomes.iter().flatten().filter(|outcome| **outcome == Outcome::Injected).count();
    }
    eprintln!("{tried} pods, of which {accepted} are accepted and {injected} injected");
    assert!(injected > ENOUGH / 2 && injected < accepted, "{injected} of {accepted} are injected");
}

/// What `inject` makes of manifests, by the program itself.
fn offline(manifests: &[Value], config: &std::path::Path, minor: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"));
    command.env_clear().args(["inject", "-f", "-", "--output", "json", "--namespace", NAMESPACE]);
    command.arg("--config").arg(config).arg(format!("--kubernetes-version=1.{minor}"));
    let mut inject =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = inject.stdin.take().unwrap();
    for manifest in manifests {
        writeln!(input, "{manifest}").unwrap();
    }
    drop(input);
    let output = inject.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    let documents: Vec<Value> = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(documents.len(), manifests.len());
    documents
}

#[derive(PartialEq)]
enum Outcome {
    /// The API server refuses the pod as it is.
    Refused,
    Injected,
    Skipped,
}

/// What becomes of the pod of a manifest; an error where that is something else offline.
async fn outcome(scene: &Scene, as_is: &Value, offline: &Value) -> Result<Outcome, String> {
    let dry_run = async |namespace: &str, manifest: &Value| {
        scene.api.dry_run(&in_namespace(pod_of(manifest), namespace)).await
    };
    let webhook = dry_run(NAMESPACE, as_is).await;
    let offline_stored = dry_run(&plain(NAMESPACE), offline).await;
    let tell = |what: &str| Err(format!("{what}\nmanifest: {as_is}\noffline: {offline}"));
    if !webhook.status.is_success() {
        // Is it the manifest's own fault?
        let untouched = dry_run(&plain(NAMESPACE), as_is).await;
        if untouched.status.is_success() || offline_stored.status.is_success() {
            return tell(&format!("refused in the cluster alone: {}", webhook.message()));
        }
        return Ok(Outcome::Refused);
    }
    if !offline_stored.status.is_success() {
        return tell(&format!("refused offline alone: {}", offline_stored.message()));
    }
    let (webhook, offline_stored) = (in_order(&webhook.body), in_order(&offline_stored.body));
    if webhook != offline_stored {
        return tell(&format!("in the cluster: {webhook}\nstored offline: {offline_stored}"));
    }
    Ok(if pods::sidecars(&webhook) == 1 { Outcome::Injected } else { Outcome::Skipped })
}

/// A pod as it is stored, with what the API server's ServiceAccount plugin adds at the end: offline that comes after what is ours.
fn in_order(pod: &Value) -> Value {
    fn last(list: &mut Value) {
        let of_api_server = |item: &Value| item["name"] == "kube-api-access";
        list.as_array_mut().into_iter().for_each(|list| list.sort_by_key(of_api_server));
    }
    let mut pod = pods::settled(pod);
    last(&mut pod["spec"]["volumes"]);
    for list in ["containers", "initContainers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        containers.into_iter().flatten().for_each(|container| last(&mut container["volumeMounts"]));
    }
    pod
}

/// The pod that is made of a manifest: of a StatefulSet as its controller does it.
fn pod_of(manifest: &Value) -> Value {
    if manifest["kind"] == "Pod" {
        return manifest.clone();
    }
    let mut pod = manifest["spec"]["template"].clone();
    let claims = manifest["spec"]["volumeClaimTemplates"].as_array().unwrap();
    let names: Vec<_> = claims.iter().map(|claim| claim["metadata"]["name"].clone()).collect();
    let own = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    let claimed = names.iter().map(|name| {
        json!({"name": name, "persistentVolumeClaim": {"claimName": format!("{}-db-0", name.as_str().unwrap())}})
    });
    let rest = own.into_iter().filter(|volume| !names.contains(&volume["name"]));
    pod["spec"]["volumes"] = claimed.chain(rest).collect();
    pod["apiVersion"] = "v1".into();
    pod["kind"] = "Pod".into();
    pod["metadata"]["name"] = "db-0".into();
    pod
}

/// A pod, or a StatefulSet with claims.
fn manifest() -> impl Strategy<Value = Value> {
    let claims = subsequence(vec!["data", "mine", "datadog", "ddsockets", "agent-config"], 0..=2);
    (generated::pod(), claims, 0..4).prop_map(|(pod, claims, kind)| {
        let mut pod = acceptable(&pod, &claims);
        if kind > 0 {
            pod["apiVersion"] = "v1".into();
            pod["kind"] = "Pod".into();
            pod["metadata"]["name"] = "pod".into();
            return pod;
        }
        let claims: Vec<_> = claims.iter().map(|name| json!({"metadata": {"name": name}})).collect();
        pod["spec"]["restartPolicy"] = "Always".into();
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {"template": pod, "volumeClaimTemplates": claims}})
    })
}

/// A generated pod without most of what no API server accepts.
fn acceptable(pod: &Value, claims: &[&str]) -> Value {
    let spec = &pod["spec"];
    let mut volumes = items(&spec["volumes"]);
    let mut names = HashSet::new();
    volumes.retain(|volume| names.insert(volume["name"].to_string()));
    let mountable: Vec<Value> = volumes
        .iter()
        .map(|volume| volume["name"].clone())
        .chain(claims.iter().map(|name| json!(name)))
        .collect();
    let mut taken = HashSet::new();
    let mut lists = ["containers", "initContainers"].map(|list| {
        let containers =
            items(&spec[list]).into_iter().map(|container| runnable(&container, &mountable, list));
        containers.filter(|container| taken.insert(container["name"].to_string())).collect::<Vec<_>>()
    });
    if lists[0].is_empty() {
        lists[0].push(json!({"name": "only", "image": "only"}));
    }
    let mut pod = json!({"metadata": object(&pod["metadata"]), "spec": object(spec)});
    let [containers, init] = lists;
    pod["spec"]["containers"] = containers.into();
    pod["spec"]["initContainers"] = init.into();
    pod["spec"]["volumes"] = volumes.into();
    pod
}

/// A container of the list without what is no container there.
fn runnable(container: &Value, mountable: &[Value], list: &str) -> Value {
    let mut container = Value::Object(object(container));
    if container["image"].as_str().unwrap_or_default().is_empty() {
        container["image"] = "app".into();
    }
    let mut mounts = items(&container["volumeMounts"]);
    mounts.retain(|mount| mount["mountPath"].is_string() && mountable.contains(&mount["name"]));
    container["volumeMounts"] = mounts.into();
    let mut variables = items(&container["env"]);
    for variable in &mut variables {
        if variable["valueFrom"].is_object() {
            variable["value"] = Value::Null;
        }
    }
    container["env"] = variables.into();
    let mut names = HashSet::new();
    let mut ports = items(&container["ports"]);
    ports.retain(|port| {
        port["containerPort"].is_number()
            && (port["name"].is_null() || names.insert(port["name"].to_string()))
    });
    container["ports"] = ports.into();
    if list == "containers" || container["restartPolicy"] != "Always" {
        let container = container.as_object_mut().unwrap();
        container.remove("restartPolicy");
        if list == "initContainers" {
            container.remove("startupProbe");
        }
    }
    container
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn items(list: &Value) -> Vec<Value> {
    list.as_array().into_iter().flatten().filter(|item| item.is_object()).cloned().collect()
}
