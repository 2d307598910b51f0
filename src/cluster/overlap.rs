//! Whether Datadog's own injection is on beside ours: each of the two adds a sidecar then, and the API server refuses a pod of a Job
//! that gets both.

use super::asked;
use crate::in_force::Store;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, Client, api::ListParams};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often it is looked for.
pub const EVERY: Duration = Duration::from_secs(3600);

/// How the name of Datadog's entry ends, whatever its chart calls the configuration.
const ENTRY: &str = ".agent.sidecar";

/// Looks for Datadog's entry until the end, at once and whenever our configuration changes, and warns each time it is there.
pub async fn watch(client: Client, store: Arc<Store>, every: Duration, stop: CancellationToken) {
    let configurations = Api::<MutatingWebhookConfiguration>::all(client);
    let mut changes = store.changes();
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        if store.load().rules.config.enabled {
            let all = ListParams::default();
            match stop.run_until_cancelled(asked(configurations.list(&all))).await {
                None => return,
                Some(Ok(list)) => list.items.iter().for_each(tell),
                Some(Err(reason)) => {
                    tracing::info!(
                        reason,
                        "Cannot tell whether Datadog's own sidecar injection is on as well"
                    );
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            _ = changes.changed() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}

fn tell(configuration: &MutatingWebhookConfiguration) {
    for entry in theirs(configuration) {
        tracing::warn!(
            configuration = configuration.metadata.name,
            entry,
            "Datadog's own sidecar injection is on as well: a pod of a Job that both select is refused by the API server. Switch \
             it off in the values of Datadog's chart with clusterAgent.admissionController.agentSidecarInjection.enabled=false"
        );
    }
}

/// The names of Datadog's entries.
fn theirs(configuration: &MutatingWebhookConfiguration) -> impl Iterator<Item = &str> {
    let entries = configuration.webhooks.iter().flatten().map(|entry| entry.name.as_str());
    entries.filter(|name| name.ends_with(ENTRY))
}
