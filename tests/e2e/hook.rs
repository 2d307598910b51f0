//! The hook of the chart: that it passes where it can, says why where not, and leaves nothing behind.

use crate::harness::{
    Release,
    hook::{self, PROBE},
    replica::Replica,
    skipped, wait,
};
use serde_json::{Value, json};

/// So that one that fails does so soon.
const SHORT: &str = "injector: {probe: {timeoutSeconds: 20}}";

/// The same with another pod, for a rollout.
const ANOTHER: &str = "injector: {probe: {timeoutSeconds: 20}, podAnnotations: {round: two}}";

/// A namespace for a release, where there are controllers, who make the pod of the hook.
async fn release(namespace: &str) -> Option<Release> {
    release_by("HELM", namespace).await
}

/// The same by the Helm that a variable names.
async fn release_by(helm: &str, namespace: &str) -> Option<Release> {
    let release = Release::by(helm, namespace).await;
    if !release.cluster.controllers {
        skipped(namespace, "no controllers run, who would make the pod of the hook");
        return None;
    }
    Some(release)
}

/// The Jobs of the hook.
async fn jobs(release: &Release) -> Vec<Value> {
    release.api.list("batch/v1", "Job", &release.namespace).await
}

/// What the cluster has of the release, whatever the kind.
fn all_of_it(release: &Release) -> String {
    let kinds = release.kubectl(&["api-resources", "--verbs=list,delete", "-o", "name"]);
    let kinds =
        kinds.split_whitespace().filter(|kind| !kind.starts_with("events")).collect::<Vec<_>>().join(",");
    let columns = "custom-columns=:kind,:metadata.namespace,:metadata.name";
    release.kubectl(&[
        "get",
        &kinds,
        "-A",
        "-l",
        "app.kubernetes.io/instance=injector",
        "--no-headers",
        "-o",
        columns,
    ])
}

/// Has what ends by itself after minutes end now.
async fn hasten(release: &Release) {
    for job in jobs(release).await {
        assert!(job["spec"]["activeDeadlineSeconds"].as_u64().unwrap() <= 300, "{job:#}");
        assert!(job["spec"]["ttlSecondsAfterFinished"].as_u64().unwrap() <= 300, "{job:#}");
        let name = job["metadata"]["name"].as_str().unwrap();
        let soon = r#"{"spec": {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0}}"#;
        release.kubectl(&["-n", &release.namespace, "patch", "job", name, "--type=merge", "-p", soon]);
    }
}

#[tokio::test]
async fn the_hook_proves_the_way_under_a_quota_for_exactly_what_is_documented_and_is_one_test() {
    let Some(release) = release("hook-quota").await else { return };
    // Three replicas, the pod of the Job, and the one that it makes dry.
    let quota = |cpu: &str, memory: &str| {
        json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": release.namespace},
            "spec": {"hard": {"requests.cpu": cpu, "limits.cpu": cpu, "requests.memory": memory, "limits.memory": memory}}})
    };
    release.api.apply(&quota("1", "1280Mi")).await.created();
    let mut replica: Option<Replica> = None;
    let Some(said) = hook::run(&release, &release.arguments("install", SHORT), &mut replica).await else {
        return;
    };
    assert!(said.success && said.probe.contains("the API server reaches the injector"), "{said:?}");
    assert_eq!(jobs(&release).await, [Value::Null; 0], "it goes with its success");

    // A rollout that stays half done, as nothing here becomes ready: the third replica is there.
    let said = hook::run(&release, &release.arguments("upgrade", ANOTHER), &mut replica).await.unwrap();
    assert!(said.success, "{said:?}");

    let test = ["test", "injector"].map(str::to_owned);
    let said = hook::run(&release, &test, &mut replica).await.unwrap();
    assert!(said.success, "{said:?}");
    assert_eq!(said.helm.matches("TEST SUITE:").count(), 1, "{}", said.helm);

    release.api.apply(&quota("900m", "1280Mi")).await.created();
    let said = hook::run(&release, &test, &mut replica).await.unwrap();
    assert!(!said.success && said.helm.contains("Job Failed. failed: 1/1"), "{said:?}");
    assert!(
        said.probe.contains("the pod of the probe was refused") && said.probe.contains("exceeded quota"),
        "{said:?}"
    );
    hasten(&release).await;
    drop(replica);
    release.uninstall().await;
}

#[tokio::test]
async fn a_hook_whose_pod_is_refused_ends_in_time_for_helm_to_say_so() {
    refused("HELM", "hook-refused", "Job Failed. failed: 0/1").await;
}

#[tokio::test]
async fn helm_3_says_so_as_well() {
    refused("HELM3", "hook-refused-by-helm-3", "failed: DeadlineExceeded").await;
}

async fn refused(helm: &str, namespace: &str, told: &str) {
    let Some(release) = release_by(helm, namespace).await else { return };
    let none = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": release.namespace},
        "spec": {"hard": {"pods": "0"}}});
    release.api.apply(&none).await.created();
    let arguments = release.arguments("install", "");
    let mut helm = release.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let job = wait::until("the hook", async || {
        assert!(helm.try_wait().unwrap().is_none());
        jobs(&release).await.pop().filter(|job| job["status"]["startTime"].is_string())
    })
    .await;
    // Helm waits for 300 s.
    assert_eq!(job["spec"]["activeDeadlineSeconds"], 270);
    hasten(&release).await;
    let output = helm.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains(told), "{said}");
    release.uninstall().await;
}

#[tokio::test]
async fn helm_killed_at_any_moment_leaves_nothing_that_uninstall_does_not_take() {
    let Some(release) = release("hook-killed").await else { return };
    for moment in [
        "secret/sh.helm.release.v1.injector.v1",
        "serviceaccount/datadog-sidecar-injector",
        "serviceaccount/datadog-sidecar-injector-probe",
        "configmap --selector app.kubernetes.io/name=datadog-sidecar-injector",
        "clusterrole/datadog-sidecar-injector",
        "role/datadog-sidecar-injector-probe",
        "service/datadog-sidecar-injector",
        "deployment/datadog-sidecar-injector",
        "mutatingwebhookconfiguration/datadog-sidecar-injector",
        "job",
        "pod",
    ] {
        let arguments = release.arguments("install", "");
        let mut helm = release.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        wait::until(moment, async || {
            let get = ["-n", &release.namespace, "get", "-o", "name"].into_iter();
            let there = release.try_kubectl(&get.chain(moment.split(' ')).collect::<Vec<_>>());
            // Those of the Deployment come before that of the Job, which is called as it is.
            let wanted = if moment == "pod" { PROBE } else { "" };
            let there = String::from_utf8(there.stdout).unwrap();
            there.lines().any(|line| line.contains(wanted)).then_some(())
        })
        .await;
        helm.kill().unwrap();
        helm.wait().unwrap();
        release.helm(&["uninstall", "injector"]);
        hasten(&release).await;
        wait::until(&format!("the end of everything after {moment}: {}", all_of_it(&release)), async || {
            all_of_it(&release).is_empty().then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_helm_renders_is_applied_again_with_other_values() {
    let release = Release::new("hook-template").await;
    let folder = release.cluster.processes.folder();
    // A file for each, since the ConfigMap of before goes with its ReplicaSet only where replicas start.
    let apply = |name: &str, values: &str| {
        let arguments = release.arguments("template", values);
        let text = release.helm(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        release.kubectl(&["-n", &release.namespace, "apply", "-f", file.to_str().unwrap()]);
        file
    };
    apply("first.yaml", "");
    let first = apply("first.yaml", "");
    assert_eq!(jobs(&release).await.len(), 1);
    let second = apply("second.yaml", "injector: {image: {tag: v2}}");
    assert_eq!(jobs(&release).await.len(), 2);
    let third = apply("third.yaml", "datadog: {site: datadoghq.eu}");
    assert_eq!(jobs(&release).await.len(), 3, "another configuration is to be proved");
    for file in [first, second, third] {
        release.kubectl(&["delete", "--ignore-not-found", "-f", file.to_str().unwrap()]);
    }
    hasten(&release).await;
    wait::until("the end of everything", async || all_of_it(&release).is_empty().then_some(())).await;
}

#[tokio::test]
async fn replicas_that_do_not_start_are_told_by_helm_as_documented() {
    let release = Release::new("hook-waits").await;
    if !release.cluster.controllers {
        return skipped("hook-waits", "no controllers run, who would count the replicas");
    }
    let mut arguments = release.arguments("install", "");
    arguments.extend(["--wait", "--timeout=3s"].map(str::to_owned));
    let output = release.try_helm(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("not ready. status: InProgress, message: Available: 0/2"), "{said}");
    release.uninstall().await;
}
