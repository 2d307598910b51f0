//! What a node does for the hook: it runs the program of the Job's pod, and tells how that ended.

use super::{Release, replica::Replica, wait};
use serde_json::{Value, json};
use std::process::{Child, Command};

/// The ServiceAccount of the Job, and what its name begins with.
pub const PROBE: &str = "datadog-sidecar-injector-probe";

/// What came of a run of Helm.
#[derive(Debug)]
pub struct Said {
    pub success: bool,
    pub helm: String,
    /// What the probe said.
    pub probe: String,
}

/// Has Helm do something with its hook, for which there is a replica from the hook on, and a node; `None` where there can be no replica.
pub async fn run(release: &Release, arguments: &[String], replica: &mut Option<Replica>) -> Option<Said> {
    let mut helm = release.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let found = pod(release, &mut helm).await;
    let mut probe = String::new();
    if let Some(pod) = found {
        if replica.is_none() {
            *replica = Replica::start(release).await;
        }
        if replica.is_none() {
            helm.kill().unwrap();
            return None;
        }
        let (success, said) = run_pod(release, &pod);
        probe = said;
        let phase = if success { "Succeeded" } else { "Failed" };
        release.api.merge(&pod, "/status", &json!({"status": {"phase": phase}})).await.created();
    }
    let output = helm.wait_with_output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Some(Said { success: output.status.success(), helm: text, probe })
}

/// The pod of the hook's Job, or nothing where Helm has ended without.
async fn pod(release: &Release, helm: &mut Child) -> Option<Value> {
    wait::until("the pod of the hook", async || {
        if helm.try_wait().unwrap().is_some() {
            return Some(None);
        }
        let pods = release.api.pods(&release.namespace).await;
        let mut pod = pods.into_iter().find(|pod| {
            let of_it = pod["spec"]["serviceAccountName"] == PROBE;
            of_it && pod["status"]["phase"] == "Pending" && pod["metadata"]["deletionTimestamp"].is_null()
        })?;
        pod["apiVersion"] = "v1".into();
        pod["kind"] = "Pod".into();
        Some(Some(pod))
    })
    .await
}

/// Runs its program with its arguments and its rights: whether it succeeded, and what it said.
fn run_pod(release: &Release, pod: &Value) -> (bool, String) {
    let folder = release.cluster.processes.folder().join(&release.namespace);
    let account = format!("system:serviceaccount:{}:{PROBE}", release.namespace);
    let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"));
    command.env_clear().env("KUBECONFIG", release.cluster.kubeconfig_as(&account));
    let container = &pod["spec"]["containers"][0];
    for variable in container["env"].as_array().unwrap() {
        let path = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str().unwrap();
        let value = pod.pointer(&format!("/{}", path.replace('.', "/"))).unwrap();
        command.env(variable["name"].as_str().unwrap(), value.as_str().unwrap());
    }
    for argument in container["args"].as_array().unwrap() {
        let argument = argument.as_str().unwrap();
        command.arg(match argument.split_once('=') {
            Some(("--config", _)) => format!("--config={}/values.yaml", folder.display()),
            _ => argument.to_owned(),
        });
    }
    let output = command.output().unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), text)
}
