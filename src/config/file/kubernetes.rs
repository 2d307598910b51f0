//! What the file has in common with Kubernetes' own objects, field by field as the API server accepts them.

use super::{Scalar, scalar};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A label selector, as in a Deployment. Every requirement must hold.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct LabelSelector {
    /// Labels and the value that each must have.
    #[schemars(transform = scalar::labels)]
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) match_labels: BTreeMap<String, String>,
    /// Further requirements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::config) match_expressions: Vec<MatchExpression>,
}

/// A requirement of a label selector.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MatchExpression {
    /// The label.
    pub(in crate::config) key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub(in crate::config) operator: String,
    /// The values of `In` and `NotIn`; the other two have none.
    #[serde(default)]
    pub(in crate::config) values: Vec<String>,
}

/// An environment variable of a container: a name and one of `value` and `valueFrom`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct EnvVar {
    /// The name of the variable.
    pub(in crate::config) name: String,
    /// Its value. An API key or a token is refused: refer to a Secret, or use Datadog's `ENC[…]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) value: Option<String>,
    /// Where its value comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) value_from: Option<EnvVarSource>,
}

/// Where the value of a variable comes from: exactly one of these.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct EnvVarSource {
    /// A field of the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) field_ref: Option<FieldRef>,
    /// A key of a Secret in the pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) secret_key_ref: Option<KeyRef>,
    /// A key of a ConfigMap in the pod's namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) config_map_key_ref: Option<KeyRef>,
    /// A request or limit of a container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) resource_field_ref: Option<ResourceFieldRef>,
}

/// A field of the pod.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct FieldRef {
    /// The version of the path's schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) api_version: Option<String>,
    /// Such as `spec.nodeName` or `metadata.labels['app']`.
    pub(in crate::config) field_path: String,
}

/// A key of a Secret or ConfigMap.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct KeyRef {
    /// The name of the Secret or ConfigMap.
    pub(in crate::config) name: String,
    /// The key in it.
    pub(in crate::config) key: String,
    /// Whether the container starts without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) optional: Option<bool>,
}

/// A request or limit of a container.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct ResourceFieldRef {
    /// The container; its own where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) container_name: Option<String>,
    /// Such as `limits.cpu`.
    pub(in crate::config) resource: String,
    /// The unit, such as `1m`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) divisor: Option<Scalar>,
}

/// Requests and limits of a container.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Resources {
    /// What is set aside, by resource: `cpu`, `memory`, `ephemeral-storage`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) requests: BTreeMap<String, Scalar>,
    /// What it may use at most, by resource.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::config) limits: BTreeMap<String, Scalar>,
}

/// The `securityContext` of a container.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct SecurityContext {
    /// Whether a process may gain more privileges than its parent. Refused under `fargate` where `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) allow_privilege_escalation: Option<bool>,
    /// The AppArmor profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) app_armor_profile: Option<ConfinementProfile>,
    /// Capabilities added and dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) capabilities: Option<Capabilities>,
    /// Whether it runs as root on the node. Refused under `fargate` where `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) privileged: Option<bool>,
    /// How much of `/proc` it sees. `Unmasked` is refused under `fargate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) proc_mount: Option<ProcMount>,
    /// Whether its root file system is read-only. The directories that the agent writes to are then volumes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) read_only_root_filesystem: Option<bool>,
    /// The numeric group it runs as.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) run_as_group: Option<i64>,
    /// Whether it is refused to run as root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) run_as_non_root: Option<bool>,
    /// The numeric user it runs as. The agent's own is 100.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) run_as_user: Option<i64>,
    /// The SELinux context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) se_linux_options: Option<SeLinuxOptions>,
    /// The seccomp profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) seccomp_profile: Option<ConfinementProfile>,
}

/// Capabilities added and dropped.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Capabilities {
    /// Refused under `fargate` where any is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) add: Option<Vec<String>>,
    /// Such as `ALL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) drop: Option<Vec<String>>,
}

/// A seccomp or AppArmor profile.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct ConfinementProfile {
    /// `RuntimeDefault`, `Unconfined` or `Localhost`.
    pub(in crate::config) r#type: String,
    /// The profile's name on the node; with `Localhost` and only then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) localhost_profile: Option<String>,
}

/// How `/proc` is mounted.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub(in crate::config) enum ProcMount {
    Default,
    Unmasked,
}

/// An SELinux context.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct SeLinuxOptions {
    /// The level label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) level: Option<String>,
    /// The role label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) role: Option<String>,
    /// The type label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) r#type: Option<String>,
    /// The user label.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) user: Option<String>,
}

/// A volume of a pod: its name and, under a key of its own, what it holds.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
pub(in crate::config) struct Volume {
    /// Its name.
    pub(in crate::config) name: String,
    /// Where its content comes from, as Kubernetes has it.
    #[serde(flatten)]
    pub(in crate::config) source: Map<String, Value>,
}

/// Where a volume is mounted.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct VolumeMount {
    /// The name of the volume.
    pub(in crate::config) name: String,
    /// The directory or file in the sidecar.
    pub(in crate::config) mount_path: String,
    /// Whether it can only be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) read_only: Option<bool>,
    /// Whether that holds of mounts within it: `Disabled`, `IfPossible` or `Enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) recursive_read_only: Option<String>,
    /// The part of the volume that is mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) sub_path: Option<String>,
    /// That part, with `$(…)` for variables of the sidecar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) sub_path_expr: Option<String>,
    /// Whether mounts made later are seen: `None`, `HostToContainer` or `Bidirectional`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::config) mount_propagation: Option<String>,
}
