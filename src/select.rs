//! Which pods: the ordered questions of the product's contract.

/// Why a pod is not injected: a closed list, the same word in metric, log, warning and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// Not the creation of a pod.
    NotApplicable,
    /// The pod says so itself, by label or annotation.
    OptedOut,
    /// Its namespace is excluded, or is the injector's own.
    NamespaceExcluded,
    /// A mirror pod, host namespaces, Windows, another architecture.
    UnsupportedPod,
    /// An agent that isn't ours is there already.
    AgentPresent,
    /// Labels of its namespace decide, and those are not known yet.
    NamespaceUnknown,
    /// No selector matches.
    NoMatch,
    /// The namespace is known to be without the API key's Secret.
    SecretMissing,
    /// What must be added contradicts the pod.
    Conflict,
    /// With the sidecar the pod exceeds the largest size of Fargate, and without it didn't.
    TooLarge,
    /// It has more parts than any real pod, so many annotations that the API server refuses it, or would need too large a patch.
    TooComplex,
    /// An error of ours, or a patch that would not apply.
    InternalError,
}

impl SkipReason {
    /// Every reason, in the order of the questions.
    pub const ALL: [Self; 12] = [
        Self::NotApplicable,
        Self::OptedOut,
        Self::NamespaceExcluded,
        Self::UnsupportedPod,
        Self::AgentPresent,
        Self::NamespaceUnknown,
        Self::NoMatch,
        Self::SecretMissing,
        Self::Conflict,
        Self::TooLarge,
        Self::TooComplex,
        Self::InternalError,
    ];

    /// The word used in metrics, logs, warnings and documentation.
    pub fn label(self) -> &'static str {
        match self {
            Self::NotApplicable => "not_applicable",
            Self::OptedOut => "opted_out",
            Self::NamespaceExcluded => "namespace_excluded",
            Self::UnsupportedPod => "unsupported_pod",
            Self::AgentPresent => "agent_present",
            Self::NamespaceUnknown => "namespace_unknown",
            Self::NoMatch => "no_match",
            Self::SecretMissing => "secret_missing",
            Self::Conflict => "conflict",
            Self::TooLarge => "too_large",
            Self::TooComplex => "too_complex",
            Self::InternalError => "internal_error",
        }
    }
}

/// What was decided of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The sidecar is added.
    Injected,
    /// Our sidecar was there already; what others added since got what it lacked (often nothing).
    Completed,
    /// The pod stays as it is.
    Skipped(SkipReason),
}

impl Outcome {
    /// The word used in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Completed => "completed",
            Self::Skipped(_) => "skipped",
        }
    }
}

/// What is known of a pod beside the pod itself.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The labels of that namespace, where known.
    pub namespace_labels: Option<&'a crate::rules::Labels>,
    /// What is known of the cluster; `None` without one.
    pub moment: Option<crate::seen::Moment<'a>>,
}

impl<'a> Subject<'a> {
    /// Whether the labels of the namespace are there and will yet be known.
    pub(crate) fn awaits_labels(&self) -> bool {
        self.namespace_labels.is_none()
            && self.moment.is_some_and(|moment| moment.seen.awaits(self.namespace))
    }

    /// Of a pod in a namespace of the cluster.
    pub(crate) fn seen(namespace: &'a str, moment: crate::seen::Moment<'a>) -> Self {
        Self { namespace, namespace_labels: moment.seen.labels(namespace), moment: Some(moment) }
    }
}

/// A decision with everything a caller tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub outcome: Outcome,
    /// The profile used, as its position in the configuration; `None` for a skip before one was chosen.
    pub profile: Option<usize>,
    /// For people: at most 120 characters each, no secret, no raw value of the pod's.
    pub warnings: Vec<String>,
    /// The reason of a skip in words; empty where the reason says it all (`no_match`, `not_applicable`).
    pub detail: String,
    /// The pod's size on Fargate, where the sidecar changes it, such as `0.25 vCPU 0.5 GB -> 0.5 vCPU 1 GB`; empty otherwise.
    pub size: String,
    /// Whether a selector matches the pod, so that its owner expects a sidecar.
    pub expected: bool,
    /// A JSON Patch (RFC 6902) from the pod's root as JSON text; empty where nothing changes.
    pub patch: Vec<u8>,
}

impl Decision {
    /// A pod that stays as it is, with the reason in words.
    pub fn skip(reason: SkipReason, detail: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Skipped(reason),
            profile: None,
            warnings: Vec::new(),
            detail: detail.into(),
            size: String::new(),
            expected: false,
            patch: Vec::new(),
        }
    }

    /// The reason of a skip.
    pub fn reason(&self) -> Option<SkipReason> {
        match self.outcome {
            Outcome::Skipped(reason) => Some(reason),
            Outcome::Injected | Outcome::Completed => None,
        }
    }
}
