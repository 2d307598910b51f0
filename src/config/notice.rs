//! What a person should know of a file that is nevertheless in force: keys that are accepted and have no effect.

use super::{
    file::File,
    schema,
    tree::{Kind, Node},
};
use serde_json::Value;

const INJECTION: &str = "clusterAgent.admissionController.agentSidecarInjection";

/// Variables by which people set up Datadog's own controller on its Cluster Agent.
const CONTROLLER_VARIABLES: &str = "DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_";

/// What Datadog's own admission controller reads, and no agent.
const OF_ANOTHER: [&str; 1] = ["datadog.apm.instrumentation"];

/// The notices of a file, in a fixed order.
pub(super) fn notices(root: &Node, file: &File) -> Vec<String> {
    let mut notices = Vec::new();
    let empty = Node::nothing();
    let datadog = root.get("datadog").unwrap_or(&empty);
    let cluster_agent = root.get("clusterAgent").unwrap_or(&empty);
    let controller = cluster_agent.get("admissionController").unwrap_or(&empty);

    let mut unread = Vec::new();
    collect_unread(datadog, schema::derived().pointer("/properties/datadog"), "datadog", &mut unread);
    if !unread.is_empty() {
        notices.push(format!("not passed on to sidecars: {}", unread.join(", ")));
    }
    let misplaced = misplaced(root, datadog, cluster_agent, controller);
    if !misplaced.is_empty() {
        notices.push(format!("ignored, since it belongs under {INJECTION}: {}", misplaced.join(", ")));
    }
    if cluster_agent.get("token").is_some() {
        notices.push("clusterAgent.token is not read: sidecars take the token from the Secret of clusterAgentTokenSecret".into());
    }
    if controller_variables(cluster_agent) {
        notices.push(format!(
            "clusterAgent.env: {CONTROLLER_VARIABLES}… is not read: write it as keys of {INJECTION}"
        ));
    }
    if matches!(controller.get("enabled").map(|node| &node.kind), Some(Kind::Bool(false))) {
        notices.push(format!(
            "clusterAgent.admissionController.enabled switches Datadog's own controller off, not this one: that is {INJECTION}.enabled"
        ));
    }
    let injection = &file.cluster_agent.admission_controller.agent_sidecar_injection;
    if injection.cluster_agent_tls_verification.copy_ca_config_map {
        notices.push(format!(
            "{INJECTION}.clusterAgentTlsVerification.copyCaConfigMap has no effect yet: the ConfigMap datadog-ca-cert must be in the namespace of each pod"
        ));
    }
    notices
}

/// The keys in a mapping, at any depth, that its schema does not know.
fn collect_unread(node: &Node, schema: Option<&Value>, path: &str, unread: &mut Vec<String>) {
    let Some(known) = schema.and_then(|schema| schema.get("properties")) else { return };
    for key in node.keys() {
        let path = format!("{path}.{key}");
        match (known.get(key), node.get(key)) {
            (Some(inner), Some(node)) => collect_unread(node, Some(inner), &path, unread),
            _ if OF_ANOTHER.contains(&path.as_str()) => {}
            _ => unread.push(path),
        }
    }
}

/// The keys of a mapping that its schema does not know.
fn unknown_keys<'a>(node: &'a Node, pointer: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let known = properties(pointer);
    node.keys().filter(move |key| known.is_none_or(|known| !known.contains_key(*key)))
}

fn properties(pointer: &str) -> Option<&'static serde_json::Map<String, Value>> {
    schema::derived().pointer(pointer)?.get("properties")?.as_object()
}

/// Keys of `agentSidecarInjection`, or that key itself, a level or more too high.
fn misplaced(root: &Node, datadog: &Node, cluster_agent: &Node, controller: &Node) -> Vec<String> {
    let controller_schema = "/properties/clusterAgent/properties/admissionController";
    let injection = properties(&format!("{controller_schema}/properties/agentSidecarInjection"));
    let inner = |key: &str| injection.is_some_and(|injection| injection.contains_key(key));
    let outer = |key: &str| ["agentSidecarInjection", "admissionController"].contains(&key);
    let mut found: Vec<String> = Vec::new();
    found.extend(unknown_keys(root, "").filter(|key| outer(key)).map(String::from));
    found.extend(datadog.keys().filter(|key| outer(key)).map(|key| format!("datadog.{key}")));
    let levels = [
        ("clusterAgent", cluster_agent, "/properties/clusterAgent"),
        ("clusterAgent.admissionController", controller, controller_schema),
    ];
    for (name, node, pointer) in levels {
        let keys = unknown_keys(node, pointer).filter(|key| inner(key) && *key != "enabled" || outer(key));
        found.extend(keys.map(|key| format!("{name}.{key}")));
    }
    found
}

fn controller_variables(cluster_agent: &Node) -> bool {
    let Some(Node { kind: Kind::List(items), .. }) = cluster_agent.get("env") else { return false };
    items.iter().filter_map(|item| item.get("name")).any(|name| match &name.kind {
        Kind::Text(name) => name.starts_with(CONTROLLER_VARIABLES),
        _ => false,
    })
}
