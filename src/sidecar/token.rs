//! A token of the pod's ServiceAccount for the sidecar alone, for pods that switch automounting off.

use super::{
    plan::Plan,
    volumes::{From, Own},
};
use crate::pod::Spec;

/// Where clients of the API server, and the agent's of the kubelet, look for it.
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

/// Warns of a pod whose agent will have no token.
pub(super) fn warn(spec: &Spec<'_>, plan: &mut Plan<'_>) {
    if spec.automount_service_account_token == Some(false) {
        plan.warnings.push(
            "without a token the agent cannot reach the kubelet: the profile's serviceAccountToken".into(),
        );
    }
}
