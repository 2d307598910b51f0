//! The plain manifests, applied by the real kubectl as they are.

use crate::harness::{
    Release,
    release::{KUBELET, NAME},
    scene::documents,
};
use serde_json::Value;
use std::fs;

/// The path of a file of `deploy`.
pub fn path(name: &str) -> String {
    format!("{}/deploy/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The objects of a file, in order.
fn objects(name: &str) -> Vec<Value> {
    documents(&fs::read_to_string(path(name)).unwrap())
}

/// Applies a file to a cluster that has nothing of it, and again: each object is there, and the second time nothing changes.
async fn apply_twice(release: &Release, name: &str) {
    let objects = objects(name);
    let file = path(name);
    let said = release.kubectl(&["apply", "--server-side", "-f", &file]);
    assert_eq!(said.matches(" serverside-applied\n").count(), objects.len(), "{said}");
    let mut before = Vec::new();
    for object in &objects {
        before.push(stated(release, object).await);
    }
    assert_eq!(release.kubectl(&["apply", "--server-side", "-f", &file]), said);
    for (object, before) in objects.iter().zip(before) {
        assert_eq!(stated(release, object).await, before, "{name}");
    }
}

/// An object as it is stored, without what the API server and controllers count and note there.
async fn stated(release: &Release, object: &Value) -> Value {
    let mut stored = release.api.get(object).await.created();
    stored.as_object_mut().unwrap().remove("status");
    let metadata = stored["metadata"].as_object_mut().unwrap();
    for key in ["annotations", "managedFields", "resourceVersion"] {
        metadata.remove(key);
    }
    stored
}

/// Deletes all but the namespace, which no controller would finish here.
pub fn delete(release: &Release, name: &str) {
    for object in objects(name).iter().filter(|object| object["kind"] != "Namespace") {
        let [kind, name] =
            ["/kind", "/metadata/name"].map(|key| object.pointer(key).unwrap().as_str().unwrap());
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        release.kubectl(&["delete", kind, name, "--namespace", namespace]);
    }
}

#[tokio::test]
async fn plain_manifests_install_the_injector_into_an_empty_cluster() {
    let release = Release::new("plain-manifests").await;
    let file = "datadog-sidecar-injector.yaml";
    let first = &objects(file)[0];
    assert_eq!((&first["kind"], &first["metadata"]["name"]), (&"Namespace".into(), &"datadog-agent".into()));
    apply_twice(&release, file).await;
    let deployment = release.kubectl(&["-n", "datadog-agent", "get", "deployment", NAME, "-o", "name"]);
    assert_eq!(deployment, format!("deployment.apps/{NAME}\n"));
    delete(&release, file);
}

#[tokio::test]
async fn plain_manifests_grant_agents_the_kubelet() {
    let release = Release::new("plain-kubelet").await;
    let file = "kubelet-access.yaml";
    apply_twice(&release, file).await;
    for object in objects(file) {
        assert_eq!(object["metadata"]["name"], KUBELET);
    }
    for (namespace, may) in [("my-namespace", "yes\n"), ("other", "no\n")] {
        let arguments = [
            "auth",
            "can-i",
            "get",
            "nodes",
            "--subresource=proxy",
            &format!("--as=system:serviceaccount:{namespace}:default"),
            &format!("--as-group=system:serviceaccounts:{namespace}"),
        ];
        let answer = release.try_kubectl(&arguments);
        assert_eq!(String::from_utf8_lossy(&answer.stdout), may, "{namespace}: {answer:?}");
    }
    delete(&release, file);
}

#[tokio::test]
async fn the_settings_of_fluent_bit_are_accepted_by_the_api_server() {
    let release = Release::new("plain-logging").await;
    release.api.apply_dry(&objects("aws-logging.yaml")[0]).await.created();
}
