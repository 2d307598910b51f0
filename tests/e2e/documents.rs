//! The commands of the documents that ask a cluster, run by the real kubectl and Helm.

#[path = "../docs/blocks.rs"]
#[allow(dead_code, reason = "some of it is for the tests without a cluster")]
mod blocks;

use self::blocks::{Runner, Workshop};
use crate::{
    harness::{
        Release,
        release::NAME,
        scene::{documents, in_namespace},
        yaml,
    },
    plain,
};
use serde_json::json;
use std::{env, fs, path::PathBuf};

/// What stands in the documents for the reader's own.
const THEIRS: [(&str, &str); 2] = [("NAMESPACE", "reader"), ("NAME", "web")];

const POD: &str = "{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}";

const DEPLOYMENT: &str = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, \
    template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: web}]}}}}";

#[tokio::test]
async fn documents_say_what_kubectl_and_helm_do() {
    let release = Release::new("documents").await;
    let program = |variable: &str| PathBuf::from(env::var_os(variable).expect("tests/run.sh sets it"));
    let workshop = Workshop::new(&[("kubectl", program("KUBECTL")), ("helm", program("HELM"))]);
    let kubeconfig = workshop.folder().join("kubeconfig");
    let ours = fs::read_to_string(&release.cluster.kubeconfig).unwrap();
    fs::write(&kubeconfig, ours.replace("context: {", "context: {namespace: reader, ")).unwrap();
    prepare(&release).await;

    blocks::hold(Runner::Cluster, |commands| {
        let outputs = commands.iter().map(|command| {
            let mut command = THEIRS.iter().fold((*command).to_owned(), |command, (word, name)| {
                let words = command.split(' ').map(|other| match other.strip_suffix(word) {
                    // Also at the end of `system:serviceaccounts:NAMESPACE`.
                    Some(before) if !before.ends_with(char::is_uppercase) => format!("{before}{name}"),
                    _ => other.to_owned(),
                });
                words.collect::<Vec<_>>().join(" ")
            });
            if command.starts_with("helm ") {
                // No node runs the replicas that it would wait for.
                command = command.replace(" --wait", " --no-hooks");
            }
            let said = workshop.run(workshop.command(&command).env("KUBECONFIG", &kubeconfig));
            said.lines()
                .map(|line| {
                    if line.starts_with("LAST DEPLOYED") { "LAST DEPLOYED: …" } else { line }.to_owned()
                        + "\n"
                })
                .collect()
        });
        let outputs = outputs.collect();
        undo(&release, commands);
        outputs
    });
    plain::delete(&release, "kubelet-access.yaml");
}

/// What is there before: a namespace with a workload, whose agents may read the kubelet.
async fn prepare(release: &Release) {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "reader"}});
    release.api.apply(&namespace).await.created();
    let account = yaml("{apiVersion: v1, kind: ServiceAccount, metadata: {name: default}}");
    release.api.apply(&in_namespace(account, "reader")).await.created();
    for manifest in [POD, DEPLOYMENT] {
        release.api.create(&in_namespace(yaml(manifest), "reader")).await.created();
    }
    let access =
        fs::read_to_string(plain::path("kubelet-access.yaml")).unwrap().replace("my-namespace", "reader");
    for object in documents(&access) {
        release.api.apply(&object).await.created();
    }
}

/// The next block finds the cluster as the one before did.
fn undo(release: &Release, commands: &[&str]) {
    for command in commands {
        if command.starts_with("helm install ") {
            release.helm(&["--namespace=datadog-agent", "uninstall", NAME]);
        } else if let Some(file) = command.strip_prefix("kubectl apply --server-side -f ") {
            plain::delete(release, file.trim_start_matches("deploy/"));
        }
    }
}
