//! What is learnt from the API server: the labels of namespaces, and its version. Never while a review waits.

pub mod namespaces;
pub mod probe;
pub mod version;

use kube::{Client, Config};

/// Whether there is a cluster to ask: the process runs in one, or `KUBECONFIG` names one.
pub fn is_there() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("KUBERNETES_SERVICE_HOST") || set("KUBECONFIG")
}

/// A client of the cluster. Nothing is asked yet.
pub async fn connect() -> Result<Client, kube::Error> {
    let config = Config::infer().await.map_err(kube::Error::InferConfig)?;
    Client::try_from(config)
}
