//! The configuration file: the one definition of its shape. The doc comments here are the manual, the JSON Schema is derived
//! from these types, and a file is checked against that schema before it is read into them.
//!
//! The shape is that of Datadog's own chart. `null` means the default.

mod agents;
mod datadog;
mod injection;
mod injector;
mod kubernetes;
mod profile;
mod replicas;
mod scalar;

pub(super) use agents::{Agents, AgentsImage, ExistingClusterAgent};
pub(super) use datadog::{Apm, Datadog, OtlpProtocols, Tags};
pub(super) use injection::{Injection, PullSecret, SecretRef, Selector};
pub(super) use injector::{CertificateMode, Injector, KubeletAccess};
pub(super) use kubernetes::{
    EnvVar, EnvVarSource, LabelSelector, MatchExpression, ProcMount, Resources, SecurityContext, Volume,
    VolumeMount,
};
pub(super) use profile::{Check, Cws, ImageParts, Profile};
pub(super) use scalar::{Amount, Label, Scalar, Text};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The values of datadog-sidecar-injector. The shape is that of Datadog's own chart, so one file serves both: keys that are
/// not known here are ignored, except inside `agentSidecarInjection` and `injector` and in variables, where they are errors.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct File {
    /// The registry of the images of all of Datadog's agents, and so of sidecars, where
    /// `clusterAgent.admissionController` names none.
    pub(super) registry: String,
    /// The name of the release of Datadog's chart in the names of its objects: its Cluster Agent's Service is this with
    /// `-cluster-agent` behind it, where `clusterAgent.serviceName` names none.
    pub(super) fullname_override: String,
    /// A part of that name: of a release called `datadog` it becomes `datadog-`, this and `-cluster-agent`, where
    /// `datadog` does not contain it.
    pub(super) name_override: String,
    /// Whether Datadog's chart takes images with FIPS-compliant cryptography. Then sidecars get `-fips` behind a tag that
    /// `agentSidecarInjection.imageTag` does not state.
    #[serde(rename = "useFIPSAgent")]
    pub(super) use_fips_agent: bool,
    /// Labels of every object of the chart and of the injector's pods. Those that the chart sets itself stay.
    #[schemars(transform = scalar::keys)]
    pub(super) common_labels: BTreeMap<String, Label>,
    /// What is set once for all of Datadog's agents.
    pub(super) datadog: Datadog,
    /// Datadog's own agents. Of what is set for them alone, sidecars follow the image.
    pub(super) agents: Agents,
    /// The Cluster Agent and its admission controller.
    pub(super) cluster_agent: ClusterAgent,
    /// A Cluster Agent of another release.
    pub(super) existing_cluster_agent: ExistingClusterAgent,
    /// What concerns the injector itself and not the sidecars. Read by the chart alone, but for `rbac.kubelet.access`.
    pub(super) injector: Injector,
}

/// The Cluster Agent and its admission controller.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ClusterAgent {
    /// Whether there is a Cluster Agent. `false` has the effect of `clusterAgentCommunicationEnabled: false`.
    pub(super) enabled: bool,
    /// The Secret of the release namespace that holds the Cluster Agent's token. What sidecars refer to is
    /// `admissionController.agentSidecarInjection.clusterAgentTokenSecret`.
    pub(super) token_existing_secret: Scalar,
    /// The Service of the Cluster Agent. Where empty: that of `existingClusterAgent`, else what Datadog's chart calls it,
    /// which in a release `datadog` is `datadog-cluster-agent`.
    pub(super) service_name: String,
    /// The namespace of that Service. Where empty: the injector's own.
    pub(super) service_namespace: String,
    /// The port of that Service.
    #[schemars(range(min = 1))]
    pub(super) service_port: u16,
    /// The admission webhook.
    pub(super) admission_controller: AdmissionController,
}

/// The admission webhook.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AdmissionController {
    /// What the API server does when the webhook cannot be reached: `Ignore` lets the pod through without the sidecar,
    /// `Fail` refuses it. Read by the chart.
    pub(super) failure_policy: FailurePolicy,
    /// How many seconds the API server waits for the webhook. Read by the chart.
    #[schemars(range(min = 1, max = 30))]
    pub(super) timeout_seconds: u8,
    /// The port the webhook listens on in its pod. 10250 is refused: on Fargate that is the kubelet's. Read by the chart.
    #[schemars(range(min = 1))]
    pub(super) port: u16,
    /// The registry of the agent's image. Where empty: that of `agents.image.repository`, else `registry`, else
    /// `public.ecr.aws/datadog`.
    pub(super) container_registry: String,
    /// The sidecars: which pods, and what.
    pub(super) agent_sidecar_injection: Injection,
}

/// What the API server does when a webhook cannot be reached.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(super) enum FailurePolicy {
    Ignore,
    Fail,
}

impl Default for ClusterAgent {
    fn default() -> Self {
        Self {
            enabled: true,
            token_existing_secret: "datadog-secret".into(),
            service_name: String::new(),
            service_namespace: String::new(),
            service_port: 5005,
            admission_controller: AdmissionController::default(),
        }
    }
}

impl Default for AdmissionController {
    fn default() -> Self {
        Self {
            failure_policy: FailurePolicy::Ignore,
            timeout_seconds: 3,
            port: 8443,
            container_registry: String::new(),
            agent_sidecar_injection: Injection::default(),
        }
    }
}
