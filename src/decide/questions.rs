//! The questions before the selectors.

use crate::{
    config::Provider,
    pod::{Annotations, Container, Metadata, NAME, Spec, cut},
    rules::Rules,
    select::{SkipReason, Subject},
    sidecar,
};

/// The registries in which Datadog publishes its agent.
const DATADOG_REGISTRIES: [&str; 8] = [
    "datadog",
    "docker.io/datadog",
    "index.docker.io/datadog",
    "gcr.io/datadoghq",
    "eu.gcr.io/datadoghq",
    "asia.gcr.io/datadoghq",
    "public.ecr.aws/datadog",
    "datadoghq.azurecr.io",
];

/// Datadog's own registry.
const DATADOG_OWN_REGISTRY: &str = "registry.datadoghq.com";

/// How the repository of the agent's image ends in any other registry.
const MIRRORED: [&str; 2] = ["datadog/agent", "datadog-agent"];

/// Variables that agents in pods have beside their API key, and no application.
const OF_AGENTS: [&str; 2] = ["DD_EKS_FARGATE", "DD_KUBERNETES_KUBELET_NODENAME"];

pub(super) const NO_CONTAINERS: &str = "it has no containers";

/// The questions before the selectors, in their order: the first that answers decides. What only whole containers show is asked of
/// pods alone that some selector matches: of others no more is read than names and images.
pub(super) fn refused(
    metadata: &Metadata<'_>,
    spec: &Spec<'_>,
    subject: Subject<'_>,
    rules: &Rules,
    selected: bool,
) -> Option<(SkipReason, String)> {
    let opted_out = || opted_out(metadata).map(|by| (SkipReason::OptedOut, by.to_owned()));
    let excluded = || {
        let detail = || format!("namespace {} is excluded", subject.namespace);
        rules.excludes(subject.namespace).then(|| (SkipReason::NamespaceExcluded, detail()))
    };
    let unsupported = || {
        unsupported(metadata, spec, rules.config.provider)
            .map(|why| (SkipReason::UnsupportedPod, why.to_owned()))
    };
    let agent = || {
        let is_agent = |c: &Container<'_>| is_agent(&c.image, rules) || selected && acts_as_agent(c);
        let found = spec.all_containers().find(|c| !sidecar::is_own(&c.name) && is_agent(c))?;
        Some((SkipReason::AgentPresent, format!("container {} runs a Datadog Agent", cut(&found.name, NAME))))
    };
    opted_out().or_else(excluded).or_else(unsupported).or_else(agent)
}

fn opted_out(metadata: &Metadata<'_>) -> Option<&'static str> {
    let label = metadata.labels.as_ref().and_then(|l| l.get(sidecar::ENABLED_LABEL));
    let annotation = metadata.annotations.as_ref().and_then(|a| a.get(sidecar::OPT_OUT));
    if label == Some("false") {
        return Some("label admission.datadoghq.com/enabled is false");
    }
    (annotation == Some("false")).then_some("annotation agent.datadoghq.com/sidecar.inject is false")
}

fn unsupported(metadata: &Metadata<'_>, spec: &Spec<'_>, provider: Provider) -> Option<&'static str> {
    let node = |keys: [&str; 2]| keys.iter().find_map(|key| spec.node_selector.as_ref()?.get(key));
    let os = node(["kubernetes.io/os", "beta.kubernetes.io/os"]);
    let arch = node(["kubernetes.io/arch", "beta.kubernetes.io/arch"]);
    let fargate = provider == Provider::Fargate;
    let reasons = [
        (
            metadata.annotations.as_ref().is_some_and(|a| a.get(Annotations::MIRROR).is_some()),
            "it mirrors a static pod",
        ),
        (spec.host_network == Some(true), "it uses the node's network (hostNetwork)"),
        (spec.host_pid == Some(true), "it uses the node's processes (hostPID)"),
        (spec.host_ipc == Some(true), "it uses the node's IPC (hostIPC)"),
        (
            spec.os.as_ref().is_some_and(|o| o.name == "windows") || os == Some("windows"),
            "it runs on Windows",
        ),
        (
            fargate && os.is_some_and(|os| os != "linux"),
            "its nodeSelector is not linux, all that Fargate has",
        ),
        (
            fargate && arch.is_some_and(|arch| arch != "amd64"),
            "its nodeSelector is not amd64, all that Fargate has",
        ),
        (spec.containers().is_empty(), NO_CONTAINERS),
        (spec.has_null_container(), "a container of it is null"),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, why)| why)
}

/// Whether a container is an agent that isn't ours.
pub(crate) fn may_be_agent(name: &str, image: &str, rules: &Rules) -> bool {
    !sidecar::is_own(name) && is_agent(image, rules)
}

/// Whether a container runs Datadog's agent: `…/agent` of a Datadog registry, a mirror of it, or the very image that is configured.
fn is_agent(image: &str, rules: &Rules) -> bool {
    let repository = repository(image);
    let datadogs = repository.rsplit_once('/').is_some_and(|(registry, name)| {
        name == "agent"
            && (DATADOG_REGISTRIES.contains(&registry) || registry.starts_with(DATADOG_OWN_REGISTRY))
    });
    let mirrored = MIRRORED.iter().any(|name| repository.ends_with(name));
    datadogs || mirrored || rules.injects(repository)
}

/// Whether a container has what only an agent is told, whatever its image is called.
fn acts_as_agent(container: &Container<'_>) -> bool {
    let has = |name: &str| container.env.as_ref().is_some_and(|env| env.has(name));
    has("DD_API_KEY") && OF_AGENTS.into_iter().any(has)
}

/// An image reference without its tag and digest.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        // A colon before the last slash is the registry's port.
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_what_is_left_without_tag_and_digest() {
        for (image, expected) in [
            ("datadog/agent", "datadog/agent"),
            ("datadog/agent:7", "datadog/agent"),
            ("host:5000/datadog/agent", "host:5000/datadog/agent"),
            ("host:5000/datadog/agent:7@sha256:0", "host:5000/datadog/agent"),
        ] {
            assert_eq!(repository(image), expected);
        }
    }

    #[test]
    fn an_agent_is_known_by_its_image() {
        let setting = crate::rules::Setting {
            own_namespace: "datadog-agent".into(),
            kubernetes_minor: 35,
            offline: false,
        };
        let rules = Rules::compile(crate::config::Config::default(), setting);
        let agent = |image: &str| is_agent(image, &rules);
        assert!(agent("datadog/agent:latest"));
        assert!(agent("gcr.io/datadoghq/agent:7"));
        assert!(agent("public.ecr.aws/datadog/agent@sha256:00"));
        assert!(agent("111122223333.dkr.ecr.eu-central-1.amazonaws.com/ecr-public/datadog/agent:7"));
        assert!(agent("registry.example.com:5000/tools/datadog-agent"));
        assert!(!agent("datadog/agent-helper"));
        assert!(!agent("example.com/other/agent:1"));
        assert!(!agent("agent"));
    }
}
