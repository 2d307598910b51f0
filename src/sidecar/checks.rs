//! Checks: files from a ConfigMap, or Autodiscovery annotations for the containers of the pod.

use super::{
    plan::Plan,
    volumes::{From, Own, mount},
};
use crate::{
    config::{Check, CheckSource},
    patch::string,
    pod::{Annotations, Metadata, Spec},
};
use serde_json::{Map, Value, json};

/// The checks of a profile, compiled.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) volumes: Vec<Own>,
    pub(super) mounts: Vec<String>,
    annotations: Vec<Annotation>,
}

/// One annotation: all checks of a container.
#[derive(Debug)]
struct Annotation {
    container: String,
    key: String,
    checks: Value,
}

impl Checks {
    pub(super) fn new(checks: &[Check]) -> Self {
        let mut compiled = Self::default();
        for check in checks {
            match &check.source {
                CheckSource::ConfigMap(map) => {
                    let volume = format!("datadog-check-{}", check.name.replace('_', "-").to_lowercase());
                    compiled.mounts.push(mount(&volume, &format!("/conf.d/{}.d", check.name), true));
                    compiled
                        .volumes
                        .push(Own { name: volume.into(), from: From::ConfigMap(map.clone().into()) });
                }
                CheckSource::Container { container, init_config, instances } => {
                    let configuration = json!({"init_config": init_config, "instances": instances});
                    compiled.annotate(container, &check.name, configuration);
                }
            }
        }
        compiled
    }

    fn annotate(&mut self, container: &str, check: &str, configuration: Value) {
        let position = self.annotations.iter().position(|a| a.container == container).unwrap_or_else(|| {
            let key = format!("{}{container}.checks", Annotations::AUTODISCOVERY);
            self.annotations.push(Annotation {
                container: container.into(),
                key,
                checks: Value::Object(Map::new()),
            });
            self.annotations.len() - 1
        });
        if let Some(Value::Object(checks)) = self.annotations.get_mut(position).map(|a| &mut a.checks) {
            checks.insert(check.into(), configuration);
        }
    }

    /// Annotates the pod for those of its containers that have checks.
    pub(super) fn add<'r>(&'r self, metadata: &Metadata<'_>, spec: &Spec<'_>, plan: &mut Plan<'r>) {
        for annotation in &self.annotations {
            let Annotation { container, key, checks } = annotation;
            if !spec.all_containers().any(|c| *c.name == **container) {
                plan.warnings.push(format!(
                    "the profile has checks for a container {container}, which the pod has not"
                ));
                continue;
            }
            match metadata.annotations.as_ref().and_then(|a| a.get(key)) {
                None => plan.annotations.push((key, string(&checks.to_string()).into())),
                Some(there) if serde_json::from_str::<Value>(there).is_ok_and(|there| there == *checks) => {}
                Some(_) => plan.warnings.push(format!("annotation {key} is set already and stays")),
            }
        }
    }
}
