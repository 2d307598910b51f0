//! Helm, and the values that the tests give it.

use std::{env, fs, path::PathBuf};
use tokio::process::Command;

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/datadog-sidecar-injector");

/// The name of everything that the chart makes.
pub const NAME: &str = "datadog-sidecar-injector";

/// The namespace of the release.
pub const NAMESPACE: &str = "datadog-agent";

/// Where the images of the tests are said to come from: they are loaded, and nothing is asked for them.
pub const REGISTRY: &str = "images.test";

/// The values of most tests. Pods choose a profile by annotation; sidecars are small, for many to find room; and where nobody looks
/// at how replicas end, they end soon.
pub const STANDARD: &str = "
injector: {drainDelay: 3s}
clusterAgent:
  admissionController:
    agentSidecarInjection:
      profiles:
        - {resources: {requests: {cpu: 10m, memory: 32Mi}, limits: {cpu: 200m, memory: 64Mi}}}
        - {name: waiting, waitForAgent: true}
        - {name: locked, securityContext: {readOnlyRootFilesystem: true}}
        - {name: guarded, cws: {enabled: true}, waitForAgent: true}
";

/// What Helm said.
pub struct Said {
    pub success: bool,
    pub text: String,
}

/// Runs Helm in the namespace of the release.
pub async fn run(arguments: &[&str]) -> Said {
    let folder = super::cluster::folder();
    let helm = env::var_os("HELM").expect("HELM, which tests/run.sh sets");
    let output = Command::new(helm)
        .env_clear()
        .env("HOME", &folder)
        .arg(format!("--kubeconfig={}", folder.join("admin.kubeconfig").display()))
        .arg(format!("--namespace={NAMESPACE}"))
        .args(arguments)
        .output()
        .await
        .unwrap();
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Said { success: output.status.success(), text }
}

/// `helm install` or `upgrade`, which waits until everything works.
pub async fn put(action: &str, values: &str, flags: &[&str]) -> Said {
    let file: PathBuf = super::cluster::folder().join("values.yaml");
    fs::write(&file, values).unwrap();
    let image = format!("--set=injector.image.registry={REGISTRY}");
    let arguments =
        [action, "injector", CHART, "--wait", "--timeout=90s", "--values", file.to_str().unwrap(), &image];
    run(&[&arguments, flags].concat()).await
}
