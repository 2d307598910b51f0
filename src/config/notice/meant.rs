//! Values that the agent gets as they are, and most likely reads otherwise than they are meant.

use super::{
    super::{
        file::{File, Tags},
        tree::{Kind, Node},
    },
    unread,
};

/// Variables that say something of a node, and are wrong in a pod that has one to itself or shares it with others.
const OF_A_NODE: [&str; 16] = [
    "DD_HOSTNAME",
    "DD_HOSTNAME_FILE",
    "DD_KUBERNETES_KUBELET_HOST",
    "DD_KUBERNETES_KUBELET_NODENAME",
    "DD_CRI_SOCKET_PATH",
    "DD_CONTAINER_PROC_ROOT",
    "DD_CONTAINER_CGROUP_ROOT",
    "DD_PROCFS_PATH",
    "DD_SYSTEM_PROBE_ENABLED",
    "DD_SYSTEM_PROBE_NETWORK_ENABLED",
    "DD_APM_RECEIVER_SOCKET",
    "DD_DOGSTATSD_SOCKET",
    "DOCKER_HOST",
    "HOST_PROC",
    "HOST_SYS",
    "HOST_ETC",
];

/// The notices of values under `datadog` and of tags of profiles.
pub(super) fn notices(datadog: &Node, file: &File) -> Vec<String> {
    let mut notices = Vec::new();
    let mut tell = |what: &[String], sentence: &str| {
        if !what.is_empty() {
            notices.push(format!("{sentence}: {}", what.join(", ")));
        }
    };
    let mut templates = Vec::new();
    for key in datadog.keys().filter(|key| unread::is_read(key)) {
        if let Some(node) = datadog.get(key) {
            collect_templates(node, &format!("datadog.{key}"), &mut templates);
        }
    }
    let injection = &file.cluster_agent.admission_controller.agent_sidecar_injection;
    let mut references = Vec::new();
    let mut look = |path: String, tags: &Tags| {
        for (index, tag) in tags.to_list().iter().enumerate() {
            let path = format!("{path}[{index}]");
            if tag.contains("${") {
                references.push(path);
            } else if tag.contains("{{") && !path.starts_with("datadog") {
                templates.push(path);
            }
        }
    };
    look("datadog.tags".into(), &file.datadog.tags);
    for (index, profile) in injection.profiles.iter().enumerate() {
        look(format!("profiles[{index}].tags"), &profile.tags);
    }
    tell(&templates, "a template, `{{ … }}`, which nothing fills in");
    tell(
        &references,
        "a reference, `${…}`, which nothing fills in; write `$(NAME)` in DD_TAGS of a profile's env",
    );

    let spaced = file.datadog.dogstatsd.tags.to_list();
    let spaced: Vec<String> = spaced.into_iter().filter(|tag| tag.contains(char::is_whitespace)).collect();
    if !spaced.is_empty() {
        tell(&["datadog.dogstatsd.tags".into()], "the agent takes a space for the end of a tag in");
    }
    let of_a_node = file.datadog.env.iter().filter(|variable| OF_A_NODE.contains(&variable.name.as_str()));
    let of_a_node = of_a_node.filter(|variable| variable.value.is_some());
    let of_a_node: Vec<String> = of_a_node.map(|variable| variable.name.clone()).collect();
    tell(&of_a_node, "datadog.env says of every sidecar what is true of one node's agent");
    notices
}

/// The paths of texts that hold a template, as Helm would fill in.
fn collect_templates(node: &Node, path: &str, found: &mut Vec<String>) {
    match &node.kind {
        Kind::Text(text) if text.contains("{{") => found.push(path.to_owned()),
        Kind::Map(entries) => {
            for entry in entries {
                collect_templates(&entry.value, &format!("{path}.{}", entry.key), found);
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                collect_templates(item, &format!("{path}[{index}]"), found);
            }
        }
        _ => {}
    }
}
