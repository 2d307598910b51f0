//! The containers we add, as JSON.

use super::{SIDECAR, env, ports::Chosen, tags, template::Template};
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
    pub(super) waits: bool,
    pub(super) ports: &'a Chosen,
    pub(super) socket_mount: Option<&'a str>,
    /// The mount of the token that every container has.
    pub(super) token_mount: Option<&'a str>,
    /// As [`resources`] writes them.
    pub(super) resources: &'a str,
    /// The members of the securityContext.
    pub(super) security: &'a str,
}

/// What is the same for all pods in an init step.
#[derive(Debug)]
pub(super) struct Step {
    /// Its image and command, as members.
    pub(super) members: String,
    /// Where it puts what it brings.
    pub(super) mount: String,
}

/// What a pod changes in an init step; as in [`PerPod`].
pub(super) struct PerStep<'a> {
    pub(super) token_mount: Option<&'a str>,
    pub(super) resources: &'a str,
    pub(super) security: &'a str,
}

/// Holds the applications back until the agent is up, for two minutes at most.
const PROBE: &str = concat!(
    r#","startupProbe":{"exec":{"command":["/probe.sh"]},"#,
    r#""periodSeconds":2,"timeoutSeconds":5,"failureThreshold":60}"#
);

/// The sidecar.
pub(super) fn sidecar(template: &Template, pod: &PerPod<'_>) -> String {
    let mut json = begin(SIDECAR, &template.image);
    if pod.native {
        json.push_str(r#","restartPolicy":"Always""#);
    }
    push_list(&mut json, "ports", pod.ports.ports.iter().map(String::as_str));
    let label = pod.env_label.filter(|value| tags::is_value(value) && !template.configures("DD_ENV"));
    let label = label.map(|value| env::literal("DD_ENV", value));
    let auto_exit = (pod.auto_exit && !template.configures("DD_AUTO_EXIT_NOPROCESS_ENABLED"))
        .then(|| env::literal("DD_AUTO_EXIT_NOPROCESS_ENABLED", "true"));
    let own = (!template.own_env.is_empty()).then_some(template.own_env.as_str());
    let ours = [Some(template.env.as_str()), label.as_deref(), auto_exit.as_deref()];
    let ports = pod.ports.env.iter().map(String::as_str);
    push_list(&mut json, "env", ours.into_iter().flatten().chain(ports).chain(own));
    json.push_str(pod.resources);
    push_list(
        &mut json,
        "volumeMounts",
        pod.socket_mount
            .into_iter()
            .chain(template.mounts.iter().map(String::as_str))
            .chain(pod.token_mount.filter(|_| !template.mounts_token)),
    );
    if pod.waits {
        json.push_str(PROBE);
    }
    end(json, pod.security)
}

/// An init step of ours.
pub(super) fn step(name: &str, step: &Step, pod: &PerStep<'_>) -> String {
    let mut json = begin(name, &step.members);
    push_list(&mut json, "volumeMounts", [step.mount.as_str()].into_iter().chain(pod.token_mount));
    json.push_str(pod.resources);
    end(json, pod.security)
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

fn begin(name: &str, members: &str) -> String {
    let mut json = String::with_capacity(4096);
    json.push_str(r#"{"name":"#);
    push_string(&mut json, name);
    json.push(',');
    json.push_str(members);
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
    push_joined(json, elements, String::push_str);
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
