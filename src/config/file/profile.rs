//! A profile: what is special about the sidecars of some pods.

use super::{EnvVar, PullSecret, Resources, Scalar, SecretRef, SecurityContext, Tags, Volume, VolumeMount};
use crate::config::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is special about the sidecars of some pods. What a profile does not state comes from the default profile, and what
/// that does not state is built in.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
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
    /// The agent's image, where it is another than that of `agentSidecarInjection`.
    pub(in crate::config) image: ImageParts,
    /// Secrets for pulling images, in the pod's namespace: added to those of the default profile, of `agentSidecarInjection`
    /// and of the pod.
    pub(in crate::config) image_pull_secrets: Vec<PullSecret>,
    /// In which list of the pod the sidecar goes. Built in: `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) mode: Option<Mode>,
    /// Whether the applications start only once the agent answers. Refused with `mode: container`. Built in: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) wait_for_agent: Option<bool>,
    /// Whether the containers of the pod share their processes, by which the agent tells them apart; under `fargate` only.
    /// Built in: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) share_process_namespace: Option<bool>,
    /// The sockets through which applications reach the agent; under `fargate` only.
    pub(in crate::config) sockets: Sockets,
    /// Ports through which applications reach the agent.
    pub(in crate::config) ports: Ports,
    /// Logs of the pod's containers, collected through the kubelet's API. `true` and `false` stand for `enabled`.
    pub(in crate::config) logs: Logs,
    /// Whether live processes are collected. Built in: that of `datadog.processAgent`, or `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) process_collection: Option<bool>,
    /// Workload Protection without eBPF: the commands of the applications are traced.
    pub(in crate::config) cws: Cws,
    /// Checks that the agent runs: added to the default profile's, in place of one of the same name for the same container.
    pub(in crate::config) checks: Vec<Check>,
    /// Volumes of the pod, as in its `spec.volumes`: added to the default profile's, in place of one of the same name.
    pub(in crate::config) volumes: Vec<Volume>,
    /// Mounts of the sidecar: added to the default profile's, in place of one at the same path. Each mounts a volume of
    /// `volumes`.
    pub(in crate::config) volume_mounts: Vec<VolumeMount>,
    /// Tags of everything the sidecar sends, each `key:value`, beside those of the default profile and of `datadog.tags`. A
    /// text is a list divided by spaces.
    pub(in crate::config) tags: Tags,
    /// The Secret of the API key, in the pod's namespace, where it is another than that of `agentSidecarInjection`.
    pub(in crate::config) api_key_secret: SecretRef,
    /// The Secret of the Cluster Agent's token, in the pod's namespace, where it is another than that of
    /// `agentSidecarInjection`.
    pub(in crate::config) cluster_agent_token_secret: SecretRef,
    /// Whether the sidecar gets a token of the pod's ServiceAccount of its own, for pods that switch automounting off. Built
    /// in: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) service_account_token: Option<bool>,
    /// Whether a pod may choose this profile by annotation. Not taken over from the default profile. Built in: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) selectable: Option<bool>,
}

/// An image in its parts; those that are not given come from below.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ImageParts {
    /// Its registry, such as `public.ecr.aws/datadog`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) registry: Option<String>,
    /// Its name in the registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) name: Option<String>,
    /// Its tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) tag: Option<Scalar>,
    /// Its digest, such as `sha256:…`. It wins over the tag; one from below ends where a name or tag is given here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) digest: Option<String>,
}

/// The sockets through which applications reach the agent.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Sockets {
    /// Whether there are any. Built in: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
}

/// Ports through which applications reach the agent.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Ports {
    /// Metrics on 8125/UDP. Built in: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) dogstatsd: Option<bool>,
    /// Traces on 8126/TCP. Built in: that of `datadog.apm`, or `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) apm: Option<bool>,
    /// OpenTelemetry on 4317/TCP (gRPC) and 4318/TCP (HTTP), or on that one of them which `datadog.otlp` is for. Built in: what
    /// `datadog.otlp` says, or `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) otlp: Option<bool>,
}

/// Logs of the pod's containers: a switch, or what it stands for.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum Logs {
    /// `logs: true`
    Switch(bool),
    /// `logs: {enabled: true}`
    Object(LogsObject),
}

/// Logs of the pod's containers.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct LogsObject {
    /// Whether they are collected. It needs `injector.rbac.kubelet.access: proxy`, or that right from elsewhere. Built in: that of
    /// `kubeletApiLogging` or `datadog.logs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    /// Whether they are collected from every container rather than from those with an annotation
    /// `ad.datadoghq.com/….logs`. Built in: that of `kubeletApiLogging` or `datadog.logs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    container_collect_all: Option<bool>,
}

/// Workload Protection without eBPF.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Cws {
    /// Whether it is on. Built in: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
    /// The image that brings the tracer. Built in: `cws-instrumentation`, with the registry of `agentSidecarInjection` and the
    /// tag of the agent that is built in.
    pub(in crate::config) image: ImageParts,
    /// By the name of a container that states no `command`: the entrypoint of its image, and after it the image's own
    /// arguments where the container states no `args`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) entrypoints: BTreeMap<String, Vec<String>>,
}

/// A check: an integration, and one of `configMap` and `container`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Check {
    /// The integration, such as `http_check`.
    pub(in crate::config) name: String,
    /// A ConfigMap of the pod's namespace, whose keys are the files of `/conf.d/NAME.d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) config_map: Option<String>,
    /// The container of the pod that the check is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container: Option<String>,
    /// What all instances have in common; with `container` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) init_config: Option<Map<String, Value>>,
    /// What is checked; with `container` only. A password is refused: write `%%env_NAME%%` and give the sidecar the variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) instances: Option<Vec<Map<String, Value>>>,
}

impl Logs {
    /// Whether they are collected, where that is said.
    pub(in crate::config) fn enabled(&self) -> Option<bool> {
        match self {
            Self::Switch(enabled) => Some(*enabled),
            Self::Object(logs) => logs.enabled,
        }
    }

    /// Whether they are collected from every container, where that is said.
    pub(in crate::config) fn collect_all(&self) -> Option<bool> {
        match self {
            Self::Switch(_) => None,
            Self::Object(logs) => logs.container_collect_all,
        }
    }
}

impl Default for Logs {
    fn default() -> Self {
        Self::Object(LogsObject::default())
    }
}
