//! A profile: what is special about the sidecars of some pods.

use super::{EnvVar, Resources, SecretRef, SecurityContext};
use crate::config::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is special about the sidecars of some pods. What a profile does not state comes from the default profile, and what
/// that does not state is built in.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend("x-later" = [
    "image", "waitForAgent", "shareProcessNamespace", "sockets", "ports", "logs", "processCollection", "cws", "checks",
    "volumes", "volumeMounts", "tags", "serviceAccountToken", "imagePullSecrets",
]))]
pub(in crate::config) struct Profile {
    /// Its name, unique. Selectors and the annotation `agent.datadoghq.com/sidecar.profile` use it. Without one it is the
    /// default profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) name: Option<String>,
    /// Variables of the sidecar: each replaces ours, or the default profile's, of the same name.
    pub(in crate::config) env: Vec<EnvVar>,
    /// Requests and limits of the sidecar. Where only one of the two is given for a resource, it is both. Built in:
    /// `cpu: 200m` and `memory: 256Mi`.
    pub(in crate::config) resources: Resources,
    /// The sidecar's `securityContext`. Fields that are not given follow the pod.
    pub(in crate::config) security_context: SecurityContext,
    /// In which list of the pod the sidecar goes. Built in: `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) mode: Option<Mode>,
    /// The Secret of the API key, in the pod's namespace, where it is another than that of `agentSidecarInjection`.
    pub(in crate::config) api_key_secret: SecretRef,
    /// The Secret of the Cluster Agent's token, in the pod's namespace, where it is another than that of
    /// `agentSidecarInjection`.
    pub(in crate::config) cluster_agent_token_secret: SecretRef,
    /// Whether a pod may choose this profile by annotation. Not taken over from the default profile. Built in: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) selectable: Option<bool>,
}
