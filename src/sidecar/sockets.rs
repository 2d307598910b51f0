//! The directory in which the agent and the applications meet: one volume, mounted everywhere, and its addresses.

use super::{
    Obstacle, SIDECAR,
    datadog_volumes::Going,
    is_own,
    plan::Plan,
    volumes::{self, Own},
};
use crate::{
    patch::string,
    pod::{Annotations, Container, Metadata, Mount, NAME, Set, Source, Spec},
};
use std::{borrow::Cow, cell::LazyCell, collections::HashMap};

const PATH: &str = "/var/run/datadog";

const VOLUME: Own = Own::empty_dir("ddsockets");

/// The autoscaler's list where it holds no more.
const VOLUME_ALONE: &str = r#""ddsockets""#;

/// The usual mount.
const MOUNT: &str = r#"{"name":"ddsockets","mountPath":"/var/run/datadog"}"#;

/// What applications are told: name, value, and both as JSON.
const ADDRESSES: [(&str, &str, &str); 2] = [
    (
        "DD_TRACE_AGENT_URL",
        "unix:///var/run/datadog/apm.socket",
        r#"{"name":"DD_TRACE_AGENT_URL","value":"unix:///var/run/datadog/apm.socket"}"#,
    ),
    (
        "DD_DOGSTATSD_URL",
        "unix:///var/run/datadog/dsd.socket",
        r#"{"name":"DD_DOGSTATSD_URL","value":"unix:///var/run/datadog/dsd.socket"}"#,
    ),
];

/// What the agent is told.
pub(super) const AGENT: [(&str, &str); 2] = [
    ("DD_APM_RECEIVER_SOCKET", "/var/run/datadog/apm.socket"),
    ("DD_DOGSTATSD_SOCKET", "/var/run/datadog/dsd.socket"),
];

/// The directories above, the nearest first. `/run` is the same place as `/var/run` in most images.
const ABOVE: [&[&str]; 3] = [&["/var/run", "/run"], &["/var"], &["/"]];

/// Sources of volumes in which the kubelet makes the place of a mount below itself, read-only or not.
const PREPARED: [&str; 4] = ["configMap", "secret", "downwardAPI", "projected"];

/// The addresses that applications are not to be told, since nobody listens there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Silent {
    pub(super) traces: bool,
    pub(super) metrics: bool,
}

/// What a container has where the sockets belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There<'a> {
    Nothing,
    Volume(&'a str),
    /// A part of a volume.
    Part,
}

/// Adds the volume, its mounts and the addresses; answers the sidecar's own mount.
pub(super) fn add(
    metadata: &Metadata<'_>,
    going: &Going,
    silent: Silent,
    spec: &Spec<'_>,
    plan: &mut Plan<'_>,
) -> Result<Cow<'static, str>, Obstacle> {
    let volume = match users_own(going, spec) {
        Some(volume) => volume,
        None => {
            if volumes::add_one(&VOLUME, spec, plan)? {
                plan.annotations
                    .extend(safe_to_evict(metadata).map(|list| (Annotations::SAFE_TO_EVICT, list)));
            }
            "ddsockets"
        }
    };
    connect(going, silent, spec, volume, plan);
    Ok(mount(volume))
}

/// Connects the containers that came after the sidecar to the volume it uses, where it uses one.
pub(super) fn complete(going: &Going, spec: &Spec<'_>, plan: &mut Plan<'_>) {
    let sidecar = spec.all_containers().find(|c| c.name == SIDECAR);
    let Some(sidecar) = sidecar else { return };
    let off = |variable: &str| {
        let env = sidecar.env.as_ref();
        ["false", "0"].iter().any(|off| env.and_then(|env| env.compare(variable, off)) == Some(Set::Equal))
    };
    if let There::Volume(volume) = there(going, sidecar) {
        let silent = Silent { traces: off("DD_APM_ENABLED"), metrics: off("DD_USE_DOGSTATSD") };
        connect(going, silent, spec, volume, plan);
    }
}

/// Gives every container of the user's the mount, and those that run on the addresses.
fn connect(going: &Going, silent: Silent, spec: &Spec<'_>, volume: &str, plan: &mut Plan<'_>) {
    let mount = mount(volume);
    // A pod may have thousands of both: the volumes are looked at once. Of two of a name the first counts.
    let kinds = LazyCell::new(|| {
        let kinds = spec.volumes().iter().rev().map(|volume| (&*volume.name, volume.source.kind()));
        kinds.collect::<HashMap<_, _>>()
    });
    plan.each(spec, |mut each, warnings| {
        match there(going, each.container) {
            There::Volume(name) if name == volume => {}
            There::Nothing if is_sealed(going, each.container, |name| kinds.get(name).copied()) => {
                let sentence = format!("a read-only mount is above {PATH}, so no sockets of the agent's in");
                warnings.about(&sentence, &each.container.name);
                return;
            }
            There::Nothing => each.extra.mounts.append.push(mount.clone()),
            There::Volume(_) | There::Part => {
                warnings.about(
                    &format!("{PATH} holds something else, so no sockets of the agent's in"),
                    &each.container.name,
                );
                return;
            }
        }
        if !each.runs_on {
            return;
        }
        for ((variable, value, json), silent) in ADDRESSES.into_iter().zip([silent.traces, silent.metrics]) {
            if silent {
                continue;
            }
            each.tell(variable, value, json, warnings);
        }
    });
}

/// The emptyDir that all containers of the user's that have something at the path have there.
fn users_own<'s>(going: &Going, spec: &'s Spec<'_>) -> Option<&'s str> {
    let mut found = None;
    for container in spec.all_containers().filter(|c| !is_own(&c.name)) {
        match there(going, container) {
            There::Nothing => {}
            There::Volume(name) if found.is_none_or(|f| f == name) => found = Some(name),
            There::Volume(_) | There::Part => return None,
        }
    }
    // A longer name the API server refuses; it would go into every container.
    let found = found.filter(|name| name.len() <= NAME);
    let volume = spec.volumes().iter().find(|v| Some(&*v.name) == found)?;
    matches!(volume.source, Source::EmptyDir { .. }).then_some(&*volume.name)
}

fn there<'s>(going: &Going, container: &'s Container<'_>) -> There<'s> {
    let mut mounts = container.mounts().iter().filter(|mount| !going.has(&mount.name));
    match mounts.find(|mount| path(mount) == PATH) {
        None => There::Nothing,
        Some(mount) if mount.sub_path.0 || mount.sub_path_expr.0 => There::Part,
        Some(mount) => There::Volume(&mount.name),
    }
}

/// Whether the nearest mount above is one in which nothing can be made; `kind` is that of a volume.
fn is_sealed<'k>(going: &Going, container: &Container<'_>, kind: impl Fn(&str) -> Option<&'k str>) -> bool {
    let at = |level: &[&str]| {
        let mounts = container.mounts().iter().filter(|mount| level.contains(&path(mount)));
        mounts.filter(|mount| !going.has(&mount.name)).collect::<Vec<_>>()
    };
    let nearest = ABOVE.into_iter().map(at).find(|mounts| !mounts.is_empty()).unwrap_or_default();
    nearest.into_iter().any(|mount| {
        let kind = kind(&mount.name);
        // An image is never written to.
        let read_only = mount.read_only == Some(true) || kind == Some("image");
        read_only && !kind.is_some_and(|kind| PREPARED.contains(&kind))
    })
}

/// Where a mount is, without slashes at its end.
fn path<'m>(mount: &'m Mount<'_>) -> &'m str {
    match mount.mount_path.trim_end_matches('/') {
        "" => "/",
        path => path,
    }
}

fn mount(volume: &str) -> Cow<'static, str> {
    if volume == VOLUME.name {
        return MOUNT.into();
    }
    volumes::mount(volume, PATH, false).into()
}

/// The autoscaler's list with our volume in it, a JSON string; `None` where it is in it.
fn safe_to_evict(metadata: &Metadata<'_>) -> Option<Cow<'static, str>> {
    let list =
        metadata.annotations.as_ref().and_then(|a| a.get(Annotations::SAFE_TO_EVICT)).unwrap_or_default();
    if list.split(',').any(|name| name.trim() == VOLUME.name) {
        return None;
    }
    Some(if list.trim().is_empty() {
        VOLUME_ALONE.into()
    } else {
        string(&format!("{list},{}", VOLUME.name)).into()
    })
}
