//! What is under `injector` of the pods that the replicas run in: their size, their number, their place, and what they may do.

use super::{Amount, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Requests and limits of the injector.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Amounts {
    /// What is set aside, by resource. Where not given: cpu 200m and memory 256Mi, but for those that `limits` names. Given, it stands
    /// alone, and `{}` is nothing; with a `null` in it, which takes one out, the others keep their defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) requests: Option<BTreeMap<String, Amount>>,
    /// What it may use at most, by resource. Where not given: cpu 200m and memory 256Mi, but for those that `requests` names; otherwise
    /// likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) limits: Option<BTreeMap<String, Amount>>,
}

/// Whether something else than the chart says how many replicas there are.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Autoscaling {
    /// Whether an autoscaler does, so that the chart leaves `replicas` out of the Deployment.
    pub(in crate::config) enabled: bool,
    /// Whether the chart makes the HorizontalPodAutoscaler. `false` where there is another one.
    pub(in crate::config) create: bool,
    /// How many replicas there are at least.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::config) min_replicas: u8,
    /// How many replicas there are at most.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::config) max_replicas: u8,
    /// Of the CPU that is requested, the percentage that is aimed at.
    #[serde(rename = "targetCPUUtilizationPercentage")]
    #[schemars(range(min = 1, max = 1000))]
    target: u16,
}

/// How many pods may be evicted at a time.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Budget {
    /// Whether there is a PodDisruptionBudget. Of a single replica there is none.
    pub(in crate::config) enabled: bool,
    /// How many pods may be evicted at a time: fewer than there are replicas.
    #[schemars(range(min = 1))]
    pub(in crate::config) max_unavailable: u8,
}

/// The `securityContext` of a pod.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct PodSecurity {
    /// Whether it is refused to run as root. Where not given: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_non_root: Option<bool>,
    /// The numeric user. Where not given: 65532; `null` leaves it to the namespace, as OpenShift wants it.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_user: Option<i64>,
    /// The numeric group; likewise.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_group: Option<i64>,
    /// The numeric group of volumes; likewise.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    fs_group: Option<i64>,
    /// When volumes are given to that group.
    #[serde(skip_serializing_if = "Option::is_none")]
    fs_group_change_policy: Option<ChangePolicy>,
    /// More groups.
    #[schemars(inner(range(min = 0, max = 2_147_483_647)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    supplemental_groups: Option<Vec<i64>>,
    /// The seccomp profile. Where not given: `type: RuntimeDefault`.
    #[serde(skip_serializing_if = "Option::is_none")]
    seccomp_profile: Option<Map<String, Value>>,
    /// The SELinux context.
    #[serde(skip_serializing_if = "Option::is_none")]
    se_linux_options: Option<Map<String, Value>>,
}

/// When volumes are given to the group of a pod.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
enum ChangePolicy {
    Always,
    OnRootMismatch,
}

/// The `securityContext` of a container.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct ContainerSecurity {
    /// Whether a process may gain more privileges than its parent. Where not given: `false`.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_privilege_escalation: Option<bool>,
    /// Whether its root file system is read-only. Where not given: `true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only_root_filesystem: Option<bool>,
    /// Capabilities. Where not given: `drop: [ALL]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Map<String, Value>>,
    /// Whether it is refused to run as root.
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_non_root: Option<bool>,
    /// The numeric user.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_user: Option<i64>,
    /// The numeric group.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_group: Option<i64>,
    /// The seccomp profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    seccomp_profile: Option<Map<String, Value>>,
    /// The SELinux context.
    #[serde(skip_serializing_if = "Option::is_none")]
    se_linux_options: Option<Map<String, Value>>,
}

/// How pods are spread over one kind of place.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Spread {
    /// By how many pods two places may differ.
    #[schemars(range(min = 1))]
    max_skew: u32,
    /// The label of nodes that tells the place.
    topology_key: String,
    /// What becomes of a pod that would exceed it.
    when_unsatisfiable: Unsatisfiable,
    /// The pods that count. Where not given: the injector's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label_selector: Option<Map<String, Value>>,
    /// Labels of the pod by whose values pods are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    match_label_keys: Option<Vec<String>>,
    /// How many places there are at least.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_domains: Option<u32>,
    /// Whether the affinity of the pod says which nodes count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_affinity_policy: Option<Inclusion>,
    /// Whether taints say which nodes count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_taints_policy: Option<Inclusion>,
}

/// What becomes of a pod that would not be spread.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
enum Unsatisfiable {
    DoNotSchedule,
    ScheduleAnyway,
}

/// Whether something counts.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
enum Inclusion {
    Honor,
    Ignore,
}

/// A taint that pods tolerate.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Toleration {
    /// The key of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Whether the value counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<TolerationOperator>,
    /// The value of the taint.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Text>,
    /// What the taint does. Where not given: whatever.
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<TaintEffect>,
    /// For how many seconds, with `NoExecute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    toleration_seconds: Option<i64>,
}

/// Whether the value of a taint counts.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
enum TolerationOperator {
    Exists,
    Equal,
}

/// What a taint does.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// Which nodes and neighbours pods are drawn to.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Affinity {
    /// To nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_affinity: Option<Map<String, Value>>,
    /// To other pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_affinity: Option<Map<String, Value>>,
    /// Away from other pods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_anti_affinity: Option<Map<String, Value>>,
}

impl Default for Autoscaling {
    fn default() -> Self {
        Self { enabled: false, create: true, min_replicas: 2, max_replicas: 10, target: 80 }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { enabled: true, max_unavailable: 1 }
    }
}
