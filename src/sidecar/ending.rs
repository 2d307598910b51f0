//! Pods that end, and in which list the sidecar goes.

use super::Obstacle;
use crate::{config::Mode, pod::Spec, rules::Setting};

/// The minor version from which the API server knows native sidecars.
const NATIVE_SINCE: u32 = 29;

/// How the sidecar lives beside the applications.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// An init container with `restartPolicy: Always`.
    pub(super) native: bool,
    /// The agent watches for the end of all other processes and exits then.
    pub(super) auto_exit: bool,
    pub(super) warning: Option<String>,
}

/// Decides it; a pod that could never end is a conflict.
pub(super) fn decide(
    spec: &Spec<'_>,
    mode: Mode,
    setting: &Setting,
    shares_processes: bool,
) -> Result<Ending, Obstacle> {
    let ends = spec.restart_policy == "Never" || spec.restart_policy == "OnFailure";
    let can = setting.kubernetes_minor >= NATIVE_SINCE;
    let native = can && (mode == Mode::Native || mode == Mode::Auto && ends);
    if ends && !native && !shares_processes {
        return Err(Obstacle::Conflict(
            "the pod ends, and without a shared process namespace the agent would keep it running".into(),
        ));
    }
    let warning = (mode == Mode::Native && !can).then(|| {
        format!(
            "mode native needs Kubernetes 1.{NATIVE_SINCE}: the sidecar is a container on 1.{}",
            setting.kubernetes_minor
        )
    });
    Ok(Ending { native, auto_exit: ends && !native, warning })
}
