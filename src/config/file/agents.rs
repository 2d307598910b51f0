//! What Datadog's chart states of its own agents and its Cluster Agent beside `datadog` and `clusterAgent`, as far as it says
//! something of sidecars: they fall back to it.

use super::Scalar;
use crate::config::PullPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Datadog's own agents.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Agents {
    /// Their image, which sidecars run as well where `agentSidecarInjection` names no other.
    pub(in crate::config) image: AgentsImage,
}

/// The image of Datadog's own agents.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct AgentsImage {
    /// Registry and name in one, such as `registry.example.com/mirror/agent`. It stands above `registry` and `name`.
    pub(in crate::config) repository: String,
    /// The name of the image in its registry.
    pub(in crate::config) name: String,
    /// The tag of the image.
    pub(in crate::config) tag: Scalar,
    /// What is put behind the tag, such as `full`.
    pub(in crate::config) tag_suffix: Scalar,
    /// The digest of the image, such as `sha256:…`. It wins over the tag.
    pub(in crate::config) digest: String,
    /// When the kubelet pulls the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) pull_policy: Option<PullPolicy>,
    /// Secrets for pulling the image, in the pod's namespace.
    pub(in crate::config) pull_secrets: Vec<Reference>,
}

/// An object by its name.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(in crate::config) struct Reference {
    /// Its name.
    pub(in crate::config) name: String,
}

/// A Cluster Agent of another release, which Datadog's chart has its agents join.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct ExistingClusterAgent {
    /// Whether sidecars join it, whatever `clusterAgent.enabled` says. It needs `serviceName`.
    pub(in crate::config) join: bool,
    /// Its Service, where `clusterAgent.serviceName` names none.
    pub(in crate::config) service_name: String,
    /// The Secret of the release namespace that holds its token. What sidecars refer to is
    /// `clusterAgent.admissionController.agentSidecarInjection.clusterAgentTokenSecret`.
    pub(in crate::config) token_secret_name: Scalar,
}
