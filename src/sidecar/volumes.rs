//! Our volumes beside those of the pod.

use super::{Obstacle, plan::Plan};
use crate::{
    patch::string,
    pod::{Source, Spec},
};

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
        let name = string(self.name);
        match self.from {
            From::EmptyDir => format!(r#"{{"name":{name},"emptyDir":{{}}}}"#),
            From::ConfigMap(map) => format!(r#"{{"name":{name},"configMap":{{"name":{}}}}}"#, string(map)),
        }
    }
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
    let Some(there) = spec.volumes().iter().find(|v| v.name == own.name) else {
        plan.volumes.append.push(own.json().into());
        return Ok(true);
    };
    let equal = match (&own.from, &there.source) {
        (From::EmptyDir, Source::EmptyDir { plain }) => *plain,
        (From::ConfigMap(map), Source::ConfigMap(name)) => name == map,
        _ => return Err(Obstacle::Conflict(format!("the pod has a volume {} of another kind", own.name))),
    };
    if !equal {
        plan.warnings.push(format!("volume {} differs from ours and stays as it is", own.name));
    }
    Ok(false)
}
