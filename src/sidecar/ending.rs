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
    /// The applications start once the agent answers its probe.
    pub(super) waits: bool,
    /// The agent watches for the end of all other processes and exits then.
    pub(super) auto_exit: bool,
    pub(super) warning: Option<String>,
}

/// Decides it; a pod that could never end is a conflict.
pub(super) fn decide(
    spec: &Spec<'_>,
    mode: Mode,
    waits: bool,
    setting: &Setting,
    shares_processes: bool,
) -> Result<Ending, Obstacle> {
    let ends = spec.restart_policy == "Never" || spec.restart_policy == "OnFailure";
    let minor = setting.kubernetes_minor;
    let can = minor >= NATIVE_SINCE;
    let native = can && (mode == Mode::Native || mode == Mode::Auto && (ends || waits));
    if ends && !native && !shares_processes {
        return Err(Obstacle::Conflict(
            "the pod ends, and without a shared process namespace the agent would keep it running".into(),
        ));
    }
    let warning = if mode == Mode::Native && !can {
        Some(format!(
            "mode native needs Kubernetes 1.{NATIVE_SINCE}: the sidecar is a container on 1.{minor}"
        ))
    } else if waits && !native {
        Some(if can {
            "waitForAgent is ignored: it needs a native sidecar".into()
        } else {
            format!("waitForAgent is ignored: it needs a native sidecar, and so Kubernetes 1.{NATIVE_SINCE}")
        })
    } else {
        None
    };
    Ok(Ending { native, waits: waits && native, auto_exit: ends && !native, warning })
}
