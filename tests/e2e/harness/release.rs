//! A release of the chart, by the real Helm, in a cluster that it has for itself.

use super::{api::Api, control_plane::ControlPlane, wait};
use serde_json::{Value, json};
use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};
use tokio::sync::{Mutex, MutexGuard};

/// Where the chart is.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/datadog-sidecar-injector");

/// The name of everything that the chart makes.
pub const NAME: &str = "datadog-sidecar-injector";

/// The cluster-wide objects that grant agents what they may ask of the kubelet.
pub const KUBELET: &str = "datadog-sidecar-injector-kubelet";

/// There is one installation in a cluster.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A namespace for a release, and Helm.
pub struct Release {
    pub cluster: &'static ControlPlane,
    pub api: Api,
    pub namespace: String,
    helm: OsString,
    _alone: MutexGuard<'static, ()>,
}

/// A test that fails leaves nothing to those after it.
impl Drop for Release {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        self.try_helm(&["uninstall", "injector", "--no-hooks", "--ignore-not-found"]);
        let wide = "clusterrole,clusterrolebinding,mutatingwebhookconfiguration";
        let ours = format!("app.kubernetes.io/name={NAME}");
        self.try_kubectl(&["delete", wide, "--selector", &ours]);
    }
}

impl Release {
    /// A namespace with Pod Security `restricted`; nothing is installed.
    pub async fn new(namespace: &str) -> Self {
        Self::by("HELM", namespace).await
    }

    /// The same by the Helm that a variable names.
    pub async fn by(variable: &str, namespace: &str) -> Self {
        let helm = env::var_os(variable).unwrap_or_else(|| panic!("{variable}, which tests/run.sh sets"));
        let alone = ALONE.lock().await;
        let cluster = ControlPlane::of_the_chart().await;
        let api = cluster.api().await;
        api.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}))
            .await
            .created();
        Self { cluster, api, namespace: namespace.to_owned(), helm, _alone: alone }
    }

    /// The ServiceAccount that pods of a namespace need, as a controller would make it.
    pub async fn make_account(&self, namespace: &str) {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": "default", "namespace": namespace}});
        self.api.create(&account).await.created();
    }

    /// Runs Helm; panics where it fails.
    #[track_caller]
    pub fn helm(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.try_helm(arguments);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(status.success(), "helm {arguments:?}: {}", text(stderr));
        text(stdout)
    }

    /// Runs Helm.
    pub fn try_helm(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts Helm.
    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.helm);
        command
            .env_clear()
            .env("HOME", self.cluster.processes.folder())
            .arg(format!("--kubeconfig={}", self.cluster.kubeconfig.display()))
            .arg(format!("--namespace={}", self.namespace))
            .args(arguments);
        command
    }

    /// What Helm needs to be told of an action with these values: the release, the chart, and a file.
    pub fn arguments(&self, action: &str, values: &str) -> Vec<String> {
        let file = self.values(values).display().to_string();
        [action, "injector", CHART, "--values", &file].map(str::to_owned).to_vec()
    }

    /// The name of the ConfigMap that the Deployment of the moment reads.
    pub async fn config_map(&self) -> String {
        let deployment = self.get("apps/v1", "Deployment", NAME).await.unwrap();
        let name = deployment.pointer("/spec/template/spec/volumes/0/configMap/name").unwrap();
        name.as_str().unwrap().to_owned()
    }

    /// Runs kubectl; panics where it fails.
    #[track_caller]
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.try_kubectl(arguments);
        assert!(status.success(), "kubectl {arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    }

    /// Runs kubectl.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Output {
        let kubectl = env::var_os("KUBECTL").expect("KUBECTL, which tests/run.sh sets");
        Command::new(kubectl)
            .env_clear()
            .env("HOME", self.cluster.processes.folder())
            .env("KUBECONFIG", &self.cluster.kubeconfig)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// `helm install` or `upgrade` with these values: what it says, notes and all. No node runs its pods, so nothing is waited for.
    #[track_caller]
    pub fn put(&self, action: &str, values: &str) -> String {
        let file = self.values(values);
        self.helm(&[action, "injector", CHART, "--no-hooks", "--values", file.to_str().unwrap()])
    }

    /// `helm install` of nothing: what it would say.
    #[track_caller]
    pub fn dry(&self, values: &str) -> String {
        let file = self.values(values);
        self.helm(&["install", "injector", CHART, "--dry-run=client", "--values", file.to_str().unwrap()])
    }

    /// `helm template` without the hook: the objects.
    #[track_caller]
    pub fn render(&self, values: &str) -> Vec<Value> {
        self.template(values, &["--no-hooks"])
    }

    /// `helm template`: the objects.
    #[track_caller]
    pub fn template(&self, values: &str, flags: &[&str]) -> Vec<Value> {
        let arguments = self.arguments("template", values);
        let arguments = arguments.iter().map(String::as_str).chain(flags.iter().copied());
        let text = self.helm(&arguments.collect::<Vec<_>>());
        text.split("---\n").filter(|text| text.contains("\nkind:")).map(super::yaml).collect()
    }

    /// What Helm says of values that it refuses.
    #[track_caller]
    pub fn refused(&self, values: &str) -> String {
        let file = self.values(values);
        let arguments = ["install", "injector", CHART, "--no-hooks", "--dry-run=client", "--values"];
        let output = self.try_helm(&[&arguments, [file.to_str().unwrap()].as_slice()].concat());
        assert!(!output.status.success(), "accepted: {values}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn values(&self, values: &str) -> PathBuf {
        let file = self.cluster.processes.folder().join(format!("{}.yaml", self.namespace));
        fs::write(&file, values).unwrap();
        file
    }

    /// An object of the chart, as it is stored.
    pub async fn get(&self, version: &str, kind: &str, name: &str) -> Option<Value> {
        let cluster_wide = kind.starts_with("Cluster") || kind.starts_with("Mutating");
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        if !cluster_wide {
            object["metadata"]["namespace"] = self.namespace.clone().into();
        }
        let reply = self.api.get(&object).await;
        reply.status.is_success().then_some(reply.body)
    }

    /// The webhook configuration.
    pub async fn webhook(&self) -> Value {
        self.get("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", NAME).await.unwrap()
    }

    /// `helm uninstall`, and sees that nothing of it is left.
    pub async fn uninstall(self) {
        self.helm(&["uninstall", "injector"]);
        for (version, kind, name) in [
            ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", NAME),
            ("rbac.authorization.k8s.io/v1", "ClusterRole", NAME),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", NAME),
            ("rbac.authorization.k8s.io/v1", "ClusterRole", KUBELET),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", KUBELET),
            ("rbac.authorization.k8s.io/v1", "Role", NAME),
            ("rbac.authorization.k8s.io/v1", "Role", "datadog-sidecar-injector-probe"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding", NAME),
            ("v1", "Secret", "datadog-sidecar-injector-ca"),
            ("v1", "ServiceAccount", NAME),
            ("v1", "Service", NAME),
            ("policy/v1", "PodDisruptionBudget", NAME),
            ("autoscaling/v2", "HorizontalPodAutoscaler", NAME),
            ("apps/v1", "Deployment", NAME),
        ] {
            wait::until(&format!("the end of {kind} {name}"), async || {
                self.get(version, kind, name).await.is_none().then_some(())
            })
            .await;
        }
        // Those of before go with the ReplicaSets that read them.
        if self.cluster.controllers {
            wait::until("the end of every ConfigMap", async || self.config_maps().is_empty().then_some(()))
                .await;
        }
    }

    /// The ConfigMaps of the release that are there.
    pub fn config_maps(&self) -> String {
        let ours = format!("app.kubernetes.io/name={NAME}");
        self.kubectl(&[
            "get",
            "configmap",
            "--namespace",
            &self.namespace,
            "--selector",
            &ours,
            "--output",
            "name",
        ])
    }
}
