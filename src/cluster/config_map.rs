//! Keeps the ConfigMap of our configuration as long as the Deployment. Another configuration is another ConfigMap, and Helm deletes what is
//! no longer in its manifest: a replica of before that starts again would find nothing to read.
//!
//! Not as long as the ReplicaSet whose pods read it: who deletes that to have another one made would lose the ConfigMap with it.

use super::{FIELD_MANAGER, asked, trouble::Trouble};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    core::ObjectMeta,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// With this Helm leaves an object that is no longer in a release where it is. It looks at the object in the cluster for that, and at
/// its own manifest when the release itself goes.
const KEEP: (&str, &str) = ("helm.sh/resource-policy", "keep");

/// How often it is looked at: a rollback of Helm's takes away what Helm does not know.
const EVERY: Duration = Duration::from_secs(120);

/// The pause after the first failure; it doubles up to [`EVERY`].
const PAUSE: Duration = Duration::from_secs(1);

/// The ConfigMap, and the Deployment that it goes with.
#[derive(Clone, Debug)]
pub struct Names {
    /// The namespace of both.
    pub namespace: String,
    /// The ConfigMap.
    pub config_map: String,
    /// The Deployment of our own pod.
    pub deployment: String,
}

/// Keeps the Deployment an owner of the ConfigMap until the end.
pub async fn keep(client: Client, names: Names, stop: CancellationToken) {
    let (mut pause, mut trouble) = (PAUSE, Trouble::new("keep the ConfigMap for replicas that start again"));
    while let Some(kept) = stop.run_until_cancelled(adopt(&client, &names)).await {
        let wait = match kept {
            Ok(()) => {
                trouble.over();
                pause = PAUSE;
                EVERY
            }
            Err(problem) => {
                trouble.failed(&problem);
                let wait = pause;
                pause = (pause * 2).min(EVERY);
                wait
            }
        };
        let _ = stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

async fn adopt(client: &Client, names: &Names) -> Result<(), String> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &names.namespace);
    let deployment = asked(deployments.get_metadata(&names.deployment)).await?.metadata;
    let uid = deployment.uid.unwrap_or_default();
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), &names.namespace);
    if is_kept(&asked(config_maps.get_metadata(&names.config_map)).await?.metadata, &uid) {
        return Ok(());
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    asked(config_maps.patch_metadata(&names.config_map, &params, &Patch::Apply(document(names, &uid))))
        .await?;
    Ok(())
}

fn is_kept(found: &ObjectMeta, uid: &str) -> bool {
    let annotation = found.annotations.as_ref().and_then(|all| all.get(KEEP.0));
    annotation.is_some_and(|value| value == KEEP.1)
        && found.owner_references.iter().flatten().any(|owner| owner.uid == uid)
}

/// What we own of the ConfigMap.
fn document(names: &Names, uid: &str) -> Value {
    let owner = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": names.deployment, "uid": uid});
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.config_map,
            "annotations": { KEEP.0: KEEP.1 },
            "ownerReferences": [owner],
        },
    })
}
