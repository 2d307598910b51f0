//! Security settings, as far as the sidecar follows them.

use super::{List, Text};
use serde::Deserialize;

/// What containers inherit from the pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSecurity<'a> {
    /// Containers may not run as root.
    pub run_as_non_root: Option<bool>,
    /// The user containers run as.
    pub run_as_user: Option<i64>,
    /// The system call filter.
    #[serde(borrow)]
    pub seccomp_profile: Option<Seccomp<'a>>,
}

/// A container's own security settings.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerSecurity<'a> {
    /// It may not run as root.
    pub run_as_non_root: Option<bool>,
    /// Whether a process may gain more rights than its parent.
    pub allow_privilege_escalation: Option<bool>,
    /// What is added and dropped.
    #[serde(borrow)]
    pub capabilities: Option<Capabilities<'a>>,
    /// The system call filter.
    #[serde(borrow)]
    pub seccomp_profile: Option<Seccomp<'a>>,
}

/// Linux capabilities.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities<'a> {
    /// Those taken away.
    #[serde(borrow)]
    pub drop: Option<List<Text<'a>>>,
}

/// A system call filter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Seccomp<'a> {
    /// `RuntimeDefault`, `Localhost` or `Unconfined`.
    #[serde(borrow, rename = "type")]
    pub kind: Text<'a>,
}
