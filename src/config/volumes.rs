//! Volumes of a profile and where its sidecar mounts them: what the API server and Fargate refuse, and what would meet ours.

use super::{
    CheckSource, Profile, Provider, file, names,
    problem::{Path, Report},
    words::listed,
};
use crate::{near::nearest, quantity};
use serde_json::{Map, Value};

/// Volumes that the injector adds.
const OURS: [&str; 8] = [
    "ddsockets",
    "agent-config",
    "agent-option",
    "agent-tmp",
    "agent-log",
    "agent-ca-cert",
    "cws-instrumentation-volume",
    "datadog-agent-token",
];

/// What the volumes of checks begin with.
const OURS_FOR_CHECKS: &str = "datadog-check-";

/// Directories of the sidecar that are ours, some only where a key of the profile is set.
const SOCKETS: &str = "/var/run/datadog";
const CERTIFICATES: &str = "/etc/datadog-agent/certificates";
const RUN: &str = "/opt/datadog-agent/run";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const TRACER: &str = "/cws-instrumentation-volume";
const CHECKS: &str = "/conf.d";
const WRITABLE: [&str; 4] = ["/etc/datadog-agent", RUN, "/tmp", "/var/log/datadog"];

/// What Kubernetes 1.35 has for a volume to hold.
const SOURCES: [&str; 30] = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "gitRepo",
    "glusterfs",
    "hostPath",
    "image",
    "iscsi",
    "nfs",
    "persistentVolumeClaim",
    "photonPersistentDisk",
    "portworxVolume",
    "projected",
    "quobyte",
    "rbd",
    "scaleIO",
    "secret",
    "storageos",
    "vsphereVolume",
];

/// Kinds and the name that each must have.
const REQUIRED: [(&str, &str); 3] =
    [("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName")];

/// A layer's volumes over those below: one of the same name takes the other's place.
pub(super) fn lay(
    lower: &[Value],
    upper: &[file::Volume],
    provider: Provider,
    path: &Path,
    report: &mut Report,
) -> Vec<Value> {
    let mut volumes = lower.to_vec();
    for (index, volume) in upper.iter().enumerate() {
        let (name, path) = (&volume.name, path.index(index));
        if let Err(wrong) = names::dns_label(name) {
            report.add(&path.key("name"), wrong);
        } else if OURS.contains(&name.as_str()) || name.starts_with(OURS_FOR_CHECKS) {
            report.add(&path.key("name"), format!("{name:?} is the name of a volume that the injector adds"));
        } else if let Some(first) = upper.iter().take(index).position(|other| other.name == *name) {
            report.add(&path.key("name"), format!("{name:?} is there already, at [{first}]"));
        }
        check_source(&volume.source, provider, &path, report);
        put(&mut volumes, "name", serde_json::to_value(volume).unwrap_or_default());
    }
    volumes
}

/// A layer's mounts over those below: one at the same path takes the other's place.
pub(super) fn lay_mounts(
    lower: &[Value],
    upper: &[file::VolumeMount],
    provider: Provider,
    path: &Path,
    report: &mut Report,
) -> Vec<Value> {
    let mut mounts = lower.to_vec();
    for (index, mount) in upper.iter().enumerate() {
        let path = path.index(index);
        let at = trimmed(&mount.mount_path);
        if !at.starts_with('/') || at == "/" || at.contains(':') || at.split('/').any(|part| part == "..") {
            report.add(
                &path.key("mountPath"),
                "must be an absolute path, and neither `/` nor with `:` or `..` in it",
            );
        } else if let Some(first) =
            upper.iter().take(index).position(|other| trimmed(&other.mount_path) == at)
        {
            report.add(&path.key("mountPath"), format!("{at:?} is there already, at [{first}]"));
        }
        check_mount(mount, provider, &path, report);
        let mut mount = serde_json::to_value(mount).unwrap_or_default();
        if let Some(path) = mount.get_mut("mountPath") {
            *path = at.into();
        }
        put(&mut mounts, "mountPath", mount);
    }
    mounts
}

/// Checks the mounts of a complete profile against its volumes and the directories that are ours; what the lower layer did
/// wrong was told there.
pub(super) fn check(
    lower: &Profile,
    profile: &Profile,
    own: &[file::VolumeMount],
    provider: Provider,
    path: &Path,
    report: &mut Report,
) {
    for mount in &profile.volume_mounts {
        let (name, at) = (text(mount, "name"), text(mount, "mountPath"));
        let wrong = meets(profile, provider, at);
        let Some(index) = own.iter().position(|other| trimmed(&other.mount_path) == at) else {
            if let Some(wrong) = wrong.filter(|_| meets(lower, provider, at).is_none()) {
                report.add(path, format!("the default profile mounts a volume at {at}, which {wrong}"));
            }
            continue;
        };
        let path = path.key("volumeMounts").index(index);
        if !profile.volumes.iter().any(|volume| text(volume, "name") == name) {
            report.add(&path.key("name"), format!("there is no volume {name:?} in this profile"));
        }
        if let Some(wrong) = wrong {
            report.add(&path.key("mountPath"), wrong);
        }
    }
}

/// Why something of ours is at a path of the sidecar.
fn meets(profile: &Profile, provider: Provider, at: &str) -> Option<&'static str> {
    let read_only = profile.security_context.get("readOnlyRootFilesystem") == Some(&Value::Bool(true));
    let mut maps = profile.checks.iter().filter_map(|check| match check.source {
        CheckSource::ConfigMap(_) => Some(check.name.as_str()),
        CheckSource::Container { .. } => None,
    });
    match at {
        SOCKETS if profile.sockets && provider == Provider::Fargate => {
            Some("is where the sockets of the agent are")
        }
        CERTIFICATES => Some("is where the certificate of the Cluster Agent is"),
        RUN if profile.logs.enabled && !read_only => {
            Some("is where the agent remembers what it read of the logs")
        }
        TOKEN if profile.service_account_token => Some("is where serviceAccountToken puts the token"),
        TRACER if profile.cws.is_some() => Some("is where cws puts the tracer"),
        _ if read_only && WRITABLE.contains(&at) => {
            Some("is a volume of ours where the root file system is read-only")
        }
        CHECKS if maps.next().is_some() => Some("holds the ConfigMaps of checks: mount below it"),
        _ => {
            let check = at.strip_prefix("/conf.d/")?.strip_suffix(".d")?;
            maps.any(|name| name == check).then_some("is where the ConfigMap of the check of that name is")
        }
    }
}

fn check_source(source: &Map<String, Value>, provider: Provider, path: &Path, report: &mut Report) {
    let mut kinds = source.iter();
    let (Some((kind, content)), None) = (kinds.next(), kinds.next()) else {
        report.add(
            path,
            "must have exactly one source beside its name, such as `emptyDir: {}` or `configMap: {name: …}`",
        );
        return;
    };
    let path = &path.key(kind);
    if !SOURCES.contains(&kind.as_str())
        && let Some(near) = nearest(kind, SOURCES.into_iter())
    {
        report.add(path, format!("is no source of a volume; did you mean `{near}`?"));
    } else if let Some(content) = content.as_object() {
        check_content(kind, content, path, report);
    } else {
        report.add(path, "must be a mapping");
    }
    match (provider, kind.as_str()) {
        (Provider::Fargate, "hostPath") => {
            report.add(path, "EKS Fargate mounts no directory of a node");
        }
        (Provider::Fargate, "csi") => report.add(
            path,
            "EKS Fargate has no inline CSI volumes, only those of EFS through a persistentVolumeClaim",
        ),
        _ => {}
    }
}

/// What is most often wrong with a source; all of it only the API server knows.
fn check_content(kind: &str, content: &Map<String, Value>, path: &Path, report: &mut Report) {
    for (_, key) in REQUIRED.into_iter().filter(|(of, _)| *of == kind) {
        match content.get(key) {
            None | Some(Value::Null) => report.add(path, format!("`{key}` is missing")),
            Some(Value::String(name)) => {
                if let Err(wrong) = names::subdomain(name) {
                    report.add(&path.key(key), wrong);
                }
            }
            Some(_) => report.add(&path.key(key), "must be text"),
        }
    }
    if let Some(size) = content.get("sizeLimit").filter(|size| kind == "emptyDir" && !size.is_null()) {
        let size = size.as_str().map_or_else(|| size.to_string(), str::to_owned);
        if let Err(wrong) = quantity::parse_bounded(&size) {
            report.add(&path.key("sizeLimit"), wrong.to_string());
        }
    }
    let mode = content.get("defaultMode").filter(|mode| !mode.is_null());
    if mode.is_some_and(|mode| mode.as_u64().is_none_or(|mode| mode > 0o777)) {
        report.add(&path.key("defaultMode"), "must be from 0 to 0777 (511)");
    }
}

fn check_mount(mount: &file::VolumeMount, provider: Provider, path: &Path, report: &mut Report) {
    const RECURSIVE: [&str; 3] = ["Disabled", "IfPossible", "Enabled"];
    const PROPAGATION: [&str; 3] = ["None", "HostToContainer", "Bidirectional"];
    let file::VolumeMount { recursive_read_only, sub_path, sub_path_expr, mount_propagation, .. } = mount;
    for (key, given, words) in [
        ("recursiveReadOnly", recursive_read_only, RECURSIVE),
        ("mountPropagation", mount_propagation, PROPAGATION),
    ] {
        if given.as_deref().is_some_and(|word| !words.contains(&word)) {
            report.add(&path.key(key), format!("must be {}", listed(&words)));
        }
    }
    if provider == Provider::Fargate && mount_propagation.as_deref() == Some("Bidirectional") {
        report
            .add(&path.key("mountPropagation"), "EKS Fargate runs no privileged container, which this needs");
    }
    if sub_path.is_some() && sub_path_expr.is_some() {
        report.add(path, "has both a subPath and a subPathExpr");
    }
    for (key, given) in [("subPath", sub_path), ("subPathExpr", sub_path_expr)] {
        let outside = |part: &str| part.starts_with('/') || part.split('/').any(|part| part == "..");
        if given.as_deref().is_some_and(outside) {
            report.add(&path.key(key), "must be a path within the volume");
        }
    }
}

fn put(list: &mut Vec<Value>, key: &str, value: Value) {
    match list.iter_mut().find(|other| text(other, key) == text(&value, key)) {
        Some(other) => *other = value,
        None => list.push(value),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A path without the slashes at its end.
fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        path => path,
    }
}
