//! What an operator configured, checked and with every default filled in.
//!
//! The shape of the file is that of Datadog's own chart (`file`); what the rest of the program reads is [`Config`].

pub mod chart;
mod checks;
mod cws;
mod file;
mod hash;
mod image;
mod injector;
mod load;
mod names;
mod notice;
mod problem;
mod profile;
mod profiles;
mod propagate;
mod reach;
mod reference;
mod reload;
mod resources;
mod schema;
mod secret;
mod security;
mod selector;
mod selectors;
mod shape;
mod tree;
mod variables;
mod volumes;
mod words;

pub use load::{load, load_bytes};
pub(crate) use names::dns_label as namespace;
pub use problem::{Problem, Problems};
pub use profile::{Check, CheckSource, Cws, EnvVar, Logs, Mode, Otlp, Ports, Profile, Resources, SecretKey};
pub use reference::reference;
pub use reload::{Change, Watched};
pub use schema::schema;
pub use selector::{LabelSelector, Operator, Requirement, Selector};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

impl Default for Image {
    /// The agent's.
    fn default() -> Self {
        Self {
            registry: "public.ecr.aws/datadog".into(),
            name: "agent".into(),
            tag: env!("PINNED_AGENT_VERSION").into(),
            digest: None,
        }
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
            image: Image::default(),
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
            profiles: vec![Profile::default()],
            pod_overrides: PodOverride::ALL.into(),
            excluded_namespaces: EXCLUDED_NAMESPACES.map(String::from).into(),
            notices: Vec::new(),
            hash: String::new(),
        }
    }
}
