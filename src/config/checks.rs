//! The agent's checks: from a ConfigMap, or for a container of the pod.

use super::{
    Check, CheckSource, file, names,
    problem::{Path, Report},
    secret,
};
use serde_json::{Map, Value};

const REMEDY: &str = "put it into a Secret, name it in the profile's env with valueFrom.secretKeyRef, and write %%env_NAME%% here, NAME being that of the variable";

/// With `.checks` behind it a container's name is that of an annotation, of which Kubernetes takes 63 characters.
const LONGEST_CONTAINER: usize = 63 - ".checks".len();

/// A layer's checks over those below: one of the same name for the same container takes the other's place.
pub(super) fn lay(lower: &[Check], upper: &[file::Check], path: &Path, report: &mut Report) -> Vec<Check> {
    let mut own: Vec<Check> = Vec::with_capacity(upper.len());
    for (index, check) in upper.iter().enumerate() {
        let path = path.index(index);
        let check = resolve(check, &path, report);
        if let Some(first) = own.iter().position(|other| same(other, &check)) {
            report.add(&path.key("name"), format!("{:?} is there already, at [{first}]", check.name));
        }
        own.push(check);
    }
    let mut checks = lower.to_vec();
    for check in own {
        match checks.iter_mut().find(|other| same(other, &check)) {
            Some(other) => *other = check,
            None => checks.push(check),
        }
    }
    checks
}

fn resolve(check: &file::Check, path: &Path, report: &mut Report) -> Check {
    let file::Check { name, config_map, container, init_config, instances } = check;
    if let Err(wrong) = names::integration(name) {
        report.add(&path.key("name"), wrong);
    }
    let source = match (config_map, container) {
        (Some(map), None) => {
            if let Err(wrong) = names::subdomain(map) {
                report.add(&path.key("configMap"), wrong);
            }
            for (key, given) in [("initConfig", init_config.is_some()), ("instances", instances.is_some())] {
                if given {
                    report.add(&path.key(key), "goes with `container` only: the ConfigMap holds it");
                }
            }
            CheckSource::ConfigMap(map.clone())
        }
        (both, container) => {
            if both.is_some() == container.is_some() {
                report.add(path, "must have exactly one of configMap and container");
            }
            let container = container.clone().unwrap_or_default();
            if let Err(wrong) = names::dns_label(&container) {
                report.add(&path.key("container"), wrong);
            } else if container.len() > LONGEST_CONTAINER {
                let wrong = format!(
                    "is longer than {LONGEST_CONTAINER} characters: no annotation can be named after it"
                );
                report.add(&path.key("container"), wrong);
            }
            let init_config = init_config.clone().unwrap_or_default();
            let instances = instances.clone().unwrap_or_default();
            if instances.is_empty() {
                report.add(&path.key("instances"), "must name at least one instance, such as `- {}`");
            }
            open(&init_config, &path.key("initConfig"), report);
            for (index, instance) in instances.iter().enumerate() {
                open(instance, &path.key("instances").index(index), report);
            }
            CheckSource::Container {
                container,
                init_config: init_config.into(),
                instances: instances.into_iter().map(Value::from).collect(),
            }
        }
    };
    Check { name: name.clone(), source }
}

/// Whether two checks cannot both be: the same integration for the same container, or from two ConfigMaps.
fn same(one: &Check, other: &Check) -> bool {
    let about = |check: &Check| match &check.source {
        CheckSource::ConfigMap(_) => (check.name.replace('_', "-"), None),
        CheckSource::Container { container, .. } => (check.name.clone(), Some(container.clone())),
    };
    about(one) == about(other)
}

/// Tells of passwords and tokens that are written in the open.
fn open(fields: &Map<String, Value>, path: &Path, report: &mut Report) {
    for (key, value) in fields {
        look(key, value, &path.key(key), report);
    }
}

fn look(key: &str, value: &Value, path: &Path, report: &mut Report) {
    match value {
        Value::Object(fields) => open(fields, path, report),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                look(key, item, &path.index(index), report);
            }
        }
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => tell(key, &number.to_string(), path, report),
        Value::String(text) => tell(key, text, path, report),
    }
}

fn tell(key: &str, value: &str, path: &Path, report: &mut Report) {
    if secret::is_open_in_check(key, value) {
        report.add(path, format!("{key} must not be written in the open: {REMEDY}"));
    }
}
