//! What is given for all objects is on all of them, by a policy's own word, and names that look like numbers are names.

use crate::harness::{Release, wait};
use serde_json::{Value, json};

/// A policy that admits nothing new of a namespace without label `team` and annotation `owner`.
async fn demand(release: &Release, namespace: &str) {
    let rule = |kind: &str, key: &str| {
        json!({"expression": format!("has(object.metadata.{kind}) && '{key}' in object.metadata.{kind}"),
            "message": format!("{kind} must have {key}")})
    };
    let template = json!({"expression": "!has(object.spec) || !has(object.spec.template) || 'team' in object.spec.template.metadata.labels",
        "message": "pods must have team"});
    let policy = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace}, "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"],
                "resources": ["serviceaccounts", "configmaps", "services", "secrets", "deployments", "jobs", "poddisruptionbudgets",
                    "horizontalpodautoscalers", "networkpolicies", "roles", "rolebindings"]}]},
            // Helm's own Secret is Helm's.
            "matchConditions": [{"name": "ours", "expression": "!object.metadata.name.startsWith('sh.helm')"}],
            "validations": [rule("labels", "team"), rule("annotations", "owner"), template]}});
    release.api.create(&policy).await.created();
    let binding = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace}, "spec": {"policyName": namespace, "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}}});
    release.api.create(&binding).await.created();
    let bare = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "bare", "namespace": namespace}});
    wait::until("the policy", async || {
        release.api.dry_run(&bare).await.message().contains("must have team").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_demands_a_label_and_an_annotation_admits_every_object() {
    let release = Release::new("4711").await;
    demand(&release, "4711").await;
    let values = "commonLabels: {team: 5}\ninjector: {annotations: {owner: true}, networkPolicy: {enabled: true}, autoscaling: {enabled: true}}";
    let file = release.cluster.processes.folder().join("4711.yaml");
    std::fs::write(&file, values).unwrap();
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/datadog-sidecar-injector");
    let flags = ["--values", file.to_str().unwrap()];
    release.helm(&[&["install", "123", chart, "--no-hooks"], &flags[..]].concat());
    let deployment = release.get("apps/v1", "Deployment", "datadog-sidecar-injector").await.unwrap();
    assert_eq!(deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"], "123");
    assert_eq!(deployment["spec"]["template"]["metadata"]["labels"]["team"], "5");
    // What the hook needs belongs to the release; its Job runs nowhere here.
    let rendered =
        release.helm(&[&["template", "123", chart, "--show-only=templates/probe.yaml"], &flags[..]].concat());
    let hooks = crate::harness::scene::documents(&format!("\n{rendered}"));
    assert!(hooks.len() >= 4);
    for hook in &hooks {
        assert_eq!(hook["metadata"]["annotations"]["owner"], "true", "{hook:#}");
        if hook["kind"] == "Job" {
            release.api.dry_run(hook).await.created();
        }
    }
    // The names of the entries and what is cluster-wide have them as well.
    let webhook: Value = release.webhook().await;
    assert_eq!(webhook["metadata"]["labels"]["team"], "5");
    release.helm(&["uninstall", "123"]);
}
