//! What an operator configured, checked and with every default filled in.
//!
//! The shape of the file is that of Datadog's own chart (`file`); what the rest of the program reads is [`Config`].

pub mod chart;
mod checks;
mod cws;
mod file;
mod hash;
mod image;
mod load;
mod names;
mod notice;
mod problem;
mod profiles;
mod propagate;
mod reference;
mod reload;
mod resources;
mod schema;
mod secret;
mod security;
mod selectors;
mod shape;
mod tree;
mod variables;
mod volumes;
mod words;

pub use load::{load, load_bytes};
pub(crate) use names::dns_label as namespace;
pub use problem::{Problem, Problems};
pub use reference::reference;
pub use reload::{Change, Watched};
pub use schema::schema;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The label that selects a pod where the configuration has no selector of its own; its value is the provider's name.
pub const DEFAULT_LABEL: &str = "agent.datadoghq.com/sidecar";

/// The name of the profile that lies over the built-in one and under every other.
pub const DEFAULT_PROFILE: &str = "default";

/// The namespaces that are excluded where nobody says which.
const EXCLUDED_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// A configuration that passed every check.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Whether anything is injected at all (`agentSidecarInjection.enabled`).
    pub enabled: bool,
    /// `datadog.site`, the agent's `DD_SITE`.
    pub site: String,
    /// `datadog.clusterName`, the agent's `DD_CLUSTER_NAME`; empty: the variable is left out.
    pub cluster_name: String,
    /// `datadog.tags`, the agent's `DD_TAGS`.
    pub tags: Vec<String>,
    /// `datadog.env` over the variables that other keys of `datadog` stand for: of every agent, under those of the profile. A
    /// name occurs once.
    pub env: Vec<EnvVar>,
    /// How a sidecar reaches the Cluster Agent; `None` where it is not to.
    pub cluster_agent: Option<ClusterAgent>,
    /// Where the pods run.
    pub provider: Provider,
    /// The agent's image.
    pub image: Image,
    /// `imagePullPolicy`.
    pub pull_policy: PullPolicy,
    /// Names of Secrets appended to the pod's `imagePullSecrets`.
    pub image_pull_secrets: Vec<String>,
    /// What becomes of a pod whose namespace is known to lack the Secret of the API key, or the key in it.
    pub on_missing_secret: OnMissingSecret,
    /// Which pods, in order: the first that matches wins.
    pub selectors: Vec<Selector>,
    /// The profiles, layered: `default` is always there and always first.
    pub profiles: Vec<Profile>,
    /// What annotations on a pod may change.
    pub pod_overrides: Vec<PodOverride>,
    /// Namespaces whose pods are never touched; the injector's own is excluded besides.
    pub excluded_namespaces: Vec<String>,
    /// What a person should know of a configuration that is nevertheless in force.
    pub notices: Vec<String>,
    /// The first sixteen hexadecimal digits of the SHA-256 of what is in force, for the status annotation.
    pub hash: String,
}

/// Where the Cluster Agent answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterAgent {
    /// Name of its Service.
    pub service: String,
    /// Namespace of its Service; `None`: the injector's own.
    pub namespace: Option<String>,
    /// Port of its Service.
    pub port: u16,
    /// Whether sidecars verify its certificate with the CA in ConfigMap `datadog-ca-cert`.
    pub tls_verification: bool,
}

/// Where the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Provider {
    /// EKS Fargate: sockets, shared process namespace, hostPath volumes of Datadog's removed.
    #[serde(rename = "fargate")]
    Fargate,
    /// The container only.
    #[serde(rename = "")]
    None,
}

/// An image reference in its parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Image {
    /// For example `public.ecr.aws/datadog`.
    pub registry: String,
    /// For example `agent`.
    pub name: String,
    /// Used where there is no digest.
    pub tag: String,
    /// `sha256:…`; wins over the tag.
    pub digest: Option<String>,
}

impl Image {
    /// The reference as a container's `image` holds it.
    pub fn reference(&self) -> String {
        match &self.digest {
            Some(digest) => format!("{}@{digest}", self.repository()),
            None => format!("{}:{}", self.repository(), self.tag),
        }
    }

    /// Registry and name, without tag or digest.
    pub fn repository(&self) -> String {
        if self.registry.is_empty() { self.name.clone() } else { format!("{}/{}", self.registry, self.name) }
    }
}

/// A container's `imagePullPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "Kubernetes' own words")]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    /// The word Kubernetes uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

/// One entry of `selectors`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Selector {
    /// For `explain`; may be empty.
    pub name: String,
    /// The profile of the pods it matches: the position in [`Config::profiles`].
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
    /// 4317 and 4318/TCP, OpenTelemetry's.
    pub otlp: bool,
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

/// What becomes of a pod whose namespace is known to lack the Secret of the API key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingSecret {
    /// It is left alone.
    #[default]
    Skip,
    /// It gets the sidecar, which waits for the Secret.
    Inject,
}

/// What annotations on a pod may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodOverride {
    /// `agent.datadoghq.com/sidecar.profile`.
    Profile,
    /// `agent.datadoghq.com/sidecar.{cpu,memory}.{request,limit}`.
    Resources,
    /// `agent.datadoghq.com/sidecar.mode`.
    Mode,
    /// `agent.datadoghq.com/sidecar.entrypoints`.
    Entrypoints,
}

impl PodOverride {
    const ALL: [Self; 4] = [Self::Profile, Self::Resources, Self::Mode, Self::Entrypoints];
}

impl Default for Config {
    /// What an empty configuration file means.
    fn default() -> Self {
        let secret = |key: &str| SecretKey { name: "datadog-secret".into(), key: key.into() };
        let image = || Image {
            registry: "public.ecr.aws/datadog".into(),
            name: "agent".into(),
            tag: env!("PINNED_AGENT_VERSION").into(),
            digest: None,
        };
        let resources = || vec![("cpu".into(), "200m".into()), ("memory".into(), "256Mi".into())];
        Self {
            enabled: true,
            site: "datadoghq.com".into(),
            cluster_name: String::new(),
            tags: Vec::new(),
            env: Vec::new(),
            cluster_agent: Some(ClusterAgent {
                service: "datadog-cluster-agent".into(),
                namespace: None,
                port: 5005,
                tls_verification: false,
            }),
            provider: Provider::Fargate,
            image: image(),
            pull_policy: PullPolicy::IfNotPresent,
            image_pull_secrets: Vec::new(),
            on_missing_secret: OnMissingSecret::Skip,
            selectors: vec![Selector {
                object: Some(LabelSelector {
                    match_labels: vec![(DEFAULT_LABEL.into(), "fargate".into())],
                    match_expressions: Vec::new(),
                }),
                ..Selector::default()
            }],
            profiles: vec![Profile {
                name: DEFAULT_PROFILE.into(),
                env: Vec::new(),
                resources: Resources { requests: resources(), limits: resources() },
                security_context: Map::new(),
                mode: Mode::Auto,
                api_key_secret: secret("api-key"),
                token_secret: secret("token"),
                selectable: true,
                image: image(),
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
            }],
            pod_overrides: PodOverride::ALL.into(),
            excluded_namespaces: EXCLUDED_NAMESPACES.map(String::from).into(),
            notices: Vec::new(),
            hash: String::new(),
        }
    }
}
