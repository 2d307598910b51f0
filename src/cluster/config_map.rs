//! Keeps the ConfigMap of our configuration as long as the ReplicaSet whose pods read it. Another configuration is another ConfigMap,
//! and Helm deletes what is no longer in its manifest: a replica of before that starts again would find nothing to read.

use super::FIELD_MANAGER;
use k8s_openapi::{
    api::core::v1::{ConfigMap, Pod},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// With this Helm leaves an object that is no longer in a release where it is. It looks at the object in the cluster for that, and at
/// its own manifest when the release itself goes.
const KEEP: (&str, &str) = ("helm.sh/resource-policy", "keep");

/// How long one answer of the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The ConfigMap, and the pod that reads it.
#[derive(Clone, Debug)]
pub struct Names {
    /// The namespace of both.
    pub namespace: String,
    /// The ConfigMap.
    pub config_map: String,
    /// Our own pod.
    pub pod: String,
}

/// Makes the ReplicaSet of our pod an owner of the ConfigMap, once, and ends when told to.
pub async fn keep(client: Client, names: Names, stop: CancellationToken) {
    let mut pause = PAUSE;
    while let Some(kept) = stop.run_until_cancelled(adopt(&client, &names)).await {
        match kept {
            Ok(Some(owner)) => {
                let (config_map, replica_set) = (&names.config_map, owner.name);
                tracing::debug!(config_map, replica_set, "The ConfigMap stays as long as the ReplicaSet");
                break;
            }
            Ok(None) => break,
            Err(problem) => {
                let (config_map, retry) = (&names.config_map, pause.as_secs());
                tracing::info!(
                    config_map,
                    problem,
                    retry,
                    "Could not keep the ConfigMap for replicas that start again"
                );
                let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    stop.cancelled().await;
}

/// `None` where no ReplicaSet made the pod.
async fn adopt(client: &Client, names: &Names) -> Result<Option<OwnerReference>, String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), &names.namespace);
    let pod = asked(pods.get_metadata(&names.pod)).await?;
    let owners = pod.metadata.owner_references.unwrap_or_default();
    let Some(owner) = owners.into_iter().find(|owner| owner.kind == "ReplicaSet") else { return Ok(None) };
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &names.namespace);
    let found = asked(config_maps.get_metadata(&names.config_map)).await?.metadata;
    if found.owner_references.iter().flatten().any(|other| other.uid == owner.uid) {
        return Ok(Some(owner));
    }
    // One manager for each ReplicaSet: each owns its own entry of the list.
    let manager = format!("{FIELD_MANAGER}-{}", owner.uid);
    let params = PatchParams::apply(&manager).force();
    asked(config_maps.patch_metadata(&names.config_map, &params, &Patch::Apply(document(names, &owner))))
        .await?;
    Ok(Some(owner))
}

/// What we own of the ConfigMap.
fn document(names: &Names, owner: &OwnerReference) -> Value {
    let OwnerReference { api_version, kind, name, uid, .. } = owner;
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.config_map,
            "annotations": { KEEP.0: KEEP.1 },
            "ownerReferences": [{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid}],
        },
    })
}

async fn asked<T>(asked: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    let answer = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| "no answer in time")?;
    answer.map_err(|error| error.to_string())
}
