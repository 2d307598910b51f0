//! The containers we add, as JSON.

use super::{COPY_STEP, SIDECAR, env, template::Template};
use crate::{
    config::Resources,
    patch::{push_string, string},
};
use serde_json::{Map, Value};

/// What a pod changes in the sidecar of its profile.
pub(super) struct PerPod<'a> {
    /// The value of the pod's label for the environment.
    pub(super) env_label: Option<&'a str>,
    pub(super) auto_exit: bool,
    pub(super) native: bool,
    pub(super) socket_mount: Option<&'a str>,
    pub(super) resources: &'a Resources,
    pub(super) security: &'a Map<String, Value>,
}

/// The sidecar.
pub(super) fn sidecar(template: &Template, pod: &PerPod<'_>) -> String {
    let mut json = begin(SIDECAR, template);
    if pod.native {
        json.push_str(r#","restartPolicy":"Always""#);
    }
    let label = pod.env_label.filter(|value| !value.is_empty() && !template.configures("DD_ENV"));
    let label = label.map(|value| env::literal("DD_ENV", value));
    let auto_exit = (pod.auto_exit && !template.configures("DD_AUTO_EXIT_NOPROCESS_ENABLED"))
        .then(|| env::literal("DD_AUTO_EXIT_NOPROCESS_ENABLED", "true"));
    let own = (!template.own_env.is_empty()).then_some(template.own_env.as_str());
    let variables = [Some(template.env.as_str()), label.as_deref(), auto_exit.as_deref(), own];
    push_list(&mut json, "env", variables.into_iter().flatten());
    push_resources(&mut json, pod.resources);
    push_list(
        &mut json,
        "volumeMounts",
        pod.socket_mount.into_iter().chain(template.mounts.iter().map(String::as_str)),
    );
    end(json, pod.security)
}

/// The init step that copies the image's configuration to the volume the agent may write to.
pub(super) fn copy_step(template: &Template, resources: &Resources, security: &Map<String, Value>) -> String {
    let mut json = begin(COPY_STEP, template);
    json.push_str(r#","command":["sh","-c","cp -R /etc/datadog-agent/* /agent-config/"]"#);
    push_resources(&mut json, resources);
    push_list(
        &mut json,
        "volumeMounts",
        [r#"{"name":"agent-config","mountPath":"/agent-config"}"#].into_iter(),
    );
    end(json, security)
}

fn begin(name: &str, template: &Template) -> String {
    let mut json = String::with_capacity(2048);
    json.push_str(r#"{"name":"#);
    push_string(&mut json, name);
    json.push(',');
    json.push_str(&template.image);
    json
}

fn end(mut json: String, security: &Map<String, Value>) -> String {
    if !security.is_empty() {
        json.push_str(r#","securityContext":"#);
        // Serialising a map with strings as keys cannot fail.
        json.push_str(&serde_json::to_string(security).unwrap_or_default());
    }
    json.push('}');
    json
}

fn push_list<'a>(json: &mut String, field: &str, elements: impl Iterator<Item = &'a str>) {
    let mut separator = format!(r#","{field}":["#);
    let mut some = false;
    for element in elements {
        json.push_str(&separator);
        json.push_str(element);
        ",".clone_into(&mut separator);
        some = true;
    }
    if some {
        json.push(']');
    }
}

fn push_resources(json: &mut String, resources: &Resources) {
    let side = |list: &[(String, String)]| {
        let pairs: Vec<_> =
            list.iter().map(|(name, quantity)| format!("{}:{}", string(name), string(quantity))).collect();
        pairs.join(",")
    };
    json.push_str(r#","resources":{"requests":{"#);
    json.push_str(&side(&resources.requests));
    json.push_str(r#"},"limits":{"#);
    json.push_str(&side(&resources.limits));
    json.push_str("}}");
}
