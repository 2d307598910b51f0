//! The configuration file: the one definition of its shape. The doc comments here are the manual, the JSON Schema is derived
//! from these types, and a file is checked against that schema before it is read into them.
//!
//! The shape is that of Datadog's own chart. `null`, anywhere, means the default.

mod datadog;
mod injection;
mod injector;
mod kubernetes;
mod profile;

pub(super) use datadog::{Apm, Datadog, Tags};
pub(super) use injection::{Injection, PullSecret, SecretRef, Selector};
pub(super) use injector::Injector;
pub(super) use kubernetes::{
    EnvVar, EnvVarSource, LabelSelector, MatchExpression, ProcMount, Resources, SecurityContext, Volume,
    VolumeMount,
};
pub(super) use profile::{Check, Cws, ImageParts, Profile};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The values of datadog-sidecar-injector. The shape is that of Datadog's own chart, so one file may serve both: keys that are
/// not known here are ignored, except inside `agentSidecarInjection` and `injector` and in variables, where they are errors.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct File {
    /// What is set once for all of Datadog's agents.
    pub(super) datadog: Datadog,
    /// The Cluster Agent and its admission controller.
    pub(super) cluster_agent: ClusterAgent,
    /// What concerns the injector itself and not the sidecars. Read by the chart alone.
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
    /// The Service of the Cluster Agent.
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
    /// The registry of the agent's image, such as `public.ecr.aws/datadog`.
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

/// A string which people also write as a number: `1.50` is the text `1.50`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(transparent)]
pub(super) struct Scalar(pub(super) String);

impl JsonSchema for Scalar {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"] })
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Default for ClusterAgent {
    fn default() -> Self {
        Self {
            enabled: true,
            token_existing_secret: "datadog-secret".into(),
            service_name: "datadog-cluster-agent".into(),
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
            container_registry: "public.ecr.aws/datadog".into(),
            agent_sidecar_injection: Injection::default(),
        }
    }
}
