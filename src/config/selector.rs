//! Which pods a profile is for.

use serde::Serialize;

/// One entry of `selectors`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// For `explain`; may be empty.
    pub name: String,
    /// The profile of the pods it matches: the position in [`Config::profiles`](super::Config::profiles).
    pub profile: usize,
    /// Over the labels of the pod; `None` matches all.
    pub object: Option<LabelSelector>,
    /// Over the labels of the pod's namespace; `None` matches all.
    pub namespace: Option<LabelSelector>,
}

/// A Kubernetes label selector: every requirement must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LabelSelector {
    /// Label and value, each of which must be there.
    pub match_labels: Vec<(String, String)>,
    /// Further requirements.
    pub match_expressions: Vec<Requirement>,
}

/// One requirement of a label selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The label.
    pub key: String,
    /// What must hold of it.
    pub operator: Operator,
}

/// What must hold of a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Operator {
    /// It is there and has one of these values.
    In(Vec<String>),
    /// It is absent or has none of these values.
    NotIn(Vec<String>),
    /// It is there.
    Exists,
    /// It is absent.
    DoesNotExist,
}
