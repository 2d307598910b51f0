//! The containers we add, as JSON.

use super::{COPY_STEP, SIDECAR, env, template::Template};
use crate::{
    config::Resources,
    patch::{push_joined, push_string},
};

/// What a pod changes in the sidecar of its profile.
pub(super) struct PerPod<'a> {
    /// The value of the pod's label for the environment.
    pub(super) env_label: Option<&'a str>,
    pub(super) auto_exit: bool,
    pub(super) native: bool,
    pub(super) socket_mount: Option<&'a str>,
    /// As [`resources`] writes them.
    pub(super) resources: &'a str,
    /// The members of the securityContext.
    pub(super) security: &'a str,
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
    json.push_str(pod.resources);
    push_list(
        &mut json,
        "volumeMounts",
        pod.socket_mount.into_iter().chain(template.mounts.iter().map(String::as_str)),
    );
    end(json, pod.security)
}

/// The init step that copies the image's configuration to the volume the agent may write to.
pub(super) fn copy_step(template: &Template, resources: &str, security: &str) -> String {
    let mut json = begin(COPY_STEP, template);
    json.push_str(r#","command":["sh","-c","cp -R /etc/datadog-agent/* /agent-config/"]"#);
    json.push_str(resources);
    push_list(
        &mut json,
        "volumeMounts",
        [r#"{"name":"agent-config","mountPath":"/agent-config"}"#].into_iter(),
    );
    end(json, security)
}

/// Requests and limits, as a member with a comma before it.
pub(super) fn resources(resources: &Resources) -> String {
    let mut json = String::from(r#","resources":{"requests":"#);
    push_quantities(&mut json, &resources.requests);
    json.push_str(r#","limits":"#);
    push_quantities(&mut json, &resources.limits);
    json.push('}');
    json
}

fn begin(name: &str, template: &Template) -> String {
    let mut json = String::with_capacity(4096);
    json.push_str(r#"{"name":"#);
    push_string(&mut json, name);
    json.push(',');
    json.push_str(&template.image);
    json
}

fn end(mut json: String, security: &str) -> String {
    if !security.is_empty() {
        json.push_str(r#","securityContext":{"#);
        json.push_str(security);
        json.push('}');
    }
    json.push('}');
    json
}

fn push_list<'a>(json: &mut String, field: &str, elements: impl Iterator<Item = &'a str>) {
    let mut elements = elements.peekable();
    if elements.peek().is_none() {
        return;
    }
    json.push_str(",\"");
    json.push_str(field);
    json.push_str("\":[");
    push_joined(json, elements, |json, element| json.push_str(element));
    json.push(']');
}

fn push_quantities(json: &mut String, list: &[(String, String)]) {
    json.push('{');
    push_joined(json, list, |json, (resource, quantity)| {
        push_string(json, resource);
        json.push(':');
        push_string(json, quantity);
    });
    json.push('}');
}
