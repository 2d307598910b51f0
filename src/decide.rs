//! The decision of one pod: the door that the webhook and the offline commands share.

use crate::{
    config::{OnMissingSecret, Provider},
    patch::Fault,
    pod::{Annotations, Container, Extent, Metadata, Pairs, Pod, Spec},
    rules::{Missing, Rules},
    select::{Decision, Outcome, SkipReason, Subject},
    sidecar::{self, Addition, Obstacle, Overrides, SIDECAR},
};
use serde_json::error::Category;

/// Why a pod cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the pod cannot be read: {}", wrong(.0))]
pub struct Unreadable(serde_json::Error);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// What is wrong with a JSON text. What serde says of an error may quote the text, and that may be a secret: only what was expected
/// there and the place are told.
pub(crate) fn wrong(error: &serde_json::Error) -> String {
    let expected = || {
        let text = error.to_string();
        let (_, rest) = text.rsplit_once(", expected ")?;
        let (expected, _) = rest.rsplit_once(" at line ")?;
        Some(match expected {
            "i64" => "a whole number".to_owned(),
            expected if expected.starts_with("struct ") => "a mapping".to_owned(),
            expected => expected.to_owned(),
        })
    };
    let what = match error.classify() {
        Category::Syntax => "JSON syntax".into(),
        Category::Eof => "it ends too early".into(),
        Category::Data => expected().map_or_else(
            || "a value of another type than expected".into(),
            |expected| format!("{expected} was expected"),
        ),
        Category::Io => "it could not be read".into(),
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

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

/// The label, `"true"`, of a pod that proves the way to the webhook. In the injector's own namespace, whose pods are otherwise never
/// touched, it comes back with the status annotation and nothing else.
pub const PROBE_LABEL: &str = "agent.datadoghq.com/sidecar-injector-probe";

const NO_CONTAINERS: &str = "it has no containers";

/// Decides one pod (or pod template: an object with `metadata` and `spec`) given as JSON.
///
/// # Errors
///
/// The text is not JSON, or not the shape of a pod.
pub fn decide(pod: &[u8], subject: Subject<'_>, rules: &Rules) -> Result<Decision, Unreadable> {
    let pod: Pod<'_> = serde_json::from_slice(pod)?;
    let selection = Selection::of(pod.metadata(), subject, rules);
    Ok(decide_pod(&pod, selection, subject, rules))
}

/// Decides a pod that was read to the [extent](Selection::extent) that its selection asks for.
pub(crate) fn decide_pod(
    pod: &Pod<'_>,
    selection: Selection,
    subject: Subject<'_>,
    rules: &Rules,
) -> Decision {
    let metadata = pod.metadata();
    let Some(spec) = &pod.spec else {
        return Decision::skip(SkipReason::UnsupportedPod, NO_CONTAINERS);
    };
    if selection == Selection::Probe {
        let detail = "it probes the installation";
        return match sidecar::probed(rules, pod, spec).patch {
            Ok(patch) => Decision { patch, ..Decision::skip(SkipReason::NamespaceExcluded, detail) },
            Err(fault) => faulty(&fault),
        };
    }
    if let Some((reason, detail)) = refused(metadata, spec, subject, rules) {
        let expected = selection != Selection::Nothing;
        return Decision { expected, ..Decision::skip(reason, detail) };
    }
    let Selection::Profile(profile) = selection else {
        return Decision::skip(SkipReason::NoMatch, "");
    };
    if spec.all_containers().any(|c| c.name == SIDECAR) {
        return decided(Outcome::Completed, profile, sidecar::complete(rules, pod, spec));
    }
    let mut overrides = Overrides::read(&rules.config, metadata);
    let profile = overrides.profile.unwrap_or(profile);
    if let Some(detail) = secret_missing(profile, subject, rules, &mut overrides) {
        let decision = Decision::skip(SkipReason::SecretMissing, detail);
        return Decision { profile: Some(profile), expected: true, ..decision };
    }
    match sidecar::inject(rules, profile, pod, spec, overrides) {
        Ok(addition) => decided(Outcome::Injected, profile, addition),
        Err(obstacle) => {
            let (reason, detail) = match obstacle {
                Obstacle::Conflict(detail) => (SkipReason::Conflict, detail),
                Obstacle::TooLarge(detail) => (SkipReason::TooLarge, detail),
            };
            Decision { profile: Some(profile), expected: true, ..Decision::skip(reason, detail) }
        }
    }
}

fn decided(outcome: Outcome, profile: usize, addition: Addition) -> Decision {
    let decision = match addition.patch {
        Ok(patch) => Decision {
            outcome,
            patch,
            warnings: addition.warnings,
            size: addition.size,
            ..Decision::skip(SkipReason::InternalError, "")
        },
        Err(fault) => faulty(&fault),
    };
    Decision { profile: Some(profile), expected: true, ..decision }
}

fn faulty(fault: &Fault) -> Decision {
    Decision::skip(SkipReason::InternalError, format!("a fault of the injector's: {fault}"))
}

/// The question of the Secrets: what to do where the API key's is missing. What else is missing changes what is added.
fn secret_missing(
    profile: usize,
    subject: Subject<'_>,
    rules: &Rules,
    overrides: &mut Overrides,
) -> Option<String> {
    match (rules.missing(profile, subject)?, rules.config.on_missing_secret) {
        (Missing::ApiKey(lack), OnMissingSecret::Skip) => return Some(lack.to_string()),
        (Missing::ApiKey(lack), OnMissingSecret::Inject) => {
            overrides.warnings.push(format!("the sidecar waits: {lack}"));
        }
        (Missing::Token(lack), _) => {
            overrides.warnings.push(format!("without the Cluster Agent: {lack}"));
            overrides.without_cluster_agent = true;
        }
    }
    None
}

/// What a pod's metadata alone select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The answer to a probe.
    Probe,
    /// The profile of the first selector that matches.
    Profile(usize),
    /// Nothing: no selector matches.
    Nothing,
}

impl Selection {
    pub(crate) fn of(metadata: &Metadata<'_>, subject: Subject<'_>, rules: &Rules) -> Self {
        if is_probe(metadata, subject, rules) {
            return Self::Probe;
        }
        selected(metadata, subject, rules).map_or(Self::Nothing, Self::Profile)
    }

    /// How much of the spec the decision reads.
    pub(crate) fn extent(self) -> Extent {
        match self {
            Self::Nothing => Extent::Brief,
            Self::Probe | Self::Profile(_) => Extent::Whole,
        }
    }
}

fn is_probe(metadata: &Metadata<'_>, subject: Subject<'_>, rules: &Rules) -> bool {
    !rules.setting.offline
        && subject.namespace == rules.setting.own_namespace
        && metadata.labels.as_ref().and_then(|labels| labels.get(PROBE_LABEL)) == Some("true")
}

/// The profile of the first selector that matches.
fn selected(metadata: &Metadata<'_>, subject: Subject<'_>, rules: &Rules) -> Option<usize> {
    if !rules.config.enabled {
        return None;
    }
    let labels = metadata.labels.as_ref();
    let position = rules.first_match(
        |key| labels.and_then(|l| l.get(key)),
        labels.into_iter().flat_map(Pairs::iter),
        subject.namespace,
        subject.namespace_labels,
    )?;
    rules.config.selectors.get(position).map(|selector| selector.profile)
}

/// The questions before the selectors, in their order: the first that answers decides.
fn refused(
    metadata: &Metadata<'_>,
    spec: &Spec<'_>,
    subject: Subject<'_>,
    rules: &Rules,
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
        let found = spec.all_containers().find(|c| !sidecar::is_own(&c.name) && is_agent(c, rules))?;
        Some((SkipReason::AgentPresent, format!("container {} runs a Datadog Agent", &*found.name)))
    };
    opted_out().or_else(excluded).or_else(unsupported).or_else(agent)
}

fn opted_out(metadata: &Metadata<'_>) -> Option<&'static str> {
    let label = metadata.labels.as_ref().and_then(|l| l.get("admission.datadoghq.com/enabled"));
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
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, why)| why)
}

/// Whether a container runs Datadog's agent: `…/agent` of a Datadog registry, or the very image that is configured.
fn is_agent(container: &Container<'_>, rules: &Rules) -> bool {
    let repository = repository(&container.image);
    let datadogs = repository.rsplit_once('/').is_some_and(|(registry, name)| {
        name == "agent"
            && (DATADOG_REGISTRIES.contains(&registry) || registry.starts_with(DATADOG_OWN_REGISTRY))
    });
    datadogs || rules.injects(repository)
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
    use crate::{config::Config, rules::Setting};

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
    fn the_pod_of_a_probe_is_marked_in_the_own_namespace_alone() {
        let pod = |labels: &str| {
            format!(
                r#"{{"metadata":{{"labels":{{{labels}"agent.datadoghq.com/sidecar":"fargate"}}}},"spec":{{"containers":[{{}}]}}}}"#
            )
        };
        let marked = format!(r#""{PROBE_LABEL}":"true","#);
        let setting = |offline| Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline };
        let patch = |pod: &str, namespace: &str, offline: bool| {
            let rules = Rules::compile(Config::default(), setting(offline));
            let decision =
                decide(pod.as_bytes(), Subject { namespace, namespace_labels: None, moment: None }, &rules)
                    .unwrap();
            (decision.outcome, String::from_utf8(decision.patch).unwrap())
        };
        let excluded = Outcome::Skipped(SkipReason::NamespaceExcluded);
        let (outcome, answer) = patch(&pod(&marked), "datadog", false);
        assert_eq!(outcome, excluded);
        assert!(answer.contains("sidecar.status") && answer.contains("probe"), "{answer}");
        assert!(!answer.contains("/spec"), "{answer}");
        assert_eq!(patch(&pod(&marked), "datadog", true), (excluded, String::new()));
        assert_eq!(patch(&pod(""), "datadog", false), (excluded, String::new()));
        assert_eq!(patch(&pod(&marked), "shop", false).0, Outcome::Injected);
    }

    #[test]
    fn what_cannot_be_read_is_told_without_its_values() {
        for (pod, told) in [
            (
                r#"{"spec":{"containers":[{"env":{"a":1}}]}}"#,
                "a list of variables was expected at line 1 column 30",
            ),
            (
                r#"{"spec":{"containers":[{"env":["s3cret, expected s3cret"]}]}}"#,
                "a mapping was expected at line 1 column 56",
            ),
            (r#"{"spec":{"hostPID":"s3cret"}}"#, "a boolean was expected at line 1 column 27"),
            (
                r#"{"spec":{"securityContext":{"runAsUser":1.5}}}"#,
                "a whole number was expected at line 1 column 43",
            ),
            (r#"{"spec":"#, "it ends too early at line 1 column 8"),
            (r#"{"spec":s3cret}"#, "JSON syntax at line 1 column 9"),
        ] {
            let error = serde_json::from_str::<Pod<'_>>(pod).unwrap_err();
            assert_eq!(Unreadable(error).to_string(), format!("the pod cannot be read: {told}"));
        }
    }

    #[test]
    fn an_agent_is_known_by_its_image() {
        let setting =
            crate::rules::Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
        let rules = Rules::compile(crate::config::Config::default(), setting);
        let agent = |image: &str| {
            let json = format!(r#"{{"image":"{image}"}}"#);
            is_agent(&serde_json::from_str(&json).unwrap(), &rules)
        };
        assert!(agent("datadog/agent:latest"));
        assert!(agent("gcr.io/datadoghq/agent:7"));
        assert!(agent("public.ecr.aws/datadog/agent@sha256:00"));
        assert!(!agent("datadog/agent-helper"));
        assert!(!agent("example.com/other/agent:1"));
        assert!(!agent("agent"));
    }
}
