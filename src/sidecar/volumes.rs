//! Our volumes beside those of the pod.

use super::{Obstacle, plan::Plan};
use crate::{
    patch::string,
    pod::{Source, Spec},
};
use serde_json::Value;
use std::borrow::Cow;

/// A volume that a sidecar needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub(super) name: Cow<'static, str>,
    pub(super) from: From,
}

/// Where its content comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum From {
    EmptyDir,
    ConfigMap(Cow<'static, str>),
    /// One without which the pod starts all the same.
    OptionalConfigMap(Cow<'static, str>),
    /// Another source, of this kind and with this content in JSON.
    Other {
        kind: String,
        json: String,
    },
}

impl Own {
    pub(super) const fn empty_dir(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), from: From::EmptyDir }
    }

    /// A volume as configured, whose source is checked when the configuration is loaded.
    pub(super) fn given(volume: &Value) -> Option<Self> {
        let name = volume.get("name")?.as_str()?.to_owned().into();
        let (kind, source) = volume.as_object()?.iter().find(|(key, _)| *key != "name")?;
        let map = source.get("name").and_then(Value::as_str).filter(|_| kind == "configMap");
        let plain = source.as_object().is_some_and(|fields| fields.len() == 1);
        Some(match map {
            Some(map) if plain => Self { name, from: From::ConfigMap(map.to_owned().into()) },
            _ => Self { name, from: From::Other { kind: kind.clone(), json: source.to_string() } },
        })
    }

    fn json(&self) -> String {
        let name = string(&self.name);
        match &self.from {
            From::EmptyDir => [r#"{"name":"#, &name, r#","emptyDir":{}}"#].concat(),
            From::ConfigMap(map) => {
                [r#"{"name":"#, &name, r#","configMap":{"name":"#, &string(map), "}}"].concat()
            }
            From::OptionalConfigMap(map) => {
                [r#"{"name":"#, &name, r#","configMap":{"name":"#, &string(map), r#","optional":true}}"#]
                    .concat()
            }
            From::Other { kind, json } => [r#"{"name":"#, &name, ",", &string(kind), ":", json, "}"].concat(),
        }
    }
}

/// A mount of a volume, as JSON.
pub(super) fn mount(volume: &str, path: &str, read_only: bool) -> String {
    let read_only = if read_only { r#","readOnly":true"# } else { "" };
    format!(r#"{{"name":{},"mountPath":{}{read_only}}}"#, string(volume), string(path))
}

/// Adds the volumes that are not there.
pub(super) fn add(own: &[Own], spec: &Spec<'_>, plan: &mut Plan<'_>) -> Result<(), Obstacle> {
    for volume in own {
        add_one(volume, spec, plan)?;
    }
    Ok(())
}

/// Adds a volume that is not there, and says whether it did.
pub(super) fn add_one(own: &Own, spec: &Spec<'_>, plan: &mut Plan<'_>) -> Result<bool, Obstacle> {
    let Some(there) = spec.volumes().iter().find(|v| *v.name == *own.name) else {
        plan.volumes.append.push(own.json().into());
        return Ok(true);
    };
    let equal = match (&own.from, &there.source) {
        (From::EmptyDir, Source::EmptyDir { plain }) => *plain,
        (From::ConfigMap(map) | From::OptionalConfigMap(map), Source::ConfigMap(name)) => **name == **map,
        // What such a volume holds is not read, so it may differ.
        (From::Other { kind, .. }, there) if there.kind() == kind => false,
        _ => return Err(Obstacle::Conflict(format!("the pod has a volume {} of another kind", own.name))),
    };
    if !equal {
        plan.warnings.push(format!("volume {} is the pod's already and stays as it is", own.name));
    }
    Ok(false)
}
