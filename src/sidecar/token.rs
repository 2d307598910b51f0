//! Tokens of the pod's ServiceAccount: the one that the API server mounts in every container, and one for the sidecar alone, for
//! pods that switch automounting off.

use super::{
    plan::Plan,
    volumes::{From, Own},
};
use crate::{patch::string, pod::Spec};

/// Where clients of the API server, and the agent's of the kubelet, look for it.
pub(super) const PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the names of the API server's own volumes begin.
const VOLUMES: &str = "kube-api-access-";

/// The mount of [`volume`].
pub(super) const MOUNT: &str = r#"{"name":"datadog-agent-token","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount","readOnly":true}"#;

/// What the API server's own admission mounts into containers, a token for an hour.
const SOURCE: &str = concat!(
    r#"{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}},"#,
    r#"{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},"#,
    r#"{"downwardAPI":{"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}]}"#,
);

/// The volume.
pub(super) fn volume() -> Own {
    Own {
        name: "datadog-agent-token".into(),
        from: From::Other { kind: "projected".into(), json: SOURCE.into() },
    }
}

/// The mount that the API server's ServiceAccount plugin would give each container that we add: it runs again after every patch, and
/// what it changes then makes the API server ask about the pod once more.
/// <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller>
pub(super) fn automatic(spec: &Spec<'_>) -> Option<String> {
    let mounts = spec.automount_service_account_token != Some(false);
    let volume = spec.volumes().iter().find(|volume| volume.name.starts_with(VOLUMES)).filter(|_| mounts)?;
    let name = string(&volume.name);
    Some(format!(r#"{{"name":{name},"readOnly":true,"mountPath":"{PATH}"}}"#))
}

/// Warns of a pod whose agent will have no token.
pub(super) fn warn(spec: &Spec<'_>, plan: &mut Plan<'_>) {
    if spec.automount_service_account_token == Some(false) {
        plan.warnings.push(
            "without a token the agent cannot reach the kubelet: the profile's serviceAccountToken".into(),
        );
    }
}
