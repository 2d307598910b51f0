//! The pod that a probe makes: all that its own pod is, so that whatever admits the one admits the other.

use crate::{decide::PROBE_LABEL, sidecar::STATUS};
use http::Request;
use kube::Client;
use serde_json::{Map, Value, json};

/// What the API server puts before the names of the volumes that it adds for a pod's token.
const TOKEN_VOLUME: &str = "kube-api-access-";

/// What a running pod has and a new one must not, or what admission works out anew.
const NOT_COPIED: [&str; 4] = ["nodeName", "priority", "preemptionPolicy", "ephemeralContainers"];

/// Reads a pod.
///
/// # Errors
///
/// The API server's.
pub async fn read(client: &Client, namespace: &str, name: &str) -> Result<Value, kube::Error> {
    let request = Request::get(format!("/api/v1/namespaces/{namespace}/pods/{name}"));
    client.request(request.body(Vec::new()).map_err(kube::Error::HttpError)?).await
}

/// A new pod with the labels, annotations, owner and spec of this one, and the label of the probe.
pub fn like(own: &Value) -> Value {
    let of = |key: &str| own.get("metadata").and_then(|metadata| metadata.get(key));
    let map = |key: &str| of(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let mut labels = map("labels");
    labels.insert(PROBE_LABEL.into(), "true".into());
    let mut annotations = map("annotations");
    // Whoever finds it afterwards must find what the injector left now.
    annotations.shift_remove(STATUS);
    let mut owners = of("ownerReferences").cloned().unwrap_or_else(|| json!([]));
    for owner in owners.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        // Some clusters let only those who may change an owner block its end.
        owner.shift_remove("blockOwnerDeletion");
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "datadog-sidecar-injector-probe-",
            "namespace": of("namespace"),
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": owners,
        },
        "spec": own.get("spec").and_then(Value::as_object).cloned().map(spec),
    })
}

fn spec(mut spec: Map<String, Value>) -> Map<String, Value> {
    for key in NOT_COPIED {
        spec.shift_remove(key);
    }
    without_token(spec.get_mut("volumes"));
    for key in ["initContainers", "containers"] {
        for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            without_token(container.get_mut("volumeMounts"));
        }
    }
    spec
}

/// Volumes or mounts without those of the token, which the API server adds anew under another name.
fn without_token(list: Option<&mut Value>) {
    if let Some(list) = list.and_then(Value::as_array_mut) {
        let name = |item: &Value| item.get("name").and_then(Value::as_str).map(str::to_owned);
        list.retain(|item| !name(item).is_some_and(|name| name.starts_with(TOKEN_VOLUME)));
    }
}

/// A pod that namespaces with Pod Security `restricted` and with quotas admit, for a probe that is no pod itself.
pub fn built_in(namespace: &str, service_account: &str) -> Value {
    let amounts = json!({"cpu": "10m", "memory": "16Mi"});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": "datadog-sidecar-injector-probe-",
            "namespace": namespace,
            "labels": {PROBE_LABEL: "true"},
        },
        "spec": {
            "serviceAccountName": service_account,
            "automountServiceAccountToken": false,
            "restartPolicy": "Never",
            "securityContext":
                {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "probe",
                "image": "datadog-sidecar-injector-probe",
                "resources": {"requests": amounts, "limits": amounts},
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": true,
                },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_like_a_pod_that_runs_without_what_only_that_one_can_have() {
        let token = json!({"name": "kube-api-access-x7x2q", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
        let own = json!({
            "metadata": {
                "name": "probe-1a2b3c-x9k2p", "generateName": "probe-1a2b3c-", "namespace": "dd", "uid": "1",
                "resourceVersion": "7", "finalizers": ["batch.kubernetes.io/job-tracking"],
                "labels": {"team": "a"}, "annotations": {"note": "n", STATUS: "{}"},
                "ownerReferences": [{"kind": "Job", "name": "probe", "uid": "2", "controller": true, "blockOwnerDeletion": true}],
            },
            "spec": {
                "nodeName": "n1", "priority": 1000, "preemptionPolicy": "PreemptLowerPriority", "priorityClassName": "high",
                "serviceAccountName": "probe", "imagePullSecrets": [{"name": "pull"}],
                "volumes": [{"name": "config"}, {"name": "kube-api-access-x7x2q"}],
                "initContainers": [{"name": "mesh", "volumeMounts": [token]}],
                "containers": [{"name": "probe", "image": "i", "volumeMounts": [{"name": "config", "mountPath": "/c"}, token]}],
            },
            "status": {"phase": "Running"},
        });
        let expected = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "generateName": "datadog-sidecar-injector-probe-", "namespace": "dd",
                "labels": {"team": "a", PROBE_LABEL: "true"}, "annotations": {"note": "n"},
                "ownerReferences": [{"kind": "Job", "name": "probe", "uid": "2", "controller": true}],
            },
            "spec": {
                "priorityClassName": "high", "serviceAccountName": "probe", "imagePullSecrets": [{"name": "pull"}],
                "volumes": [{"name": "config"}],
                "initContainers": [{"name": "mesh", "volumeMounts": []}],
                "containers": [{"name": "probe", "image": "i", "volumeMounts": [{"name": "config", "mountPath": "/c"}]}],
            },
        });
        assert_eq!(like(&own), expected);
    }
}
