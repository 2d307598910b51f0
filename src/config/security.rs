//! The sidecar's `securityContext`: what the API server and Fargate refuse, refused at load.

use super::{
    Provider, file,
    problem::{Path, Report},
    words::listed,
};
use serde_json::{Map, Value};

const CONFINEMENTS: [&str; 3] = ["RuntimeDefault", "Unconfined", "Localhost"];

/// One layer's fields over those below.
pub(super) fn resolve(
    lower: &Map<String, Value>,
    upper: &file::SecurityContext,
    provider: Provider,
    path: &Path,
    report: &mut Report,
) -> Map<String, Value> {
    if provider == Provider::Fargate {
        refused_by_fargate(upper, path, report);
    }
    for (key, profile) in
        [("seccompProfile", &upper.seccomp_profile), ("appArmorProfile", &upper.app_armor_profile)]
    {
        let Some(profile) = profile else { continue };
        let path = path.key(key);
        if !CONFINEMENTS.contains(&profile.r#type.as_str()) {
            report.add(&path.key("type"), format!("must be {}", listed(&CONFINEMENTS)));
        }
        let local = profile.localhost_profile.as_deref().is_some_and(|name| !name.is_empty());
        match (profile.r#type == "Localhost", local) {
            (true, false) => report.add(&path, "`Localhost` needs a localhostProfile"),
            (false, true) => report.add(&path.key("localhostProfile"), "goes with `Localhost` only"),
            _ => {}
        }
    }
    let mut merged = lower.clone();
    if let Ok(Value::Object(fields)) = serde_json::to_value(upper) {
        merged.extend(fields);
    }
    let is = |key: &str, value: bool| merged.get(key) == Some(&Value::Bool(value));
    if is("runAsNonRoot", true) && merged.get("runAsUser").and_then(Value::as_i64) == Some(0) {
        report.add(&path.key("runAsUser"), "must not be 0, which runAsNonRoot refuses");
    }
    if is("privileged", true) && is("allowPrivilegeEscalation", false) {
        report.add(&path.key("allowPrivilegeEscalation"), "must not be false for a privileged container");
    }
    merged
}

fn refused_by_fargate(context: &file::SecurityContext, path: &Path, report: &mut Report) {
    if context.privileged == Some(true) {
        report.add(&path.key("privileged"), "EKS Fargate runs no privileged container");
    }
    if context.allow_privilege_escalation == Some(true) {
        report.add(&path.key("allowPrivilegeEscalation"), "EKS Fargate allows no privilege escalation");
    }
    if context.proc_mount == Some(file::ProcMount::Unmasked) {
        report.add(
            &path.key("procMount"),
            "must not be Unmasked: EKS Fargate has no user namespaces, which it needs",
        );
    }
    let added = context.capabilities.as_ref().and_then(|capabilities| capabilities.add.as_ref());
    if added.is_some_and(|added| !added.is_empty()) {
        report.add(&path.key("capabilities").key("add"), "EKS Fargate lets no container add capabilities");
    }
}
