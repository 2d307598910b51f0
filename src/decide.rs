//! The decision of one pod: the door that the webhook and the offline commands share.

mod questions;
mod unreadable;

use crate::{
    config::OnMissingSecret,
    patch::Fault,
    pod::{Annotations, Extent, Metadata, Pairs, Pod, Spec, budget},
    rules::{CA_VOLUME, Foreseen, Missing, Rules, Without},
    select::{Decision, Outcome, SkipReason, Subject},
    sidecar::{self, Addition, Obstacle, Overrides, SIDECAR},
};
pub(crate) use questions::may_be_agent;
use questions::{NO_CONTAINERS, refused};
pub use unreadable::Unreadable;
pub(crate) use unreadable::wrong;

/// The label, `"true"`, of a pod that proves the way to the webhook. In the injector's own namespace, whose pods are otherwise never
/// touched, it comes back with the status annotation and nothing else.
pub const PROBE_LABEL: &str = "agent.datadoghq.com/sidecar-injector-probe";

/// Decides one pod (or pod template: an object with `metadata` and `spec`) given as JSON.
///
/// # Errors
///
/// The text is not JSON, or not the shape of a pod.
pub fn decide(pod: &[u8], subject: Subject<'_>, rules: &Rules) -> Result<Decision, Unreadable> {
    let pod: Pod<'_> = match serde_json::from_slice(pod) {
        Err(_) if budget::is_spent() => return Ok(too_many(None)),
        read => read?,
    };
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
    if metadata.annotations.as_ref().is_some_and(|annotations| annotations.size() > Annotations::LIMIT) {
        return too_complex(Some(selection), ANNOTATIONS);
    }
    let expected = selection != Selection::Nothing;
    let Some(spec) = &pod.spec else {
        return Decision { expected, ..Decision::skip(SkipReason::UnsupportedPod, NO_CONTAINERS) };
    };
    if selection == Selection::Probe {
        let detail = "it probes the installation";
        return match sidecar::probed(rules, pod, spec).patch {
            Ok(patch) => Decision { patch, ..Decision::skip(SkipReason::NamespaceExcluded, detail) },
            Err(fault) => faulty(&fault),
        };
    }
    if let Some((reason, detail)) = refused(metadata, spec, subject, rules, expected) {
        return Decision { expected, ..Decision::skip(reason, detail) };
    }
    let profile = match selection {
        Selection::Profile(profile) => profile,
        Selection::Open => {
            return Decision { expected, ..Decision::skip(SkipReason::NamespaceUnknown, UNKNOWN) };
        }
        Selection::Nothing | Selection::Probe => return Decision::skip(SkipReason::NoMatch, ""),
    };
    if spec.all_containers().any(|c| c.name == SIDECAR) {
        return decided(Outcome::Completed, profile, sidecar::complete(rules, pod, spec));
    }
    let mut overrides = Overrides::read(&rules.config, metadata);
    let profile = overrides.profile.unwrap_or(profile);
    if let Some(detail) = secret_missing(profile, subject, rules, spec, &mut overrides) {
        let decision = Decision::skip(SkipReason::SecretMissing, detail);
        return Decision { profile: Some(profile), expected: true, ..decision };
    }
    match sidecar::inject(rules, profile, pod, spec, overrides) {
        Ok(addition) => decided(Outcome::Injected, profile, addition),
        Err(obstacle) => {
            let (reason, detail) = match obstacle {
                Obstacle::Conflict(detail) => (SkipReason::Conflict, detail),
                Obstacle::TooLarge(detail) => (SkipReason::TooLarge, detail),
                Obstacle::TooComplex(detail) => (SkipReason::TooComplex, detail),
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

/// A pod of which more would be kept than there is room for. Where `selection` is not known the pod may well have been meant.
pub(crate) fn too_many(selection: Option<Selection>) -> Decision {
    let most = budget::MOST;
    too_complex(
        selection,
        format!("it has more than {most} list elements and map entries, as no real pod has"),
    )
}

const UNKNOWN: &str = "its namespace's labels are not known yet: create the pod again";

const ANNOTATIONS: &str = "its annotations have more than 262144 bytes, which the API server refuses";

fn too_complex(selection: Option<Selection>, detail: impl Into<String>) -> Decision {
    let expected = selection != Some(Selection::Nothing);
    Decision { expected, ..Decision::skip(SkipReason::TooComplex, detail) }
}

fn faulty(fault: &Fault) -> Decision {
    if *fault == Fault::TooLong {
        return too_complex(None, fault.to_string());
    }
    Decision::skip(SkipReason::InternalError, format!("a fault of the injector's: {fault}"))
}

/// The question of the Secrets: what to do where the API key's is missing. What else is missing changes what is added.
fn secret_missing(
    profile: usize,
    subject: Subject<'_>,
    rules: &Rules,
    spec: &Spec<'_>,
    overrides: &mut Overrides,
) -> Option<String> {
    match (rules.missing(profile, subject)?, rules.config.on_missing_secret) {
        (Missing::ApiKey(lack), OnMissingSecret::Skip) => return Some(lack.to_string()),
        (Missing::ApiKey(lack), OnMissingSecret::Inject) => {
            overrides.warnings.push(format!("the sidecar waits: {lack}"));
        }
        (Missing::Token(lack), _) => {
            overrides.warnings.push(format!("without the Cluster Agent: {lack}"));
            overrides.without = Without::ClusterAgent;
        }
        // It brings one of its own.
        (Missing::Ca(_), _) if spec.volumes().iter().any(|volume| volume.name == CA_VOLUME) => {}
        (Missing::Ca(lack), _) => {
            overrides.warnings.push(format!("the Cluster Agent is not verified: {lack}"));
            overrides.without = Without::Verification;
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
    /// Labels of the namespace decide, and those are not known yet.
    Open,
    /// Nothing: no selector matches.
    Nothing,
}

impl Selection {
    pub(crate) fn of(metadata: &Metadata<'_>, subject: Subject<'_>, rules: &Rules) -> Self {
        if is_probe(metadata, subject, rules) {
            return Self::Probe;
        }
        if !rules.config.enabled {
            return Self::Nothing;
        }
        selected(metadata, subject, rules)
    }

    /// How much of the spec the decision reads.
    pub(crate) fn extent(self) -> Extent {
        match self {
            Self::Nothing | Self::Open => Extent::Brief,
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
fn selected(metadata: &Metadata<'_>, subject: Subject<'_>, rules: &Rules) -> Selection {
    let labels = metadata.labels.as_ref();
    let label = |key: &str| labels.and_then(|labels| labels.get(key));
    if subject.awaits_labels() {
        return match rules.foresee(label, subject.namespace) {
            Foreseen::Profile(profile) => Selection::Profile(profile),
            Foreseen::Nothing => Selection::Nothing,
            Foreseen::Open => Selection::Open,
        };
    }
    let pairs = labels.into_iter().flat_map(Pairs::iter);
    let position = rules.first_match(label, pairs, subject.namespace, subject.namespace_labels);
    let selector = position.and_then(|position| rules.config.selectors.get(position));
    selector.map_or(Selection::Nothing, |selector| Selection::Profile(selector.profile))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, rules::Setting};

    #[test]
    fn the_pod_of_a_probe_is_marked_in_the_own_namespace_alone() {
        let pod = |labels: &str| {
            format!(
                r#"{{"metadata":{{"labels":{{{labels}"agent.datadoghq.com/sidecar":"fargate"}}}},"spec":{{"containers":[{{}}]}}}}"#
            )
        };
        let marked = format!(r#""{PROBE_LABEL}":"true","#);
        let setting =
            |offline| Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline };
        let patch = |pod: &str, namespace: &str, offline: bool| {
            let rules = Rules::compile(Config::default(), setting(offline));
            let decision =
                decide(pod.as_bytes(), Subject { namespace, namespace_labels: None, moment: None }, &rules)
                    .unwrap();
            (decision.outcome, String::from_utf8(decision.patch).unwrap())
        };
        let excluded = Outcome::Skipped(SkipReason::NamespaceExcluded);
        let (outcome, answer) = patch(&pod(&marked), "datadog-agent", false);
        assert_eq!(outcome, excluded);
        assert!(answer.contains("sidecar.status") && answer.contains("probe"), "{answer}");
        assert!(!answer.contains("/spec"), "{answer}");
        assert_eq!(patch(&pod(&marked), "datadog-agent", true), (excluded, String::new()));
        assert_eq!(patch(&pod(""), "datadog-agent", false), (excluded, String::new()));
        assert_eq!(patch(&pod(&marked), "shop", false).0, Outcome::Injected);
    }
}
