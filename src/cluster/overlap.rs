//! Whether Datadog's own injection is on beside ours: each of the two adds a sidecar then, and the API server refuses a pod of a Job
//! that gets both.

use crate::in_force::Store;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{Api, Client, api::ListParams};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// How often it is looked for.
pub const EVERY: Duration = Duration::from_secs(3600);

/// How long the answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

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
            let looked = tokio::time::timeout(PATIENCE, configurations.list(&all));
            match stop.run_until_cancelled(looked).await {
                None => return,
                Some(Ok(Ok(list))) => list.items.iter().for_each(tell),
                Some(Ok(Err(error))) => unknown(&error),
                Some(Err(late)) => unknown(&late),
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

fn unknown(reason: &dyn std::fmt::Display) {
    tracing::info!(%reason, "Cannot tell whether Datadog's own sidecar injection is on as well");
}

/// The names of Datadog's entries.
fn theirs(configuration: &MutatingWebhookConfiguration) -> impl Iterator<Item = &str> {
    let entries = configuration.webhooks.iter().flatten().map(|entry| entry.name.as_str());
    entries.filter(|name| name.ends_with(ENTRY))
}
