//! Keys that nobody reads.

use super::super::{
    schema,
    tree::{Kind, Node},
};
use crate::near::nearest;
use serde_json::{Map, Value};

/// What Datadog's own admission controller reads, and no agent.
const OF_ANOTHER: [&str; 1] = ["datadog.apm.instrumentation"];

/// The parts of a values file that tell it from what is under any other key.
const PARTS: [&str; 3] = ["datadog", "clusterAgent", "agents"];

const ADMISSION: &str = "admissionController";

const INJECTION: &str = "agentSidecarInjection";

const CONTROLLER: &str = "/properties/clusterAgent/properties/admissionController";

/// Whole values files under a key, as an umbrella chart has them under the name of its subchart. No file has these parts there.
pub(super) fn too_deep(root: &Node) -> Vec<String> {
    let mapping =
        |node: &Node, key: &str| node.get(key).is_some_and(|node| matches!(node.kind, Kind::Map(_)));
    let mut found = Vec::new();
    for key in root.keys() {
        let Some(inner) = root.get(key) else { continue };
        let known = properties("").is_some_and(|known| known.contains_key(key));
        // Charts of others may well have one of these names.
        let parts = PARTS.into_iter().filter(|part| mapping(inner, part)).collect::<Vec<_>>();
        if key == "datadog" || !known && parts.len() > 1 {
            found.extend(parts.iter().map(|part| format!("{key}.{part}")));
        }
    }
    found
}

/// The keys of `datadog`, at any depth, that no sidecar follows, but for those that are told of already.
pub(super) fn of_datadog(datadog: &Node, told: &[String]) -> Vec<String> {
    let mut unread = Vec::new();
    collect(datadog, schema::derived().pointer("/properties/datadog"), "datadog", &mut unread);
    unread.retain(|key| !told.contains(key));
    unread
}

/// Whether sidecars follow something of a key of `datadog`.
pub(super) fn is_read(key: &str) -> bool {
    properties("/properties/datadog").is_some_and(|known| known.contains_key(key))
}

fn collect(node: &Node, schema: Option<&Value>, path: &str, unread: &mut Vec<String>) {
    let Some(known) = schema.and_then(|schema| schema.get("properties")) else { return };
    for key in node.keys() {
        let path = format!("{path}.{key}");
        match (known.get(key), node.get(key)) {
            (Some(inner), Some(node)) => collect(node, Some(inner), &path, unread),
            (None, Some(node)) if is_empty(node) => {}
            _ if OF_ANOTHER.contains(&path.as_str()) => {}
            _ => unread.push(path),
        }
    }
}

/// Whether a value says nothing, as most of the chart's own do.
pub(super) fn is_empty(node: &Node) -> bool {
    match &node.kind {
        Kind::Text(text) => text.is_empty(),
        Kind::List(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
        Kind::Null => true,
        Kind::Bool(_) | Kind::Number(_) => false,
    }
}

/// Keys of `agentSidecarInjection`, or that key itself, a level or more too high.
pub(super) fn misplaced(root: &Node, datadog: &Node, cluster_agent: &Node, controller: &Node) -> Vec<String> {
    let injection = properties(&format!("{CONTROLLER}/properties/agentSidecarInjection"));
    let inner = |key: &str| injection.is_some_and(|injection| injection.contains_key(key));
    let outer = |key: &str| [INJECTION, ADMISSION].contains(&key);
    let mut found: Vec<String> = Vec::new();
    found.extend(unknown_keys(root, "").filter(|key| outer(key)).map(String::from));
    found.extend(datadog.keys().filter(|key| outer(key)).map(|key| format!("datadog.{key}")));
    for (name, node, pointer) in [
        ("clusterAgent", cluster_agent, "/properties/clusterAgent"),
        ("clusterAgent.admissionController", controller, CONTROLLER),
    ] {
        let keys = unknown_keys(node, pointer).filter(|key| inner(key) && *key != "enabled" || outer(key));
        found.extend(keys.map(|key| format!("{name}.{key}")));
    }
    found
}

/// Keys on the way to `agentSidecarInjection` that are nearly one that is read, and so most likely it.
pub(super) fn near(root: &Node, cluster_agent: &Node, controller: &Node) -> Vec<String> {
    let mut found = Vec::new();
    for (name, node, pointer, meant) in [
        ("", root, "", &["clusterAgent", "datadog", "injector", ADMISSION, INJECTION][..]),
        (
            "clusterAgent.",
            cluster_agent,
            "/properties/clusterAgent",
            &[ADMISSION, INJECTION, "serviceName", "serviceNamespace"][..],
        ),
        (
            "clusterAgent.admissionController.",
            controller,
            CONTROLLER,
            &[INJECTION, "containerRegistry", "failurePolicy"][..],
        ),
    ] {
        for key in unknown_keys(node, pointer) {
            if let Some(meant) = nearest(key, meant.iter().copied()).filter(|meant| *meant != key) {
                let meant = match meant {
                    INJECTION => "clusterAgent.admissionController.agentSidecarInjection",
                    ADMISSION => "clusterAgent.admissionController",
                    _ => meant,
                };
                found.push(format!("{name}{key} is not read: did you mean `{meant}`?"));
            }
        }
    }
    found
}

/// The keys of a mapping that its schema does not know.
fn unknown_keys<'a>(node: &'a Node, pointer: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    let known = properties(pointer);
    node.keys().filter(move |key| known.is_none_or(|known| !known.contains_key(*key)))
}

fn properties(pointer: &str) -> Option<&'static Map<String, Value>> {
    schema::derived().pointer(pointer)?.get("properties")?.as_object()
}
