//! Datadog's own hostPath and CSI volumes, which Fargate refuses: the Cluster Agent's other webhooks add them.

use super::plan::Plan;
use crate::pod::{Source, Spec};

/// The names that Datadog's webhooks give their volumes.
const NAMES: [&str; 5] =
    ["datadog", "datadog-dsd", "datadog-apm", "datadog-dogstatsd", "datadog-trace-agent"];

/// Whether a mount's volume is one of those that go.
pub(super) fn goes(spec: &Spec<'_>, name: &str) -> bool {
    NAMES.contains(&name)
        && spec
            .volumes()
            .iter()
            .any(|v| &*v.name == name && matches!(v.source, Source::HostPath | Source::Csi))
}

/// Removes the volumes and their mounts; a volume of the user's that has such a name but another source stays.
pub(super) fn remove(spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let positions = |names: &mut dyn Iterator<Item = &str>| -> Vec<usize> {
        names.enumerate().filter(|(_, name)| goes(spec, name)).map(|(position, _)| position).collect()
    };
    plan.volumes.remove = positions(&mut spec.volumes().iter().map(|v| &*v.name));
    if plan.volumes.remove.is_empty() {
        return;
    }
    let init = spec.init_containers().iter().zip(&mut plan.init_containers);
    for (container, extra) in init.chain(spec.containers().iter().zip(&mut plan.containers)) {
        extra.mounts.remove = positions(&mut container.mounts().iter().map(|m| &*m.name));
    }
}
