//! Whether there is a Service behind the address of the Cluster Agent that sidecars get. Without one their agents reach nothing, and
//! only their logs would tell.

use super::asked;
use crate::in_force::Store;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::{ListParams, ObjectList, PartialObjectMeta},
};
use std::{fmt, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often the Service is looked for again.
pub const EVERY: Duration = Duration::from_secs(300);

/// What Services of the Cluster Agent are called, whatever the release.
const SUFFIX: &str = "cluster-agent";

/// How many of those are told.
const MOST: usize = 5;

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    namespace: String,
    name: String,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// The Service.
    It,
    /// None; perhaps others that could be meant.
    Others(Vec<Address>),
    /// Nothing can be told; the reason.
    Unknown(String),
}

/// Looks for the Service of the configuration in force until the end, at once and whenever that changes. Tells what it finds once.
pub async fn watch(client: Client, store: Arc<Store>, every: Duration, stop: CancellationToken) {
    let mut changes = store.changes();
    let mut told = None;
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        if let Some(address) = address(&store)
            && let Some(found) = stop.run_until_cancelled(look(&client, &address)).await
        {
            let now = Some((address, found));
            if told != now {
                if let Some((address, found)) = &now {
                    tell(address, found, told.is_some());
                }
                told = now;
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changes.changed() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// The Service that sidecars are told of; `None` where they are told of none.
fn address(store: &Store) -> Option<Address> {
    let in_force = store.load();
    let agent = in_force.rules.config.cluster_agent.as_ref().filter(|_| in_force.rules.config.enabled)?;
    let namespace = agent.namespace.as_ref().unwrap_or(&in_force.rules.setting.own_namespace);
    Some(Address { namespace: namespace.clone(), name: agent.service.clone() })
}

async fn look(client: &Client, wanted: &Address) -> Found {
    let named = Api::<Service>::all(client.clone());
    let params = ListParams::default().fields(&format!("metadata.name={}", wanted.name));
    let mut others = match list(named.list_metadata(&params)).await {
        Ok(others) => others,
        Err(reason) => return Found::Unknown(reason),
    };
    if others.contains(wanted) {
        return Found::It;
    }
    let beside = Api::<Service>::namespaced(client.clone(), &wanted.namespace);
    let beside = list(beside.list_metadata(&ListParams::default())).await.unwrap_or_default();
    others.extend(beside.into_iter().filter(|address| address.name.ends_with(SUFFIX)));
    others.truncate(MOST);
    Found::Others(others)
}

type Listed = ObjectList<PartialObjectMeta<Service>>;

async fn list(listed: impl Future<Output = Result<Listed, kube::Error>>) -> Result<Vec<Address>, String> {
    let address = |service: PartialObjectMeta<Service>| {
        Some(Address { namespace: service.metadata.namespace?, name: service.metadata.name? })
    };
    Ok(asked(listed).await?.items.into_iter().filter_map(address).collect())
}

fn tell(address: &Address, found: &Found, again: bool) {
    match found {
        Found::It if again => tracing::info!(service = %address, "The Cluster Agent's Service is there"),
        Found::It => {}
        Found::Unknown(reason) => {
            tracing::info!(service = %address, reason, "Cannot tell whether the Cluster Agent's Service is there");
        }
        Found::Others(others) => tracing::warn!(
            service = %address,
            found = others.iter().map(Address::to_string).collect::<Vec<_>>().join(", "),
            "There is no such Service: sidecars do not reach the Cluster Agent. Name it with clusterAgent.serviceName and \
             clusterAgent.serviceNamespace, or say that there is none with clusterAgent.enabled=false"
        ),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
