//! Our volumes beside those of the pod.

use super::{Conflict, plan::Plan};
use crate::pod::{Source, Spec};

/// A volume that a sidecar needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Own {
    pub(super) name: &'static str,
    pub(super) from: From,
}

/// Where its content comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum From {
    EmptyDir,
    ConfigMap(&'static str),
}

impl Own {
    pub(super) const fn empty_dir(name: &'static str) -> Self {
        Self { name, from: From::EmptyDir }
    }

    fn json(&self) -> String {
        // The names are ours and need no escaping.
        let name = self.name;
        match self.from {
            From::EmptyDir => [r#"{"name":""#, name, r#"","emptyDir":{}}"#].concat(),
            From::ConfigMap(map) => {
                [r#"{"name":""#, name, r#"","configMap":{"name":""#, map, r#""}}"#].concat()
            }
        }
    }
}

/// Adds the volumes that are not there.
pub(super) fn add(own: &[Own], spec: &Spec<'_>, plan: &mut Plan<'_>) -> Result<(), Conflict> {
    for volume in own {
        add_one(volume, spec, plan)?;
    }
    Ok(())
}

/// Adds a volume that is not there, and says whether it did.
pub(super) fn add_one(own: &Own, spec: &Spec<'_>, plan: &mut Plan<'_>) -> Result<bool, Conflict> {
    let Some(there) = spec.volumes().iter().find(|v| v.name == own.name) else {
        plan.volumes.append.push(own.json().into());
        return Ok(true);
    };
    let equal = match (&own.from, &there.source) {
        (From::EmptyDir, Source::EmptyDir { plain }) => *plain,
        (From::ConfigMap(map), Source::ConfigMap(name)) => name == map,
        _ => return Err(Conflict(format!("the pod has a volume {} of another kind", own.name))),
    };
    if !equal {
        plan.warnings.push(format!("volume {} differs from ours and stays as it is", own.name));
    }
    Ok(false)
}
