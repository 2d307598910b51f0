//! The agent's own rights on the kubelet, granted by the chart where its operator chooses so.

use crate::harness::Release;
use datadog_sidecar_injector::config;
use serde_json::{Value, json};

fn values(namespaces: &str, access: &str) -> String {
    format!("injector: {{rbac: {{namespaces: {namespaces}, kubelet: {{access: {access}}}}}}}")
}

/// Whether the ServiceAccounts of a namespace may do something, by the API server's own word.
async fn may(release: &Release, namespace: &str, verb: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {
        "user": format!("system:serviceaccount:{namespace}:default"),
        "groups": [format!("system:serviceaccounts:{namespace}"), "system:serviceaccounts", "system:authenticated"],
        "resourceAttributes": {"verb": verb, "resource": resource, "subresource": subresource}}});
    release.api.create(&review).await.created()["status"]["allowed"] == Value::Bool(true)
}

#[tokio::test]
async fn agents_may_ask_the_kubelet_where_the_operator_says_so_and_nowhere_else() {
    let release = Release::new("kubelet-rights").await;
    let reads = async |namespace: &str| {
        [may(&release, namespace, "get", "nodes/proxy").await, may(&release, namespace, "list", "pods").await]
    };
    let notes = release.put("install", "");
    assert!(
        notes.contains("Agents can't read the kubelet, unless you grant it: injector.rbac.namespaces"),
        "{notes}"
    );
    for namespace in ["shop", "stock", "other"] {
        assert_eq!(reads(namespace).await, [false, false], "{namespace}");
    }
    for (chosen, there, words) in [
        (
            values("[shop, stock, shop]", "proxy"),
            [true, false],
            "shop, stock may read the kubelet, by nodes/proxy",
        ),
        (values("[shop, stock]", "apiServer"), [false, true], "shop, stock may list the pods of the cluster"),
        (values("[shop, stock]", "none"), [false, false], "Agents can't read the kubelet"),
        (values("[]", "proxy"), [false, false], "Agents can't read the kubelet"),
    ] {
        let notes = release.put("upgrade", &chosen);
        assert!(notes.contains(words), "{chosen}: {notes}");
        for namespace in ["shop", "stock"] {
            assert_eq!(reads(namespace).await, there, "{chosen}: {namespace}");
        }
        assert_eq!(reads("other").await, [false, false], "{chosen}");
        assert!(!may(&release, "shop", "create", "nodes/proxy").await, "{chosen}");
        // What is granted and what sidecars are told go together.
        let map = release.get("v1", "ConfigMap", &release.config_map().await).await.unwrap();
        let config = map["data"]["values.yaml"].as_str().unwrap();
        let config = config::load(config, "values.yaml").unwrap();
        let asks = config.env.iter().any(|variable| variable.name == "DD_KUBELET_USE_API_SERVER");
        assert_eq!(asks, there[1], "{chosen}");
    }
    release.uninstall().await;
}

#[tokio::test]
async fn nothing_is_granted_without_a_choice() {
    let release = Release::new("kubelet-choice").await;
    for (values, told) in [
        (values("[shop]", "null"), "injector.rbac.kubelet.access: must be proxy, apiServer or none"),
        ("injector: {rbac: {namespaces: [shop]}}".to_owned(), "docs/security.md compares them"),
        (values("[Shop]", "proxy"), "/injector/rbac/namespaces/0"),
        (values("[shop]", "all"), "/injector/rbac/kubelet/access"),
    ] {
        let message = release.refused(&values);
        assert!(message.contains(told), "{values}: {message}");
        let problems = config::load(&values, "values.yaml").unwrap_err().to_string();
        assert!(problems.contains("injector.rbac."), "{values}: {problems}");
    }
}
