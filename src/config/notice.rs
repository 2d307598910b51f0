//! What a person should know of a file that is nevertheless in force: keys that are accepted and have no effect, and values that
//! most likely mean something else than they say.

mod meant;
mod unread;

use super::{
    file::File,
    tree::{Kind, Node},
};

const INJECTION: &str = "clusterAgent.admissionController.agentSidecarInjection";

/// Variables by which people set up Datadog's own controller on its Cluster Agent.
const CONTROLLER_VARIABLES: &str = "DD_ADMISSION_CONTROLLER_AGENT_SIDECAR_";

/// What is set for the agents of nodes, and people may expect in sidecars.
const OF_NODES: [&str; 8] = [
    "containers",
    "customAgentConfig",
    "podAnnotations",
    "podLabels",
    "podSecurity",
    "useConfigMap",
    "volumeMounts",
    "volumes",
];

/// The notices of a file, in a fixed order.
pub(super) fn notices(root: &Node, file: &File) -> Vec<String> {
    let mut notices = Vec::new();
    let mut tell = |what: &[String], sentence: &dyn Fn(String) -> String| {
        if !what.is_empty() {
            notices.push(sentence(what.join(", ")));
        }
    };
    let empty = Node::nothing();
    let level = |key: &str| root.get(key).unwrap_or(&empty);
    let (datadog, cluster_agent, agents) = (level("datadog"), level("clusterAgent"), level("agents"));
    let controller = cluster_agent.get("admissionController").unwrap_or(&empty);

    let deep = unread::too_deep(root);
    tell(&deep, &|keys| {
        format!("one level too deep, as in the values of an umbrella chart, and not read: {keys}")
    });
    tell(&unread::of_datadog(datadog, &deep), &|keys| format!("not passed on to sidecars: {keys}"));
    let of_nodes = OF_NODES.iter().filter(|key| agents.get(key).is_some_and(says_something));
    let of_nodes: Vec<String> = of_nodes.map(|key| format!("agents.{key}")).collect();
    tell(&of_nodes, &|keys| {
        format!("of the agents of nodes alone, where profiles say what sidecars have: {keys}")
    });
    let misplaced = unread::misplaced(root, datadog, cluster_agent, controller);
    tell(&misplaced, &|keys| format!("ignored, since it belongs under {INJECTION}: {keys}"));
    for near in unread::near(root, cluster_agent, controller) {
        notices.push(near);
    }
    let injection = &file.cluster_agent.admission_controller.agent_sidecar_injection;
    if !injection.enabled {
        notices.push(format!("injection is off: {INJECTION}.enabled is false"));
    }
    if !file.datadog.api_key.0.is_empty() {
        notices.push(
            "datadog.apiKey is not used: sidecars read the key from the Secret of apiKeySecret, in the namespace of each pod".into(),
        );
    }
    if cluster_agent.get("token").is_some_and(|token| !unread::is_empty(token)) {
        notices.push("clusterAgent.token is not read: sidecars take the token from the Secret of clusterAgentTokenSecret".into());
    }
    for key in ["env", "envDict"] {
        if cluster_agent.get(key).is_some_and(names_controller) {
            notices.push(format!(
                "clusterAgent.{key}: {CONTROLLER_VARIABLES}… is not read: write it as keys of {INJECTION}"
            ));
        }
    }
    if is(controller.get("enabled"), false) {
        notices.push(format!(
            "clusterAgent.admissionController.enabled switches Datadog's own controller off, not this one: that is {INJECTION}.enabled"
        ));
    }
    if is(level("fips").get("enabled"), true) {
        notices.push(
            "fips.enabled: sidecars have no FIPS proxy; with useFIPSAgent their image is a compliant one"
                .into(),
        );
    }
    if injection.cluster_agent_tls_verification.copy_ca_config_map {
        notices.push(format!(
            "{INJECTION}.clusterAgentTlsVerification.copyCaConfigMap has no effect yet: make the ConfigMap datadog-ca-cert in the namespace of each pod; in a namespace without it sidecars do not verify the Cluster Agent"
        ));
    }
    notices.extend(meant::notices(datadog, file));
    notices
}

/// Whether there is more than an empty list or mapping.
fn says_something(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(entries) => entries.iter().any(|entry| says_something(&entry.value)),
        Kind::List(items) => !items.is_empty(),
        Kind::Null | Kind::Bool(false) => false,
        Kind::Bool(true) | Kind::Number(_) | Kind::Text(_) => true,
    }
}

fn is(node: Option<&Node>, value: bool) -> bool {
    matches!(node.map(|node| &node.kind), Some(Kind::Bool(given)) if *given == value)
}

/// Whether variables, as a list or a mapping, set up Datadog's own controller.
fn names_controller(variables: &Node) -> bool {
    let ours = |name: &str| name.starts_with(CONTROLLER_VARIABLES);
    match &variables.kind {
        Kind::List(items) => items.iter().filter_map(|item| item.get("name")).any(|name| match &name.kind {
            Kind::Text(name) => ours(name),
            _ => false,
        }),
        _ => variables.keys().any(ours),
    }
}
