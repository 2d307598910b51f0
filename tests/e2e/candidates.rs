//! The webhook's one condition over any number of selectors, as the API server reads it: it sends every pod that a selector could match.

use crate::harness::{
    Release, pods,
    replica::Replica,
    scene::{SECRET, in_namespace},
    wait, yaml,
};
use serde_json::{Value, json};

const SHOP: &str = "candidates-shop";

/// One of each kind, and some of each key.
const MENU: [&str; 11] = [
    "{matchLabels: {a: '1'}}",
    "{matchLabels: {a: '2'}}",
    "{matchExpressions: [{key: b, operator: In, values: [x, '']}]}",
    "{matchExpressions: [{key: a, operator: NotIn, values: ['1', '3']}]}",
    "{matchExpressions: [{key: b, operator: Exists}]}",
    "{matchExpressions: [{key: c, operator: DoesNotExist}]}",
    "{matchLabels: {a: '1', b: x}}",
    "{matchLabels: {c: q}, matchExpressions: [{key: a, operator: NotIn, values: ['1']}]}",
    "{matchExpressions: [{key: a, operator: In, values: ['3']}, {key: b, operator: DoesNotExist}]}",
    "{matchExpressions: [{key: example.com/c_d.e, operator: In, values: [x.y_z-1]}]}",
    "{matchLabels: {}}",
];

/// Values of these object selectors, whose webhook refuses every pod that it is asked about, as nobody answers.
fn refusing(selectors: &[Value]) -> String {
    let selectors: Vec<_> = selectors
        .iter()
        .map(|selector| json!({"objectSelector": selector, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": SHOP}}}))
        .collect();
    json!({"clusterAgent": {"admissionController": {"failurePolicy": "Fail",
        "agentSidecarInjection": {"selectors": selectors}}}})
    .to_string()
}

fn pod(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SHOP, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app"}]}})
}

/// Whether the API server sends a pod with these labels.
async fn sent(release: &Release, labels: &Value) -> bool {
    let reply = release.api.dry_run(&pod("app", labels)).await;
    let refused =
        reply.message().contains("failed calling webhook \"inject.datadog-sidecar-injector.datadoghq.com\"");
    assert!(refused != reply.status.is_success(), "{labels}: {}", reply.message());
    refused
}

/// Puts the webhook configuration of these selectors, and sees the API server go by it.
async fn put(release: &Release, round: usize, selectors: &[Value]) -> Value {
    let round = json!({"round": round.to_string()});
    let selectors = [selectors, &[json!({"matchLabels": round})]].concat();
    let mut objects = release.render(&refusing(&selectors));
    let webhook = objects.iter_mut().find(|object| object["kind"] == "MutatingWebhookConfiguration").unwrap();
    release.api.own("helm", webhook).await.created();
    wait::until("the new condition", async || sent(release, &round).await.then_some(())).await;
    webhook["webhooks"][0].take()
}

/// Whether a selector matches, as Kubernetes defines it.
fn matches(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    let requirements = selector["matchExpressions"].as_array();
    wanted.into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
        && requirements.into_iter().flatten().all(|requirement| {
            let label = labels.get(requirement["key"].as_str().unwrap());
            let listed =
                || label.is_some_and(|label| requirement["values"].as_array().unwrap().contains(label));
            match requirement["operator"].as_str().unwrap() {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => label.is_some(),
                _ => label.is_none(),
            }
        })
}

/// Pods with every combination of these labels.
fn labels() -> Vec<Value> {
    let mut all = vec![json!({})];
    for (key, values) in [
        ("a", &["1", "2", "3"][..]),
        ("b", &["", "x", "y"]),
        ("c", &["q"]),
        ("example.com/c_d.e", &["x.y_z-1"]),
    ] {
        for labels in all.clone() {
            for value in values {
                let mut labels = labels.clone();
                labels[key] = (*value).into();
                all.push(labels);
            }
        }
    }
    all
}

/// The release with the namespace of the pods. Its Service has nobody behind it.
async fn installed(namespace: &str) -> Release {
    let release = Release::new(namespace).await;
    let shop = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}});
    if release.api.get(&shop).await.status.is_client_error() {
        release.api.create(&shop).await.created();
        release.make_account(SHOP).await;
        release.api.create(&in_namespace(yaml(SECRET), SHOP)).await.created();
    }
    release
}

#[tokio::test]
async fn every_pod_that_a_selector_could_match_is_sent_and_no_other() {
    let release = installed("candidates").await;
    release.put("install", &refusing(&[yaml(MENU[0])]));
    let menu = MENU.map(yaml);
    for round in 0..menu.len() {
        // Two alone, and three that are not beside each other.
        let chosen: Vec<Value> = match round % 2 {
            0 => [0, 1].map(|step| menu[(round + step) % menu.len()].clone()).to_vec(),
            _ => [0, 2, 5].map(|step| menu[(round + step) % menu.len()].clone()).to_vec(),
        };
        let entry = put(&release, round, &chosen).await;
        assert!(entry.get("matchConditions").is_some() || chosen.contains(&menu[10]), "{chosen:?}");
        for labels in labels() {
            let could = chosen.iter().any(|selector| matches(selector, &labels));
            assert_eq!(sent(&release, &labels).await, could, "{labels}: {entry:#}");
        }
    }
    release.uninstall().await;
}

/// As long as the chart lets a condition become: many values of one label, and as many terms as it may have.
#[tokio::test]
async fn the_longest_condition_is_within_the_api_servers_limits() {
    let release = installed("longest-condition").await;
    release.put("install", &refusing(&[yaml(MENU[0])]));
    let one = |n: usize| {
        let values: Vec<String> = (100 * n..100 * n + 100).map(|value| value.to_string()).collect();
        json!({"matchExpressions": [{"key": "app", "operator": "In", "values": values}]})
    };
    let two = |n: usize| {
        let values: Vec<String> = (0..7).map(|value| format!("{n}-{value}-{}", "x".repeat(45))).collect();
        json!({"matchLabels": {format!("k{n}"): "v"}, "matchExpressions": [{"key": "app", "operator": "NotIn", "values": values}]})
    };
    // One term is that of the round.
    let shapes: [(&dyn Fn(usize) -> Value, usize); 2] = [(&one, 126), (&two, 199)];
    for (round, (shape, count)) in shapes.into_iter().enumerate() {
        let selectors: Vec<Value> = (0..count).map(shape).collect();
        let entry = put(&release, round, &selectors).await;
        let length = entry["matchConditions"][0]["expression"].as_str().map(str::len);
        assert!(length.is_some_and(|length| (80_000..=90_000).contains(&length)), "{round}: {length:?}");
        let last = json!({"app": (100 * count - 1).to_string(), format!("k{}", count - 1): "v"});
        assert!(sent(&release, &last).await, "{round}");
        // All of it is looked at, for nothing.
        let mut many: Value = (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
        many["app"] = "x".repeat(50).into();
        assert_eq!(sent(&release, &many).await, round == 1, "{round}");
        let none: Value = many.as_object().unwrap().keys().map(|key| (key.clone(), json!("w"))).collect();
        assert!(!sent(&release, &none).await, "{round}");
    }
    let entry = put(&release, 2, &(0..200).map(two).collect::<Vec<_>>()).await;
    assert_eq!(entry.get("matchConditions"), None, "one term more");
    assert!(sent(&release, &json!({})).await);
    release.uninstall().await;
}

async fn two_thousand(namespace: &str, selector: impl Fn(usize) -> Value, condition: bool) {
    let release = installed(namespace).await;
    let selectors: Vec<Value> =
        (0..2_000).map(|n| json!({"name": format!("team-{n}"), "objectSelector": selector(n)})).collect();
    let values =
        json!({"clusterAgent": {"admissionController": {"agentSidecarInjection": {"selectors": selectors}}}});
    release.put("install", &values.to_string());
    let Some(_replica) = Replica::start(&release).await else { return };
    let webhook = release.webhook().await;
    assert_eq!(webhook["webhooks"][0].get("matchConditions").is_some(), condition);
    let made = async |n: usize, labels: &Value| {
        let pod = pod(&format!("{namespace}-{n}"), labels);
        pods::sidecars(&release.api.dry_run(&pod).await.created())
    };
    let first = selector(0)["matchLabels"].clone();
    wait::until("the injector", async || (made(0, &first).await == 1).then_some(())).await;
    for n in [1, 999, 1_999] {
        assert_eq!(made(n, &selector(n)["matchLabels"]).await, 1, "{n}");
    }
    assert_eq!(made(2_000, &selector(2_000)["matchLabels"]).await, 0);
    release.uninstall().await;
}

#[tokio::test]
async fn two_thousand_selectors_of_one_label_are_one_condition() {
    two_thousand("of-one-label", |n| json!({"matchLabels": {"app": format!("service-{n}")}}), true).await;
}

#[tokio::test]
async fn two_thousand_selectors_that_make_no_short_condition_are_installed_without() {
    let labels = |n| json!({"matchLabels": {"app": format!("service-{n}"), "example.com/tier": "backend"}});
    two_thousand("of-two-labels", labels, false).await;
}

#[tokio::test]
async fn more_than_a_config_map_holds_is_refused_with_what_to_do() {
    let release = Release::new("too-many-selectors").await;
    let label = "x".repeat(60);
    let message = release.refused(&refusing(&vec![json!({"matchLabels": {"app": label}}); 8_000]));
    for words in ["agentSidecarInjection: the configuration has ", "a ConfigMap holds 1048576", "operator In"]
    {
        assert!(message.contains(words), "{message}");
    }
}
