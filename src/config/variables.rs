//! Environment variables, checked as the API server does, and for secrets written in the open.

use super::{
    EnvVar, file, names,
    problem::{Path, Report},
    secret,
};
use crate::quantity;
use serde_json::Value;
use std::collections::HashMap;

/// The fields that the API server lets a variable refer to.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The checked variables of one list, each with exactly one of a value and a reference.
pub(super) fn resolve(list: &[file::EnvVar], path: &Path, report: &mut Report) -> Vec<EnvVar> {
    let mut seen = HashMap::new();
    let mut variables = Vec::with_capacity(list.len());
    for (index, file::EnvVar { name, value, value_from }) in list.iter().enumerate() {
        let path = path.index(index);
        if let Err(wrong) = names::variable(name) {
            report.add(&path.key("name"), wrong);
        } else if let Some(first) = seen.insert(name.as_str(), index) {
            report.add(&path.key("name"), format!("{name:?} is there already, at [{first}]"));
        }
        if value.is_some() && value_from.is_some() {
            report.add(&path, "has both a value and a valueFrom");
        }
        if let Some(value) = value
            && secret::is_literal(name, value)
        {
            let message = format!(
                "{name} must not hold a key or token in the open: use valueFrom.secretKeyRef, or ENC[…]"
            );
            report.add(&path.key("value"), message);
        }
        let value_from = value_from.as_ref().map(|from| source(from, &path.key("valueFrom"), report));
        let value = if value_from.is_none() { Some(value.clone().unwrap_or_default()) } else { None };
        variables.push(EnvVar { name: name.clone(), value, value_from });
    }
    variables
}

/// One list over another: of the same name the upper one stays, in the place of the lower.
pub(super) fn merge(lower: &[EnvVar], upper: Vec<EnvVar>) -> Vec<EnvVar> {
    let mut merged = lower.to_vec();
    for variable in upper {
        match merged.iter_mut().find(|other| other.name == variable.name) {
            Some(other) => *other = variable,
            None => merged.push(variable),
        }
    }
    merged
}

/// A checked reference, as Kubernetes' `EnvVarSource`.
fn source(from: &file::EnvVarSource, path: &Path, report: &mut Report) -> Value {
    let file::EnvVarSource { field_ref, secret_key_ref, config_map_key_ref, resource_field_ref } = from;
    let given = [
        field_ref.is_some(),
        secret_key_ref.is_some(),
        config_map_key_ref.is_some(),
        resource_field_ref.is_some(),
    ];
    if given.into_iter().filter(|given| *given).count() != 1 {
        report
            .add(path, "must be exactly one of fieldRef, secretKeyRef, configMapKeyRef and resourceFieldRef");
    }
    if let Some(field) = field_ref {
        let path = path.key("fieldRef");
        if field.api_version.as_deref().is_some_and(|version| version != "v1") {
            report.add(&path.key("apiVersion"), "must be \"v1\"");
        }
        if let Err(wrong) = field_path(&field.field_path) {
            report.add(&path.key("fieldPath"), wrong);
        }
    }
    for (key, reference) in [("secretKeyRef", secret_key_ref), ("configMapKeyRef", config_map_key_ref)] {
        let Some(reference) = reference else { continue };
        let path = path.key(key);
        for (key, wrong) in
            [("name", names::subdomain(&reference.name)), ("key", names::data_key(&reference.key))]
        {
            if let Err(wrong) = wrong {
                report.add(&path.key(key), wrong);
            }
        }
    }
    if let Some(field) = resource_field_ref {
        let path = path.key("resourceFieldRef");
        let resource =
            field.resource.strip_prefix("limits.").or_else(|| field.resource.strip_prefix("requests."));
        let standard = |name: &str| {
            ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-")
        };
        if !resource.is_some_and(standard) {
            report.add(
                &path.key("resource"),
                "must be limits.… or requests.… of cpu, memory or ephemeral-storage",
            );
        }
        if let Some(Err(wrong)) = field.divisor.as_ref().map(|divisor| quantity::parse(&divisor.0)) {
            report.add(&path.key("divisor"), wrong.to_string());
        }
    }
    serde_json::to_value(from).unwrap_or_default()
}

fn field_path(path: &str) -> Result<(), &'static str> {
    let keyed = |field: &str| path.strip_prefix(field)?.strip_prefix("['")?.strip_suffix("']");
    match keyed("metadata.labels").or_else(|| keyed("metadata.annotations")) {
        Some(key) => names::label_key(&key.to_lowercase()),
        None if FIELDS.contains(&path) => Ok(()),
        None => {
            Err("is no field that a variable can refer to, such as spec.nodeName or metadata.labels['app']")
        }
    }
}
