//! The cluster, and who uses the release of the chart in it.

use super::{
    Space,
    api::{Api, Reply},
    helm::{self, NAME, NAMESPACE, STANDARD},
    space, wait,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use std::{env, path::PathBuf};
use tokio::sync::{Mutex, OnceCell, RwLock};

/// Whether the release has the standard values, and nobody changes it while it does.
static STANDARD_IS_INSTALLED: RwLock<bool> = RwLock::const_new(false);

/// Whose turn it is, first come, first served: what one installs the next can use.
static TURN: Mutex<()> = Mutex::const_new(());

/// A test's hold on the cluster.
pub struct Cluster {
    pub api: Api,
    /// What keeps others from changing the release, or from using it at all.
    hold: Option<Box<dyn Send>>,
}

/// The folder of the running cluster.
pub fn folder() -> PathBuf {
    env::var_os("NODE_CLUSTER").expect("NODE_CLUSTER, which tests/run.sh sets").into()
}

impl Cluster {
    /// With the standard release, which others use as well.
    pub async fn shared() -> Self {
        let _turn = TURN.lock().await;
        let mut cluster = Self::new().await;
        let mut hold = STANDARD_IS_INSTALLED.read().await;
        if !*hold {
            drop(hold);
            let mut alone = STANDARD_IS_INSTALLED.write().await;
            cluster.install(STANDARD).await;
            *alone = true;
            hold = alone.downgrade();
        }
        cluster.hold = Some(Box::new(hold));
        cluster
    }

    /// With nobody else; what is installed is not known.
    pub async fn alone() -> Self {
        let _turn = TURN.lock().await;
        let mut cluster = Self::new().await;
        let mut hold = STANDARD_IS_INSTALLED.write().await;
        *hold = false;
        cluster.hold = Some(Box::new(hold));
        cluster
    }

    async fn new() -> Self {
        let api = api().await;
        prepare(&api).await;
        Self { api, hold: None }
    }

    /// Sees that a release with these values works, whatever was there before.
    pub async fn install(&self, values: &str) {
        // One that was interrupted takes no other.
        if !helm::run(&["status", "injector"]).await.text.contains("STATUS: deployed") {
            self.uninstall().await;
        }
        // A test may have written what is Helm's.
        let said = helm::put("upgrade", values, &["--install", "--reset-values", "--force-conflicts"]).await;
        assert!(said.success, "{}\n{}", said.text, self.state().await);
        self.settled().await;
    }

    /// Sees that there is none.
    pub async fn uninstall(&self) {
        let said = helm::run(&["uninstall", "injector", "--ignore-not-found", "--wait"]).await;
        assert!(said.success, "{}", said.text);
    }

    /// Waits until the last replica has drained.
    pub async fn without_replicas(&self) {
        wait::until("the end of the replicas", async || self.replicas().await.is_empty().then_some(())).await;
    }

    /// A namespace whose pods find what the agent needs.
    pub async fn space(&self, name: &'static str) -> Space {
        Space::new(&self.api, name, json!({})).await
    }

    /// The same, with Pod Security `restricted`.
    pub async fn restricted_space(&self, name: &'static str) -> Space {
        Space::new(&self.api, name, json!({"pod-security.kubernetes.io/enforce": "restricted"})).await
    }

    /// The pods of the injector.
    pub async fn replicas(&self) -> Vec<Value> {
        let pods = self.api.pods(NAMESPACE).await.into_iter();
        pods.filter(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == NAME).collect()
    }

    /// An object of the chart.
    pub async fn get(&self, version: &str, kind: &str, name: &str) -> Reply {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        if !kind.starts_with("Cluster") && !kind.starts_with("Mutating") {
            object["metadata"]["namespace"] = NAMESPACE.into();
        }
        self.api.get(&object).await
    }

    /// Changes the injector's Deployment.
    pub async fn patch(&self, patch: &Value) {
        let deployment = self.get("apps/v1", "Deployment", NAME).await.created();
        self.api.patch(&deployment, "", patch).await.created();
    }

    /// Waits until all replicas are of the last change, and ready, and those before it have gone.
    pub async fn settled(&self) {
        wait::until("the end of the rollout", async || {
            let deployment = self.get("apps/v1", "Deployment", NAME).await.created();
            let (wanted, status) = (&deployment["spec"]["replicas"], &deployment["status"]);
            let count = |key: &str| status[key].as_u64().unwrap_or_default();
            let seen = status["observedGeneration"] == deployment["metadata"]["generation"];
            let wanted = wanted.as_u64().unwrap();
            let all =
                ["replicas", "updatedReplicas", "availableReplicas"].iter().all(|key| count(key) == wanted);
            let replicas = self.replicas().await;
            let ready =
                replicas.len() as u64 == wanted && replicas.iter().all(|pod| space::condition(pod, "Ready"));
            (seen && all && ready).then_some(())
        })
        .await;
    }

    /// What its pods are doing, for a person.
    pub async fn state(&self) -> String {
        let mut state = String::new();
        for pod in self.replicas().await {
            let name = pod["metadata"]["name"].as_str().unwrap();
            let log = self.api.log(NAMESPACE, name, "injector").await;
            state += &format!("{name}: {:#}\n{log}\n", pod["status"]);
        }
        state
    }
}

async fn api() -> Api {
    _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(folder().join("admin.kubeconfig")).unwrap();
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Api::new(kube::Client::try_from(config).unwrap())
}

/// Makes the namespace of the release, once in a run.
async fn prepare(api: &Api) {
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    PREPARED
        .get_or_init(async || {
            let restricted = json!({"pod-security.kubernetes.io/enforce": "restricted"});
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": NAMESPACE, "labels": restricted}});
            // A cluster that was kept has it.
            _ = api.create(&namespace).await;
            // Its name is looked up by the agents.
            let service = json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "datadog-cluster-agent", "namespace": NAMESPACE}, "spec": {"ports": [{"port": 5005}]}});
            _ = api.create(&service).await;
            wait::until("the ServiceAccount", async || {
                let account = json!({"apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": NAMESPACE}});
                api.get(&account).await.status.is_success().then_some(())
            })
            .await;
        })
        .await;
}
