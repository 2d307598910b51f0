//! `injector`: what concerns the injector itself and not the sidecars. The chart reads it; of the program's concern is what agents may
//! ask of the kubelet.

use super::{
    Label, Scalar, Text,
    replicas::{Affinity, Amounts, Autoscaling, Budget, ContainerSecurity, PodSecurity, Spread, Toleration},
    scalar,
};
use crate::config::PullPolicy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What concerns the injector itself and not the sidecars. Read by the chart alone, but for `rbac.kubelet.access`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Injector {
    /// How many pods of the injector, where `autoscaling` is off.
    #[schemars(range(min = 1, max = 20))]
    pub(in crate::config) replicas: u8,
    /// Who says how many, if not the chart.
    pub(in crate::config) autoscaling: Autoscaling,
    /// The injector's own image.
    pub(in crate::config) image: Image,
    /// Requests and limits of the injector.
    pub(in crate::config) resources: Amounts,
    /// Where the certificate of the webhook comes from.
    pub(in crate::config) certificates: Certificates,
    /// What the injector logs: `off`, `error`, `warn`, `info`, `debug`, `trace`, or a list such as `info,kube=debug`.
    #[schemars(regex(
        pattern = r"^ *([A-Za-z0-9_:-]+=)?(off|error|warn|info|debug|trace|OFF|ERROR|WARN|INFO|DEBUG|TRACE) *(, *([A-Za-z0-9_:-]+=)?(off|error|warn|info|debug|trace|OFF|ERROR|WARN|INFO|DEBUG|TRACE) *)*$"
    ))]
    pub(in crate::config) log_level: String,
    /// How long it goes on answering after it was told to end, such as `10s`: at most 15 seconds, so that it ends within its
    /// grace period of 45.
    #[schemars(regex(pattern = r"^([0-9]|1[0-5])s$"))]
    pub(in crate::config) drain_delay: String,
    /// The proof, after each installation and upgrade and by `helm test`, that the API server reaches the injector.
    probe: Probe,
    /// How many of the injector's pods may be evicted at a time.
    pub(in crate::config) pod_disruption_budget: Budget,
    /// Who may reach the injector's pods, and whom they may reach.
    network_policy: NetworkPolicy,
    /// What the injector and the agents may do in the cluster.
    pub(in crate::config) rbac: Rbac,
    /// The MutatingWebhookConfiguration.
    webhook_configuration: WebhookConfiguration,
    /// The injector's ServiceAccount.
    pub(in crate::config) service_account: ServiceAccount,
    /// The PriorityClass of the injector's pods.
    #[schemars(regex(pattern = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$"))]
    pub(in crate::config) priority_class_name: Scalar,
    /// How the injector's pods are spread. Where not given: over zones and over nodes, as far as possible.
    #[serde(skip_serializing_if = "Option::is_none")]
    topology_spread_constraints: Option<Vec<Spread>>,
    /// The labels of the nodes that the injector's pods run on.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) node_selector: BTreeMap<String, Label>,
    /// The taints that the injector's pods tolerate.
    tolerations: Vec<Toleration>,
    /// The affinity of the injector's pods.
    affinity: Affinity,
    /// What the injector's pods may do: key by key over what is told here. `null` takes one out.
    pod_security_context: PodSecurity,
    /// What the injector's containers may do; likewise.
    security_context: ContainerSecurity,
    /// Not to be had: run the replicas on Fargate, where the API server reaches pods at an address of the VPC whatever the network of other
    /// nodes is.
    pub(in crate::config) host_network: bool,
    /// More annotations of every object of the chart.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) annotations: BTreeMap<String, Text>,
    /// More labels of every object of the chart and of the injector's pods, over `commonLabels`.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) labels: BTreeMap<String, Label>,
    /// More annotations of the injector's pods.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) pod_annotations: BTreeMap<String, Text>,
    /// More labels of the injector's pods. Of those that the chart sets, the ones by which it selects its pods stay.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) pod_labels: BTreeMap<String, Label>,
}

/// The injector's own image.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Image {
    /// The registry you push it to, with a path where it has one. Where empty, nodes look for the image by its name alone.
    #[schemars(regex(
        pattern = "^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?$"
    ))]
    pub(in crate::config) registry: String,
    /// Its name in that registry.
    #[schemars(regex(pattern = "^[a-z0-9]+([._/-]+[a-z0-9]+)*$"))]
    pub(in crate::config) repository: String,
    /// Its tag. Where empty: the version of the chart.
    #[schemars(regex(pattern = "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$"))]
    pub(in crate::config) tag: Scalar,
    /// Its digest, such as `sha256:…`. It wins over the tag.
    #[schemars(regex(pattern = "^(sha256:[0-9a-f]{64})?$"))]
    pub(in crate::config) digest: String,
    /// When the kubelet pulls it.
    pull_policy: PullPolicy,
    /// Secrets of the release namespace for pulling it.
    pull_secrets: Vec<Named>,
}

/// A Secret, by its name.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Named {
    /// The name of the Secret.
    name: Scalar,
}

/// Where the certificate of the webhook comes from.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Certificates {
    /// `selfManaged`: the injector looks after a CA of its own. `certManager`: cert-manager does. `files`: a Secret that
    /// somebody else fills.
    pub(in crate::config) mode: CertificateMode,
    /// With `certManager`.
    pub(in crate::config) cert_manager: CertManager,
    /// With `files`.
    pub(in crate::config) files: Files,
}

/// Where the certificate of the webhook comes from.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::config) enum CertificateMode {
    #[default]
    SelfManaged,
    CertManager,
    Files,
}

/// The certificate by cert-manager.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct CertManager {
    /// Who signs it. Where it has no name: a CA that cert-manager makes for this alone.
    pub(in crate::config) issuer_ref: IssuerRef,
}

/// An issuer of cert-manager.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct IssuerRef {
    /// The issuer.
    pub(in crate::config) name: Scalar,
    /// `Issuer` or `ClusterIssuer`.
    kind: String,
    /// Its API group.
    group: String,
}

/// The certificate by somebody else.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Files {
    /// The Secret of the release namespace that holds `tls.crt` and `tls.key`, for `SERVICE.NAMESPACE.svc`.
    pub(in crate::config) secret_name: Scalar,
    /// The certificates of the CA, in PEM. Where empty, somebody else writes the `caBundle` of the webhook configuration.
    pub(in crate::config) ca_bundle: String,
}

/// The proof that the API server reaches the injector.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Probe {
    /// Whether `helm install` and `helm upgrade` wait for it. `helm test` asks for it in any case.
    enabled: bool,
    /// For how many seconds it tries. Beyond 180 give Helm a `--timeout` that is longer by two minutes.
    #[schemars(range(min = 5, max = 3600))]
    timeout_seconds: u16,
    /// Requests and limits of its pod. Where left out: those of the injector.
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<Amounts>,
}

/// Who may reach the injector's pods, and whom they may reach.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct NetworkPolicy {
    /// Whether there is a NetworkPolicy, for the injector's pods and for that of the probe.
    enabled: bool,
    /// The ports of the API server: that of its Service, and those behind it, where network plugins look at these.
    #[schemars(inner(range(min = 1)))]
    api_server_ports: Vec<u16>,
}

/// What the injector and the agents may do in the cluster.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(in crate::config) struct Rbac {
    /// Whether it may read, in every namespace, the Secrets that sidecars refer to, to know where they are missing. It keeps their
    /// keys alone, but RBAC can't give those without the values. Where `false`, no Secret counts as missing.
    read_secrets: bool,
    /// Namespaces whose agents get what `kubelet.access` says: all ServiceAccounts there, as an agent has that of its pod.
    #[schemars(inner(regex(pattern = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")))]
    pub(in crate::config) namespaces: Vec<String>,
    /// What agents may ask of the kubelet.
    pub(in crate::config) kubelet: Kubelet,
}

/// What agents may ask of the kubelet.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Kubelet {
    /// `proxy`: all that Datadog documents, by `nodes/proxy`, which also lets run commands in every pod of the cluster.
    /// `apiServer`: sidecars ask the API server, by `DD_KUBELET_USE_API_SERVER`, for pods and no more. `none`: nothing.
    /// `namespaces` needs a choice; docs/security.md compares them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::config) access: Option<KubeletAccess>,
}

/// What agents may ask of the kubelet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::config) enum KubeletAccess {
    Proxy,
    ApiServer,
    None,
}

/// What becomes of the webhook configuration.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WebhookConfiguration {
    /// Whether it goes with the namespace of the release, by an owner reference that the injector writes; not where Argo CD tracks it by
    /// annotation, as Argo CD does not prune what has an owner.
    owned: bool,
}

impl Default for WebhookConfiguration {
    fn default() -> Self {
        Self { owned: true }
    }
}

/// A ServiceAccount.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct ServiceAccount {
    /// Its annotations.
    #[schemars(transform = scalar::keys)]
    pub(in crate::config) annotations: BTreeMap<String, Text>,
}

impl Default for Injector {
    fn default() -> Self {
        Self {
            replicas: 2,
            autoscaling: Autoscaling::default(),
            image: Image::default(),
            resources: Amounts::default(),
            certificates: Certificates::default(),
            log_level: "info".into(),
            drain_delay: "10s".into(),
            probe: Probe::default(),
            pod_disruption_budget: Budget::default(),
            network_policy: NetworkPolicy::default(),
            rbac: Rbac::default(),
            webhook_configuration: WebhookConfiguration::default(),
            service_account: ServiceAccount::default(),
            priority_class_name: Scalar::default(),
            topology_spread_constraints: None,
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: Affinity::default(),
            pod_security_context: PodSecurity::default(),
            security_context: ContainerSecurity::default(),
            host_network: false,
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
            pod_labels: BTreeMap::new(),
        }
    }
}

impl Default for Image {
    fn default() -> Self {
        Self {
            registry: String::new(),
            repository: "datadog-sidecar-injector".into(),
            tag: Scalar::default(),
            digest: String::new(),
            pull_policy: PullPolicy::IfNotPresent,
            pull_secrets: Vec::new(),
        }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self { enabled: true, timeout_seconds: 180, resources: None }
    }
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self { enabled: false, api_server_ports: vec![443, 6443] }
    }
}

impl Default for Rbac {
    fn default() -> Self {
        Self { read_secrets: true, namespaces: Vec::new(), kubelet: Kubelet::default() }
    }
}

impl Default for IssuerRef {
    fn default() -> Self {
        Self { name: Scalar::default(), kind: "Issuer".into(), group: "cert-manager.io".into() }
    }
}
