//! What is learnt from the API server, the labels of namespaces, which of them have what sidecars refer to, and its version, and
//! what is kept right in it, `caBundle`. Never while a review waits.

pub mod cluster_agent;
pub mod config_map;
pub mod namespaces;
pub mod objects;
pub mod overlap;
pub mod probe;
pub(crate) mod trouble;
pub mod version;
pub mod webhook;

use kube::{Client, Config};
use std::time::Duration;

/// Who we are to the API server's record of who wrote which field.
pub const FIELD_MANAGER: &str = "datadog-sidecar-injector";

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

/// How long one answer of the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The API server's answer, within bounds; what went wrong in words.
pub(crate) async fn asked<T>(asked: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    let answer = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| "no answer in time")?;
    answer.map_err(|error| error.to_string())
}

/// Whether something was written: not where somebody else had written meanwhile.
pub(crate) fn unless_conflict(written: Result<(), kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(()) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
