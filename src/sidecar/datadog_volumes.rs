//! Datadog's own hostPath and CSI volumes, which Fargate refuses: the Cluster Agent's other webhooks add them.

use super::plan::Plan;
use crate::pod::{Source, Spec, Volume};

/// The names that Datadog's webhooks give their volumes.
const NAMES: [&str; 5] =
    ["datadog", "datadog-dsd", "datadog-apm", "datadog-dogstatsd", "datadog-trace-agent"];

/// The volumes that go.
#[derive(Debug)]
pub(super) struct Going(Vec<&'static str>);

impl Going {
    /// A volume of the user's that has such a name but another source stays.
    pub(super) fn of(spec: &Spec<'_>) -> Self {
        let refused = |v: &Volume<'_>| matches!(v.source, Source::HostPath | Source::Csi);
        let goes = |name: &&str| spec.volumes().iter().any(|v| v.name == **name && refused(v));
        Self(NAMES.into_iter().filter(goes).collect())
    }

    /// Whether a volume is one of them.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

/// Removes the volumes and their mounts.
pub(super) fn remove(going: &Going, spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let positions = |names: &mut dyn Iterator<Item = &str>| -> Vec<usize> {
        names.enumerate().filter(|(_, name)| going.has(name)).map(|(position, _)| position).collect()
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
