//! `agentSidecarInjection`: which pods get a sidecar, and what all sidecars have in common.

use super::{LabelSelector, Profile, Scalar};
use crate::config::{DEFAULT_LABEL, EXCLUDED_NAMESPACES, OnMissingSecret, PodOverride, Provider, PullPolicy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The sidecars: which pods, and what.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Injection {
    /// Whether anything is injected at all.
    pub(in crate::config) enabled: bool,
    /// Where the pods run: `fargate`, or empty for the container alone, without anything that EKS Fargate needs.
    pub(in crate::config) provider: Provider,
    /// Whether sidecars talk to the Cluster Agent.
    pub(in crate::config) cluster_agent_communication_enabled: bool,
    /// How sidecars verify the Cluster Agent's certificate.
    pub(in crate::config) cluster_agent_tls_verification: TlsVerification,
    /// Logs of the pod's containers, collected through the kubelet's API.
    pub(in crate::config) kubelet_api_logging: KubeletApiLogging,
    /// The registry of the agent's image. Where empty: `clusterAgent.admissionController.containerRegistry`.
    pub(in crate::config) container_registry: String,
    /// The name of the agent's image in its registry. Where empty: that of `agents.image`, else `agent`.
    pub(in crate::config) image_name: String,
    /// The tag of the agent's image. Where empty: that of `agents.image`, else the release this injector is made for.
    pub(in crate::config) image_tag: Scalar,
    /// The digest of the agent's image, such as `sha256:…`. It wins over the tag. Where empty: that of `agents.image`, unless
    /// name or tag are stated here.
    pub(in crate::config) image_digest: String,
    /// When the kubelet pulls the agent's image. Where left out: as `agents.image.pullPolicy` says, else `IfNotPresent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) image_pull_policy: Option<PullPolicy>,
    /// Secrets for pulling the agent's image, in the pod's namespace: added to those of the pod. Where there are none: those of
    /// `agents.image.pullSecrets`.
    pub(in crate::config) image_pull_secrets: Vec<PullSecret>,
    /// The Secret of the API key, in the pod's namespace.
    pub(in crate::config) api_key_secret: SecretRef,
    /// The Secret of the Cluster Agent's token, in the pod's namespace.
    pub(in crate::config) cluster_agent_token_secret: SecretRef,
    /// What becomes of a pod whose namespace is known to lack the Secret of the API key, or the key in it: `skip` leaves it alone,
    /// `inject` adds the sidecar, which then waits for the Secret. In the first 30 seconds of a namespace nothing counts as
    /// missing. Where only the token of the Cluster Agent is missing, the sidecar does without the Cluster Agent, either way.
    pub(in crate::config) on_missing_secret: OnMissingSecret,
    /// Which pods. The first that matches decides; without any, the pods labelled
    /// `agent.datadoghq.com/sidecar: fargate`.
    pub(in crate::config) selectors: Vec<Selector>,
    /// What is special about the sidecars of some pods. The one named `default`, or the one without a name, lies under every
    /// other.
    pub(in crate::config) profiles: Vec<Profile>,
    /// What annotations on a pod may change.
    pub(in crate::config) pod_overrides: Vec<PodOverride>,
    /// Namespaces whose pods are never touched. The injector's own is excluded besides.
    #[schemars(inner(regex(pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")))]
    pub(in crate::config) excluded_namespaces: Vec<String>,
}

/// How sidecars verify the Cluster Agent's certificate.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct TlsVerification {
    /// Whether they verify it, with the CA under `ca.crt` in the ConfigMap `datadog-ca-cert` of the pod's namespace, which must be
    /// made there. In a namespace that is known to be without it they don't, and a warning says so.
    pub(in crate::config) enabled: bool,
    /// Whether that ConfigMap is to be made in the namespaces of the pods.
    pub(in crate::config) copy_ca_config_map: bool,
}

/// Logs of the pod's containers, collected through the kubelet's API.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct KubeletApiLogging {
    /// Whether sidecars collect logs. It needs `injector.rbac.kubelet.access: proxy`, or that right from elsewhere.
    pub(in crate::config) enabled: bool,
    /// Whether they collect them from every container rather than from those with an annotation `ad.datadoghq.com/….logs`.
    pub(in crate::config) container_collect_all: bool,
}

/// A Secret for pulling an image: its name, or the mapping Kubernetes has for it.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum PullSecret {
    /// `- registry`
    Name(String),
    /// `- name: registry`
    Object(PullSecretName),
}

/// A Secret for pulling an image.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct PullSecretName {
    /// The name of the Secret.
    name: String,
}

/// A key of a Secret.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct SecretRef {
    /// The name of the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) name: Option<String>,
    /// The key in the Secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) key: Option<String>,
}

/// Pods, by their labels and those of their namespace. Both must match where both are given, and one must be given.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Selector {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) name: Option<String>,
    /// The name of the profile that these pods get. Where empty: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) profile: Option<String>,
    /// Over the labels of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) object_selector: Option<LabelSelector>,
    /// Over the labels of the pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) namespace_selector: Option<LabelSelector>,
}

impl PullSecret {
    /// The name of the Secret.
    pub(in crate::config) fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Object(PullSecretName { name }) => name,
        }
    }
}

impl SecretRef {
    fn new(name: &str, key: &str) -> Self {
        Self { name: Some(name.into()), key: Some(key.into()) }
    }
}

impl Default for Injection {
    fn default() -> Self {
        let label = BTreeMap::from([(DEFAULT_LABEL.to_owned(), "fargate".to_owned())]);
        Self {
            enabled: true,
            provider: Provider::Fargate,
            cluster_agent_communication_enabled: true,
            cluster_agent_tls_verification: TlsVerification::default(),
            kubelet_api_logging: KubeletApiLogging::default(),
            container_registry: String::new(),
            image_name: String::new(),
            image_tag: Scalar::default(),
            image_digest: String::new(),
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            api_key_secret: SecretRef::new("datadog-secret", "api-key"),
            cluster_agent_token_secret: SecretRef::new("datadog-secret", "token"),
            on_missing_secret: OnMissingSecret::Skip,
            selectors: vec![Selector {
                object_selector: Some(LabelSelector { match_labels: label, match_expressions: Vec::new() }),
                ..Selector::default()
            }],
            profiles: Vec::new(),
            pod_overrides: PodOverride::ALL.into(),
            excluded_namespaces: EXCLUDED_NAMESPACES.map(String::from).into(),
        }
    }
}
