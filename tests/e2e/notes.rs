//! What the chart says when it is installed: the next steps, complete.

use crate::harness::{
    Release,
    release::{CHART, NAME},
    scene::documents,
};
use datadog_sidecar_injector::config;

/// The notes for values, of an installation that is not made.
fn notes(release: &Release, values: &str) -> String {
    let said = release.dry(values);
    let (_, notes) = said.split_once("\nNOTES:\n").unwrap_or_else(|| panic!("no notes: {said}"));
    notes.to_owned()
}

fn injection(text: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{text}}}}}}}")
}

#[tokio::test]
async fn the_notes_make_every_secret_that_sidecars_refer_to() {
    let release = Release::new("notes-secrets").await;
    let make = "kubectl -n NAMESPACE create secret generic ";
    let both = "datadog-secret --from-literal=api-key=YOUR_API_KEY --from-literal=token=CLUSTER_AGENT_TOKEN";
    let key = "datadog-secret --from-literal=api-key=YOUR_API_KEY";
    for (values, commands) in [
        (String::new(), vec![both]),
        ("clusterAgent: {enabled: false}".to_owned(), vec![key]),
        (injection("clusterAgentCommunicationEnabled: false"), vec![key]),
        (
            "{clusterAgent: {enabled: false}, existingClusterAgent: {join: true, serviceName: dca}}"
                .to_owned(),
            vec![both],
        ),
        (
            injection("apiKeySecret: {name: keys, key: a}, clusterAgentTokenSecret: {name: keys, key: t}"),
            vec!["keys --from-literal=a=YOUR_API_KEY --from-literal=t=CLUSTER_AGENT_TOKEN"],
        ),
        (
            injection("clusterAgentTokenSecret: {name: tokens, key: t}"),
            vec![key, "tokens --from-literal=t=CLUSTER_AGENT_TOKEN"],
        ),
        // The default profile's are those of most pods.
        (
            injection(
                "profiles: [{apiKeySecret: {name: keys}}, {name: other, apiKeySecret: {name: theirs}}]",
            ),
            vec![
                "keys --from-literal=api-key=YOUR_API_KEY",
                "datadog-secret --from-literal=token=CLUSTER_AGENT_TOKEN",
            ],
        ),
    ] {
        let said = notes(&release, &values);
        let found: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix(make)).collect();
        assert_eq!(found, commands, "{values}: {said}");
        let token = commands.iter().any(|command| command.contains("TOKEN"));
        assert_eq!(said.contains("CLUSTER_AGENT_TOKEN is "), token, "{values}: {said}");
    }
    let said = notes(&release, "clusterAgent: {tokenExistingSecret: mine, serviceNamespace: dd}");
    let from = "kubectl -n dd get secret mine -o jsonpath='{.data.token}' | base64 -d";
    assert!(said.contains(from), "{said}");
}

#[tokio::test]
async fn a_key_in_the_values_is_told_of_and_kept_nowhere() {
    let release = Release::new("notes-key").await;
    let key = "0123456789abcdef0123456789abcdef";
    let values = format!("datadog: {{apiKey: {key}}}");
    let said = notes(&release, &values);
    let [notice] = &config::load(&values, "values.yaml").unwrap().notices[..] else { panic!("one notice") };
    assert!(said.contains(notice) && notice.contains("datadog.apiKey"), "{notice}: {said}");
    assert!(!said.contains(key), "{said}");
    let rendered: Vec<String> = release.render(&values).iter().map(ToString::to_string).collect();
    assert!(!rendered.concat().contains(key));
}

#[tokio::test]
async fn the_notes_say_where_pods_are_never_injected() {
    let release = Release::new("notes-never").await;
    let said = notes(&release, &injection("excludedNamespaces: [kube-system, legacy]"));
    assert!(said.contains("namespaces kube-system, legacy, notes-never are never injected"), "{said}");
    assert!(!said.contains("WARNING"), "{said}");
    let said = release.helm(&["install", "injector", CHART, "--dry-run=client", "--namespace=default"]);
    assert!(
        said.contains(
            "WARNING: the release is in namespace default, whose pods are therefore never injected"
        ),
        "{said}"
    );
}

/// One who may make what the chart makes, and see nothing else.
const OPERATOR: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: operator}
rules:
  - apiGroups: ['', apps, policy, rbac.authorization.k8s.io, batch]
    resources: [secrets, serviceaccounts, configmaps, services, deployments, poddisruptionbudgets, roles, rolebindings, jobs]
    verbs: [get, list, watch, create, patch, update, delete]
  - {apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate, bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: operator}
rules:
  - apiGroups: [rbac.authorization.k8s.io, admissionregistration.k8s.io]
    resources: [clusterroles, clusterrolebindings, mutatingwebhookconfigurations]
    verbs: [create]
  - apiGroups: [rbac.authorization.k8s.io, admissionregistration.k8s.io]
    resources: [clusterroles, clusterrolebindings, mutatingwebhookconfigurations]
    resourceNames: [NAME]
    verbs: [get, patch, update, delete]
  - {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [NAME], verbs: [escalate, bind]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: operator}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: operator}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: operator}]
";

#[tokio::test]
async fn who_may_make_what_the_chart_makes_may_install_it() {
    let release = Release::new("notes-operator").await;
    let rights = documents(&OPERATOR.replace("NAME", NAME)).into_iter().map(|mut object| {
        if !object["kind"].as_str().unwrap().starts_with("Cluster") {
            object["metadata"]["namespace"] = release.namespace.clone().into();
        }
        object
    });
    for object in rights.clone() {
        release.api.create(&object).await.created();
    }
    let operator = ["--kube-as-user=operator", "--no-hooks"];
    for action in ["install", "upgrade"] {
        let said = release.try_helm(&[[action, "injector", CHART].as_slice(), &operator].concat());
        assert!(said.status.success(), "{action}: {}", String::from_utf8_lossy(&said.stderr));
    }
    for object in rights {
        release.api.delete(&object).await;
    }
    release.uninstall().await;
}
