//! etcd, the API server and the controllers, on loopback, with their data in a temporary folder.

use super::{
    api::Api,
    pki::Authority,
    processes::{Processes, free_port},
    wait,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};
use tokio::sync::OnceCell;

/// Where the binaries are; set by `make e2e`.
const BINARIES: &str = "CONTROL_PLANE_BIN";

/// Those that make pods.
const CONTROLLERS: &str = "deployment-controller,replicaset-controller,statefulset-controller,job-controller";

/// Those that count pods and clear up, of whom tests with made-up owners want to know nothing.
const OF_THE_CHART: &str = "garbage-collector-controller,namespace-controller,ttl-after-finished-controller,resourcequota-controller";

/// Every webhook call and patch of a pod is written down before its answer goes out, and who wrote a Secret or a webhook
/// configuration, and all that the injector asks for. The quiet namespaces are for pods by the thousand.
const AUDIT_POLICY: &str = "
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, namespaces: [quiet, quiet-plain, quiet-restricted, quiet-restricted-plain, quiet-generated, quiet-generated-plain,
    quiet-creation, quiet-creation-plain]}
  - {level: RequestResponse, verbs: [create, update, patch], resources: [{group: '', resources: [pods, pods/ephemeralcontainers]}]}
  - level: Metadata
    verbs: [create, update, patch, delete]
    resources: [{group: '', resources: [secrets]}, {group: admissionregistration.k8s.io, resources: [mutatingwebhookconfigurations]}]
  - {level: Metadata, userGroups: [injectors], verbs: [get, list, watch]}
  - {level: None}
";

/// What the injector may do in the cluster, and no more.
const INJECTOR_ROLE: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: datadog-sidecar-injector}
rules:
  - {apiGroups: [''], resources: [namespaces], verbs: [get, list, watch]}
  - {apiGroups: [''], resources: [secrets], resourceNames: [datadog-secret], verbs: [list, watch]}
  - {apiGroups: [''], resources: [configmaps], resourceNames: [datadog-ca-cert], verbs: [list, watch]}
  - {apiGroups: [''], resources: [services], verbs: [list]}
  - {apiGroups: [admissionregistration.k8s.io], resources: [mutatingwebhookconfigurations], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: datadog-sidecar-injector}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: datadog-sidecar-injector}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: injectors}]
---
apiVersion: v1
kind: Namespace
metadata: {name: datadog-agent}
";

/// A running control plane.
pub struct ControlPlane {
    pub processes: Processes,
    pub authority: Authority,
    /// Whether the controllers run: without them nobody makes pods of Deployments and Jobs.
    pub controllers: bool,
    /// The kubeconfig of the injector's user.
    pub injector_kubeconfig: PathBuf,
    /// The audit log.
    pub audit: PathBuf,
    /// The kubeconfig of a user with all rights.
    pub kubeconfig: PathBuf,
}

impl ControlPlane {
    /// The one of this run.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
        let start = async || {
            let plane = Self::start(CONTROLLERS).await;
            let api = plane.api().await;
            for object in super::scene::documents(INJECTOR_ROLE) {
                api.create(&object).await.created();
            }
            plane
        };
        SHARED.get_or_init(start).await
    }

    /// One for installations of the chart: each takes the whole cluster.
    pub async fn of_the_chart() -> &'static Self {
        static CHART: OnceCell<ControlPlane> = OnceCell::const_new();
        CHART.get_or_init(async || Self::start(&format!("{CONTROLLERS},{OF_THE_CHART}")).await).await
    }

    /// A client with all rights. Clients don't outlive the runtime of a test, hence one for each.
    pub async fn api(&self) -> Api {
        Api::new(client(&self.kubeconfig).await)
    }

    /// The kubeconfig of an injector that the audit log tells from the others.
    pub fn kubeconfig_of_injector(&self, user: &str) -> PathBuf {
        let folder = self.processes.folder();
        self.authority.client(user, "injectors").write(folder, user);
        let path = folder.join(format!("{user}.kubeconfig"));
        fs::write(&path, fs::read_to_string(&self.injector_kubeconfig).unwrap().replace("injector", user))
            .unwrap();
        path
    }

    /// A kubeconfig with the rights of another user, for a process.
    pub fn kubeconfig_as(&self, user: &str) -> PathBuf {
        let ours = fs::read_to_string(&self.kubeconfig).unwrap();
        let theirs = ours.replace("{name: admin, user: {", &format!("{{name: admin, user: {{as: '{user}', "));
        assert_ne!(ours, theirs);
        let path = self.processes.folder().join(format!("{}.kubeconfig", user.replace(':', "-")));
        fs::write(&path, theirs).unwrap();
        path
    }

    /// A client with the rights of another user.
    pub async fn api_as(&self, user: &str) -> Api {
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig).unwrap();
        let options = KubeConfigOptions::default();
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
        config.auth_info.impersonate = Some(user.to_owned());
        Api::new(kube::Client::try_from(config).unwrap())
    }

    async fn start(which: &str) -> Self {
        _ = rustls::crypto::ring::default_provider().install_default();
        let binaries = PathBuf::from(env::var_os(BINARIES).unwrap_or_else(|| {
            panic!("{BINARIES} is not set: `make e2e` builds or finds a control plane and sets it")
        }));
        let folder = tempfile::Builder::new().prefix("control-plane.").tempdir().unwrap().keep();
        let processes = Processes::new(folder.clone());
        let authority = Authority::new();

        fs::write(folder.join("ca.crt"), authority.pem()).unwrap();
        fs::write(folder.join("audit-policy.yaml"), AUDIT_POLICY).unwrap();
        authority.server(&["127.0.0.1", "localhost"]).write(&folder, "server");
        let accounts = rcgen::KeyPair::generate().unwrap();
        fs::write(folder.join("accounts.key"), accounts.serialize_pem()).unwrap();
        fs::write(folder.join("accounts.pub"), accounts.public_key_pem()).unwrap();
        let [etcd_port, peer_port, port] = [free_port(), free_port(), free_port()];
        for (user, group) in [("admin", "system:masters"), ("injector", "injectors")] {
            authority.client(user, group).write(&folder, user);
            fs::write(folder.join(format!("{user}.kubeconfig")), kubeconfig(&folder, user, port)).unwrap();
        }

        let etcd = format!("http://127.0.0.1:{etcd_port}");
        let peer = format!("http://127.0.0.1:{peer_port}");
        let mut command = program(&binaries, &folder, "etcd");
        command.args(["--data-dir=etcd", "--unsafe-no-fsync", "--log-level=warn"]);
        command.args([format!("--listen-client-urls={etcd}"), format!("--advertise-client-urls={etcd}")]);
        command.args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")]);
        command.arg(format!("--initial-cluster=default={peer}"));
        let mut etcd_process = processes.start("etcd", &mut command);

        let mut command = program(&binaries, &folder, "kube-apiserver");
        command.args([format!("--etcd-servers={etcd}"), format!("--secure-port={port}")]);
        command.args([
            "--bind-address=127.0.0.1",
            // An address that is not loopback is asked for; nobody uses it.
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
            "--tls-cert-file=server.crt",
            "--tls-private-key-file=server.key",
            "--client-ca-file=ca.crt",
            "--authorization-mode=RBAC",
            // Loopback: what listens at the address of a Service is reached there without a node.
            "--service-cluster-ip-range=127.96.0.0/16",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-account-key-file=accounts.pub",
            "--service-account-signing-key-file=accounts.key",
            "--audit-policy-file=audit-policy.yaml",
            "--audit-log-path=audit.log",
            "--audit-log-mode=blocking",
        ]);
        let mut api_process = processes.start("kube-apiserver", &mut command);
        let admin = folder.join("admin.kubeconfig");
        let api = Api::new(client(&admin).await);
        wait::until("the API server", async || {
            etcd_process.assert_alive();
            api_process.assert_alive();
            api.ready().await.then_some(())
        })
        .await;

        let controllers = binaries.join("kube-controller-manager").is_file();
        if controllers {
            let mut command = program(&binaries, &folder, "kube-controller-manager");
            command.args([
                "--kubeconfig=admin.kubeconfig",
                "--secure-port=0",
                "--leader-elect=false",
                &format!("--controllers={which}"),
                "--kube-api-qps=200",
                "--kube-api-burst=400",
            ]);
            processes.start("kube-controller-manager", &mut command);
        }
        Self {
            processes,
            authority,
            controllers,
            injector_kubeconfig: folder.join("injector.kubeconfig"),
            audit: folder.join("audit.log"),
            kubeconfig: admin,
        }
    }
}

fn program(binaries: &Path, folder: &Path, name: &str) -> Command {
    let mut command = Command::new(binaries.join(name));
    command.current_dir(folder).env_clear();
    command
}

fn kubeconfig(folder: &Path, user: &str, port: u16) -> String {
    let folder = folder.display();
    format!(
        "apiVersion: v1
kind: Config
current-context: tests
contexts: [{{name: tests, context: {{cluster: tests, user: {user}}}}}]
clusters: [{{name: tests, cluster: {{server: 'https://127.0.0.1:{port}', certificate-authority: {folder}/ca.crt}}}}]
users: [{{name: {user}, user: {{client-certificate: {folder}/{user}.crt, client-key: {folder}/{user}.key}}}}]
"
    )
}

async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    kube::Client::try_from(config).unwrap()
}
