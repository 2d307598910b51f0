//! Workload Protection without eBPF: the applications' commands run under a tracer that reports to the agent.
//!
//! Only an explicit command can be wrapped: the image's own entrypoint is not known here, and setting `command` would drop it. A
//! capability to trace is never added: no node of Fargate takes a pod that asks for one.

use super::{
    Obstacle,
    container::Step,
    is_own,
    plan::Plan,
    volumes::{Own, mount},
};
use crate::{
    config::Cws,
    patch::{Fault, LONGEST, string},
    pod::{Container, Spec},
};
use std::collections::HashMap;

/// The name of the init step that brings the tracer.
pub(crate) const STEP: &str = "cws-instrumentation-init";

const PATH: &str = "/cws-instrumentation-volume";
const TRACER: &str = "/cws-instrumentation-volume/cws-instrumentation";

/// What brings the tracer.
pub(super) const VOLUME: Own = Own::empty_dir("cws-instrumentation-volume");

/// Variables of the agent.
pub(super) const AGENT: [&str; 2] =
    ["DD_RUNTIME_SECURITY_CONFIG_ENABLED", "DD_RUNTIME_SECURITY_CONFIG_EBPFLESS_ENABLED"];

/// Where the agent listens for what is traced; the tracer has to be told where that is another place than its own default.
pub(super) const PROBE: &str = "DD_RUNTIME_SECURITY_CONFIG_EBPFLESS_SOCKET";

/// Commands of containers that state none, by container.
pub(super) type Entrypoints = HashMap<String, Vec<String>>;

/// What a profile compiles to.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The init step, but for what follows the pod.
    pub(super) step: Step,
    pub(super) entrypoints: Entrypoints,
    /// Where the operator has the agent listen.
    pub(super) probe: Option<String>,
}

impl Compiled {
    pub(super) fn new(cws: &Cws, pull_policy: &str, probe: Option<&str>) -> Self {
        let members = format!(
            concat!(
                r#""image":{image},"imagePullPolicy":{policy},"#,
                r#""command":["/cws-instrumentation","setup","--cws-volume-mount",{path}]"#
            ),
            image = string(&cws.image.reference()),
            policy = string(pull_policy),
            path = string(PATH),
        );
        let step = Step { members, mount: mount(&VOLUME.name, PATH, false) };
        let entrypoints = cws.entrypoints.iter().cloned().collect();
        Self { step, entrypoints, probe: probe.map(str::to_owned) }
    }
}

/// Wraps the commands of the user's containers; `probe` is where the agent listens, where that has moved.
pub(super) fn wrap(
    of_profile: &Entrypoints,
    of_pod: &Entrypoints,
    probe: Option<&str>,
    spec: &Spec<'_>,
    plan: &mut Plan<'_>,
) -> Result<(), Obstacle> {
    let moved = probe.map(|address| format!("--probe-addr={address}"));
    // One entrypoint may be that of any number of containers.
    let mut written = 0;
    let mount = mount(&VOLUME.name, PATH, true);
    let containers = spec.containers().iter().zip(&mut plan.containers);
    for (container, extra) in containers.filter(|(c, _)| !is_own(&c.name)) {
        let Some(command) = command(container, of_pod, of_profile) else {
            plan.warnings.about(
                "without a command Workload Protection needs annotation sidecar.entrypoints for",
                &container.name,
            );
            continue;
        };
        if command.first().is_some_and(|first| first == TRACER) {
            continue;
        }
        let there = container.mounts().iter().find(|m| m.mount_path.trim_end_matches('/') == PATH);
        if there.is_some_and(|mount| mount.name != *VOLUME.name) {
            plan.warnings.about(
                &format!("{PATH} holds something else, so no Workload Protection in"),
                &container.name,
            );
            continue;
        }
        let tracer = [TRACER, "trace"].into_iter().chain(moved.as_deref()).chain(["--"]);
        let traced: Vec<_> = tracer.map(str::to_owned).chain(command).collect();
        // A list of strings is always written.
        extra.command = serde_json::to_string(&traced).ok();
        written += extra.command.as_deref().map_or(0, str::len);
        if written > LONGEST {
            return Err(Obstacle::TooComplex(Fault::TooLong.to_string()));
        }
        if there.is_none() {
            extra.mounts.append.push(mount.clone().into());
        }
    }
    Ok(())
}

/// What a container runs, without its arguments.
fn command(container: &Container<'_>, of_pod: &Entrypoints, of_profile: &Entrypoints) -> Option<Vec<String>> {
    let stated = container.command.as_deref().unwrap_or_default();
    if !stated.is_empty() {
        return Some(stated.iter().map(|word| word.to_string()).collect());
    }
    of_pod.get(&*container.name).or_else(|| of_profile.get(&*container.name)).cloned()
}
