//! What a sidecar is made of.

use super::{DEFAULT_PROFILE, Image};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A profile with its lower layers merged in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// Unique.
    pub name: String,
    /// By name over ours; a name occurs once.
    pub env: Vec<EnvVar>,
    /// Requests and limits of the sidecar, each mirrored where only one was given.
    pub resources: Resources,
    /// The container's `securityContext` as configured; fields not named follow the pod.
    pub security_context: Map<String, Value>,
    /// In which list the sidecar goes.
    pub mode: Mode,
    /// The Secret of the API key, in the pod's namespace.
    pub api_key_secret: SecretKey,
    /// The Secret of the Cluster Agent's token, in the pod's namespace.
    pub token_secret: SecretKey,
    /// Whether the annotation `sidecar.profile` may choose it.
    pub selectable: bool,
    /// The agent's image: that of the injection, with what the profile states of it.
    pub image: Image,
    /// Names of Secrets for pulling images beside those of the injection.
    pub image_pull_secrets: Vec<String>,
    /// Applications start once the agent answers its probe; native mode only.
    pub wait_for_agent: bool,
    /// Whether the containers of the pod are to share their processes.
    pub share_process_namespace: bool,
    /// Whether applications reach the agent through sockets.
    pub sockets: bool,
    /// Ports through which applications reach the agent.
    pub ports: Ports,
    /// Logs of the pod's containers through the kubelet's API; what the injection and `datadog.logs` say is in it.
    pub logs: Logs,
    /// Live processes.
    pub process_collection: bool,
    /// Workload Protection without eBPF; `None`: off.
    pub cws: Option<Cws>,
    /// Checks of the pod's containers, or of whatever else the agent reaches.
    pub checks: Vec<Check>,
    /// Volumes of the pod, as Kubernetes' `Volume`. A name occurs once, and is none of ours.
    pub volumes: Vec<Value>,
    /// Mounts of the sidecar, as Kubernetes' `VolumeMount`, each of one of the volumes. A path occurs once, has no `/` at its
    /// end and is none of ours.
    pub volume_mounts: Vec<Value>,
    /// Tags beside those of `datadog.tags`.
    pub tags: Vec<String>,
    /// Whether the sidecar gets a token of the pod's ServiceAccount of its own, for pods that switch automounting off.
    pub service_account_token: bool,
}

/// Ports through which applications reach the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// 8125/UDP.
    pub dogstatsd: bool,
    /// 8126/TCP.
    pub apm: bool,
    /// OpenTelemetry's.
    pub otlp: Otlp,
}

/// Ports for OpenTelemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Otlp {
    /// 4317/TCP.
    pub grpc: bool,
    /// 4318/TCP.
    pub http: bool,
}

impl Otlp {
    /// Whether there is either.
    pub fn any(self) -> bool {
        self.grpc || self.http
    }
}

/// Logs of the pod's containers through the kubelet's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Logs {
    /// Whether they are collected.
    pub enabled: bool,
    /// From every container, rather than from those annotated.
    pub collect_all: bool,
}

/// Workload Protection without eBPF: the applications' commands are traced.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cws {
    /// The image that brings the tracer.
    pub image: Image,
    /// Entrypoints of containers that state no command, by the container's name. None is empty.
    pub entrypoints: Vec<(String, Vec<String>)>,
}

/// A check of the agent's.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// The integration, such as `http_check`.
    pub name: String,
    /// Where its configuration comes from.
    pub source: CheckSource,
}

/// Where the configuration of a check comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum CheckSource {
    /// A ConfigMap of the pod's namespace, whose keys are files under `/conf.d/NAME.d`.
    ConfigMap(String),
    /// An Autodiscovery annotation for a container of the pod.
    Container {
        /// The container.
        container: String,
        /// `init_config`.
        init_config: Value,
        /// `instances`.
        instances: Vec<Value>,
    },
}

/// Requests and limits by resource name, in the configuration's own spelling of the quantities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resources {
    /// By resource, such as `cpu`.
    pub requests: Vec<(String, String)>,
    /// By resource, such as `memory`.
    pub limits: Vec<(String, String)>,
}

/// A key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretKey {
    /// The Secret.
    pub name: String,
    /// Its key.
    pub key: String,
}

/// An environment variable of a container.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnvVar {
    /// Its name.
    pub name: String,
    /// A literal value.
    pub value: Option<String>,
    /// A reference, as Kubernetes' `EnvVarSource`.
    pub value_from: Option<Value>,
}

/// In which list of the pod the sidecar goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Native for pods that end, a container otherwise.
    #[default]
    Auto,
    /// Last in `spec.containers`.
    Container,
    /// An init container with `restartPolicy: Always` (Kubernetes 1.29 or later).
    Native,
}

impl Default for Profile {
    /// The one that is built in, under all others.
    fn default() -> Self {
        let secret = |key: &str| SecretKey { name: "datadog-secret".into(), key: key.into() };
        let resources = || vec![("cpu".into(), "200m".into()), ("memory".into(), "256Mi".into())];
        Self {
            name: DEFAULT_PROFILE.into(),
            env: Vec::new(),
            resources: Resources { requests: resources(), limits: resources() },
            security_context: Map::new(),
            mode: Mode::Auto,
            api_key_secret: secret("api-key"),
            token_secret: secret("token"),
            selectable: true,
            image: Image::default(),
            image_pull_secrets: Vec::new(),
            wait_for_agent: false,
            share_process_namespace: true,
            sockets: true,
            ports: Ports::default(),
            logs: Logs::default(),
            process_collection: false,
            cws: None,
            checks: Vec::new(),
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            tags: Vec::new(),
            service_account_token: false,
        }
    }
}
