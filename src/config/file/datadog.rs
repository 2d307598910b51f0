//! `datadog`: what is set once for all of Datadog's agents, in the words of Datadog's own chart.

use super::{EnvVar, Scalar};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is set once for all of Datadog's agents.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct Datadog {
    /// The Secret of the release namespace that holds the API key. What sidecars refer to is
    /// `clusterAgent.admissionController.agentSidecarInjection.apiKeySecret`.
    pub(in crate::config) api_key_existing_secret: Scalar,
    /// The Secret of the release namespace that holds the application key. Sidecars need none.
    pub(in crate::config) app_key_existing_secret: Scalar,
    /// The API key itself. It is accepted, since Datadog's chart has it, and not used: sidecars read the key from the Secret of
    /// `clusterAgent.admissionController.agentSidecarInjection.apiKeySecret`.
    pub(in crate::config) api_key: Scalar,
    /// The site of your Datadog organisation, such as `datadoghq.eu`: the agent's `DD_SITE`.
    pub(in crate::config) site: String,
    /// Where the agent sends to, where that is no site of Datadog's: its `DD_DD_URL`.
    #[serde(rename = "dd_url", skip_serializing_if = "Option::is_none")]
    pub(in crate::config) dd_url: Option<String>,
    /// The name of the cluster: the agent's `DD_CLUSTER_NAME`. Where empty, the variable is left out.
    pub(in crate::config) cluster_name: Scalar,
    /// Tags of everything the sidecars send, each `key:value`: the agent's `DD_TAGS`. A text is a list divided by spaces; a
    /// list of which one contains a space is written as JSON, as Datadog's chart does.
    pub(in crate::config) tags: Tags,
    /// Variables of every sidecar, over those that other keys here stand for and under those of its profile.
    pub(in crate::config) env: Vec<EnvVar>,
    /// How much the agent logs, such as `debug` or `warn`: its `DD_LOG_LEVEL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) log_level: Option<String>,
    /// Logs of the pods' containers.
    pub(in crate::config) logs: Logs,
    /// Processes.
    pub(in crate::config) process_agent: ProcessAgent,
    /// OpenTelemetry.
    pub(in crate::config) otlp: Otlp,
    /// Labels of a pod and the tag that each becomes: the agent's `DD_KUBERNETES_POD_LABELS_AS_TAGS`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) pod_labels_as_tags: BTreeMap<String, String>,
    /// Annotations of a pod and the tag that each becomes: the agent's `DD_KUBERNETES_POD_ANNOTATIONS_AS_TAGS`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) pod_annotations_as_tags: BTreeMap<String, String>,
    /// Labels of a namespace and the tag that each becomes: the agent's `DD_KUBERNETES_NAMESPACE_LABELS_AS_TAGS`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) namespace_labels_as_tags: BTreeMap<String, String>,
    /// How many tags checks add, such as `low` or `orchestrator`: the agent's `DD_CHECKS_TAG_CARDINALITY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) checks_cardinality: Option<String>,
    /// Containers that the agent looks at all the same, such as `name:api`: its `DD_CONTAINER_INCLUDE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_include: Option<String>,
    /// Containers that the agent leaves out, such as `image:postgres`: its `DD_CONTAINER_EXCLUDE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_exclude: Option<String>,
    /// The same for metrics alone: its `DD_CONTAINER_INCLUDE_METRICS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_include_metrics: Option<String>,
    /// The same for metrics alone: its `DD_CONTAINER_EXCLUDE_METRICS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_exclude_metrics: Option<String>,
    /// The same for logs alone: its `DD_CONTAINER_INCLUDE_LOGS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_include_logs: Option<String>,
    /// The same for logs alone: its `DD_CONTAINER_EXCLUDE_LOGS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_exclude_logs: Option<String>,
    /// Metrics from applications.
    pub(in crate::config) dogstatsd: Dogstatsd,
    /// Traces from applications.
    pub(in crate::config) apm: Apm,
}

/// Tags as people write them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::config) enum Tags {
    /// `[team:a, cost:b]`
    List(Vec<String>),
    /// `team:a cost:b`
    Text(String),
}

/// Logs of the pods' containers.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct Logs {
    /// Whether sidecars collect them, where their profile does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
    /// Whether they collect them from every container, where their profile does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_collect_all: Option<bool>,
}

/// Processes.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct ProcessAgent {
    /// Whether sidecars collect live processes, where their profile does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) process_collection: Option<bool>,
}

/// OpenTelemetry.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct Otlp {
    /// The agent's receiver.
    pub(in crate::config) receiver: OtlpReceiver,
    /// Logs that come in by it.
    pub(in crate::config) logs: OtlpLogs,
}

/// Logs by OpenTelemetry.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct OtlpLogs {
    /// Whether the agent takes them: its `DD_OTLP_CONFIG_LOGS_ENABLED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
}

/// The agent's receiver.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct OtlpReceiver {
    /// Its protocols.
    pub(in crate::config) protocols: OtlpProtocols,
}

/// Protocols of the agent's receiver.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct OtlpProtocols {
    /// gRPC, on port 4317.
    pub(in crate::config) grpc: OtlpProtocol,
    /// HTTP, on port 4318.
    pub(in crate::config) http: OtlpProtocol,
}

/// A protocol of the agent's receiver.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub(in crate::config) struct OtlpProtocol {
    /// Whether sidecars receive it, where their profile does not say. Where one is on, `ports.otlp: true` of a profile means that
    /// one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
}

/// Metrics from applications.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct Dogstatsd {
    /// Whether the agent listens beyond the pod: its `DD_DOGSTATSD_NON_LOCAL_TRAFFIC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) non_local_traffic: Option<bool>,
    /// Whether it finds out which container sent a metric: its `DD_DOGSTATSD_ORIGIN_DETECTION` and
    /// `DD_DOGSTATSD_ORIGIN_DETECTION_CLIENT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) origin_detection: Option<bool>,
    /// How many tags that adds, such as `low` or `orchestrator`: its `DD_DOGSTATSD_TAG_CARDINALITY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) tag_cardinality: Option<String>,
    /// Tags of these metrics: its `DD_DOGSTATSD_TAGS`. A text is a list divided by spaces.
    pub(in crate::config) tags: Tags,
}

/// Traces from applications.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(in crate::config) struct Apm {
    /// The old word for `portEnabled`. `false` switches nothing off: it is what Datadog's chart has beside its sockets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) enabled: Option<bool>,
    /// Whether sidecars take traces on port 8126, where their profile does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) port_enabled: Option<bool>,
    /// Whether agents take traces through a socket. `false`, and neither a port nor `useSocketVolume`: the agent's
    /// `DD_APM_ENABLED=false`. For sidecars alone there is `sockets.enabled` of a profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) socket_enabled: Option<bool>,
    /// The old word for `socketEnabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) use_socket_volume: Option<bool>,
}

impl Tags {
    /// Each tag for itself.
    pub(in crate::config) fn to_list(&self) -> Vec<String> {
        match self {
            Self::List(tags) => tags.clone(),
            Self::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl Default for Tags {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Default for Datadog {
    fn default() -> Self {
        Self {
            api_key_existing_secret: "datadog-secret".into(),
            app_key_existing_secret: Scalar::default(),
            api_key: Scalar::default(),
            site: "datadoghq.com".into(),
            dd_url: None,
            cluster_name: Scalar::default(),
            tags: Tags::default(),
            env: Vec::new(),
            log_level: None,
            logs: Logs::default(),
            process_agent: ProcessAgent::default(),
            otlp: Otlp::default(),
            pod_labels_as_tags: BTreeMap::new(),
            pod_annotations_as_tags: BTreeMap::new(),
            namespace_labels_as_tags: BTreeMap::new(),
            checks_cardinality: None,
            container_include: None,
            container_exclude: None,
            container_include_metrics: None,
            container_exclude_metrics: None,
            container_include_logs: None,
            container_exclude_logs: None,
            dogstatsd: Dogstatsd::default(),
            apm: Apm::default(),
        }
    }
}
