//! Whether the API server reaches the injector: a pod that is not stored, and that comes back changed.

pub mod pod;

use crate::sidecar::STATUS;
use http::Request;
use kube::Client;
use serde_json::Value;
use std::time::Duration;

/// How long one answer may take: more than the API server waits for a webhook.
const PATIENCE: Duration = Duration::from_secs(35);

/// Why the way to the injector is not proved.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// Nobody changed the pod.
    #[error(
        "the pod came back unchanged: the API server did not ask the injector. The webhook configuration \
         datadog-sidecar-injector must have an entry probe.… for this namespace"
    )]
    Unchanged,
    /// The API server asked, and got no answer.
    #[error("the API server does not reach the injector{hint}: {0}", hint = hint(.0))]
    Unreached(String),
    /// Somebody with another configuration answered.
    #[error(
        "an injector with configuration {found} answered, not with {expected}: replicas from before an upgrade still do, for a \
         moment; if it stays so, the ConfigMap differs from what the injector reads"
    )]
    Outdated {
        /// The hash of the configuration expected.
        expected: String,
        /// The hash of the one that answered.
        found: String,
    },
    /// The API server refused the pod for another reason, or did not answer.
    #[error("the pod of the probe was refused: {0}")]
    Refused(String),
}

/// What most often is the cause, for a person.
fn hint(message: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["x509", "certificate"]) {
        " (the caBundle of the webhook configuration is not that of its certificate)"
    } else if says(&["no endpoints available"]) {
        " (none of its pods is ready)"
    } else if says(&["timeout", "deadline exceeded", "Timeout"]) {
        " (a firewall or security group between the control plane and the port of its pods?)"
    } else if says(&["not found"]) {
        " (its Service is missing)"
    } else {
        ""
    }
}

/// As many as an API server keeps idle connections to a webhook: each of so many at once goes by another one.
const CONNECTIONS: usize = 25;

/// Proves that none but injectors with the configuration of this hash answer, also on connections from before an upgrade.
///
/// # Errors
///
/// What the first that failed says.
pub async fn all(client: &Client, pod: &Value, hash: &str) -> Result<String, Unproved> {
    let one = async || {
        let status = once(client, pod).await?;
        let found = configuration(&status);
        if found == hash { Ok(status) } else { Err(Unproved::Outdated { expected: hash.to_owned(), found }) }
    };
    // Where even one fails there is no need for many.
    let status = one().await?;
    futures::future::try_join_all((0..CONNECTIONS).map(|_| one())).await?;
    Ok(status)
}

/// Makes the pod once, dry. Returns what the injector left on it: its version and configuration.
///
/// # Errors
///
/// Why the injector left nothing.
pub async fn once(client: &Client, pod: &Value) -> Result<String, Unproved> {
    let refused = |error: &dyn std::fmt::Display| Unproved::Refused(error.to_string());
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let request = Request::post(format!("/api/v1/namespaces/{namespace}/pods?dryRun=All"))
        .header("content-type", "application/json")
        .body(pod.to_string().into_bytes())
        .map_err(|error| refused(&error))?;
    match tokio::time::timeout(PATIENCE, client.request::<Value>(request)).await {
        Ok(Ok(pod)) => status(&pod).ok_or(Unproved::Unchanged),
        Ok(Err(kube::Error::Api(status))) if status.message.contains("calling webhook") => {
            Err(Unproved::Unreached(status.message.clone()))
        }
        Ok(Err(kube::Error::Api(status))) => Err(refused(&status.message)),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => Err(refused(&format!("no answer of the API server in {PATIENCE:?}"))),
    }
}

fn status(pod: &Value) -> Option<String> {
    pod.get("metadata")?.get("annotations")?.get(STATUS)?.as_str().map(str::to_owned)
}

/// The hash in what the injector leaves.
fn configuration(status: &str) -> String {
    let status: Value = serde_json::from_str(status).unwrap_or_default();
    status.get("config").and_then(Value::as_str).unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_failure_says_what_to_look_at() {
        let unreached = |text: &str| Unproved::Unreached(text.into()).to_string();
        assert!(unreached("x509: certificate signed by unknown authority").contains("caBundle"));
        assert!(unreached("no endpoints available for service").contains("ready"));
        assert!(unreached("context deadline exceeded").contains("security group"));
        assert!(unreached("service \"a\" not found").contains("Service"));
        assert!(unreached("EOF").ends_with("injector: EOF"));
    }

    #[test]
    fn the_configuration_is_read_from_what_the_injector_leaves() {
        assert_eq!(configuration(r#"{"probe":true,"config":"00ff"}"#), "00ff");
        assert_eq!(configuration("{}"), "unknown");
        assert_eq!(configuration(""), "unknown");
    }

    #[test]
    fn a_pod_is_changed_where_it_has_the_annotation() {
        assert_eq!(status(&json!({"metadata": {"annotations": {STATUS: "{}"}}})), Some("{}".into()));
        assert_eq!(status(&json!({"metadata": {}})), None);
    }
}
