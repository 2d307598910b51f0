//! The chart, installed by a real Helm into a real API server.

use crate::harness::{
    Release, audit, pods,
    release::NAME,
    replica::Replica,
    scene::{SECRET, in_namespace},
    skipped, wait, yaml,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use datadog_sidecar_injector::{
    config,
    rules::{Rules, Setting},
};
use serde_json::{Value, json};
use std::process::Command;

/// The field manager of the replicas.
const MANAGER: &str = "datadog-sidecar-injector";

/// The flags and the values of Datadog's documentation, as its users have them.
const DATADOG: &str = "
agents: {enabled: false}
datadog: {clusterName: cluster-name, apiKeyExistingSecret: datadog-secret}
clusterAgent:
  tokenExistingSecret: datadog-secret
  replicas: 2
  admissionController:
    agentSidecarInjection:
      enabled: true
      provider: fargate
      selectors: [{objectSelector: {matchLabels: {app: redis}}}]
      profiles:
        - env: [{name: DD_PROCESS_AGENT_PROCESS_COLLECTION_ENABLED, value: 'true'}]
          resources: {requests: {cpu: 400m, memory: 256Mi}, limits: {cpu: 800m, memory: 512Mi}}
";

fn selectors(selectors: &str) -> String {
    format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{selectors: {selectors}}}}}}}")
}

/// What replicas write: a CA into the Secret, and its certificate into each entry of the webhook configuration.
async fn fill(release: &Release, ca: &str) {
    let secret = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "datadog-sidecar-injector-ca", "namespace": release.namespace}, "data": {"ca.crt": ca}});
    release.api.own(MANAGER, &secret).await.created();
    let entries: Vec<Value> = release.webhook().await["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!({"name": entry["name"], "clientConfig": {"caBundle": ca}}))
        .collect();
    let webhook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": NAME}, "webhooks": entries});
    release.api.own(MANAGER, &webhook).await.created();
}

#[tokio::test]
async fn upgrades_keep_what_the_replicas_wrote_and_uninstall_leaves_nothing() {
    let release = Release::new("upgrades").await;
    upgrades(release).await;
}

#[tokio::test]
async fn helm_3_keeps_it_as_well() {
    let release = Release::by("HELM3", "upgrades-by-helm-3").await;
    assert!(release.helm(&["version"]).contains("v3."));
    upgrades(release).await;
}

async fn upgrades(release: Release) {
    release.put("install", DATADOG);
    let ca = STANDARD.encode(release.cluster.authority.pem());
    fill(&release, &ca).await;
    let changes = [
        // Added, renamed, reordered, removed.
        "[{name: one, objectSelector: {matchLabels: {app: redis}}}, {name: two, namespaceSelector: {matchLabels: {team: a}}}]",
        "[{name: second, objectSelector: {matchExpressions: [{key: tier, operator: In, values: [api, web]}]}}, {name: first, objectSelector: {matchLabels: {app: redis}}}]",
        "[{objectSelector: {matchExpressions: [{key: eks.amazonaws.com/fargate-profile, operator: Exists}]}}]",
        "null",
    ];
    for (round, change) in changes.into_iter().enumerate() {
        release.put("upgrade", &selectors(change));
        let webhook = release.webhook().await;
        let entries = webhook["webhooks"].as_array().unwrap();
        let names: Vec<_> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["inject.datadog-sidecar-injector.datadoghq.com", "probe.datadog-sidecar-injector.datadoghq.com"]
        );
        for entry in entries {
            assert_eq!(entry["clientConfig"]["caBundle"], *ca, "round {round}");
        }
        let conditions = entries[0]["matchConditions"].as_array().map_or(0, Vec::len);
        assert_eq!(conditions, usize::from(round == 1), "round {round}: {:#}", entries[0]);
        let secret = release.get("v1", "Secret", "datadog-sidecar-injector-ca").await.unwrap();
        assert_eq!(secret["data"]["ca.crt"], *ca, "round {round}");
        // The replicas write on.
        fill(&release, &ca).await;
    }
    release.uninstall().await;
}

#[tokio::test]
async fn what_helm_renders_is_applied_server_side_without_a_conflict() {
    let release = Release::new("server-side").await;
    let apply = async |values: &str| {
        for object in release.render(values) {
            release.api.apply(&object).await.created();
        }
    };
    apply(DATADOG).await;
    let ca = STANDARD.encode(release.cluster.authority.pem());
    fill(&release, &ca).await;
    let changes = [
        "[{name: one, objectSelector: {matchLabels: {app: redis}}}, {name: two, namespaceSelector: {matchLabels: {team: a}}}]",
        "[{objectSelector: {matchLabels: {app: web}}}]",
    ];
    for change in changes {
        apply(&selectors(change)).await;
        for entry in release.webhook().await["webhooks"].as_array().unwrap() {
            assert_eq!(entry["clientConfig"]["caBundle"], *ca, "{change}");
        }
        let secret = release.get("v1", "Secret", "datadog-sidecar-injector-ca").await.unwrap();
        assert_eq!(secret["data"]["ca.crt"], *ca, "{change}");
        fill(&release, &ca).await;
    }
    // Whose field it is, is the replicas'.
    let mut webhook = release.webhook().await;
    webhook["webhooks"][0]["clientConfig"]["caBundle"] = STANDARD.encode("another").into();
    webhook["metadata"] = json!({"name": NAME});
    let refused = release.api.apply(&webhook).await;
    assert_eq!(refused.status, 409, "{:#}", refused.body);
    assert!(refused.body.to_string().contains(MANAGER), "{:#}", refused.body);
    // Each configuration is a ConfigMap of its own.
    let rendered = changes.iter().map(|change| selectors(change)).chain([DATADOG.to_owned()]);
    for object in rendered.flat_map(|values| release.render(&values)) {
        release.api.delete(&object).await;
    }
}

#[tokio::test]
async fn what_helm_installs_runs_in_a_restricted_namespace() {
    let release = Release::new("restricted-release").await;
    release.put("install", DATADOG);
    if release.cluster.controllers {
        let pods = wait::until("the replicas' pods", async || {
            Some(release.api.pods(&release.namespace).await).filter(|pods| pods.len() == 2)
        })
        .await;
        assert_eq!(pods[0]["status"]["qosClass"], "Guaranteed");
    }
    release.uninstall().await;
}

#[tokio::test]
async fn the_account_may_do_what_it_is_for_and_nothing_else() {
    let release = Release::new("rights").await;
    release.put("install", "");
    let account = format!("system:serviceaccount:{}:{NAME}", release.namespace);
    let own = rights(&release, &account, &release.namespace).await;
    let expected = [
        "admissionregistration.k8s.io/mutatingwebhookconfigurations/datadog-sidecar-injector: get list patch watch",
        "admissionregistration.k8s.io/mutatingwebhookconfigurations: list",
        "apps/deployments/datadog-sidecar-injector: get",
        &format!("configmaps/{}: get patch", release.config_map().await),
        "namespaces: get list watch",
        "secrets/datadog-secret: list watch",
        "secrets/datadog-sidecar-injector-ca: get list patch watch",
        "secrets: create",
        "services/datadog-cluster-agent: list",
        "services: list",
    ];
    assert_eq!(own, expected);
    let everywhere = [expected[0], expected[1], expected[4], expected[5], expected[8]];
    assert_eq!(rights(&release, &account, "default").await, everywhere);

    let injection =
        |text: &str| format!("clusterAgent: {{admissionController: {{agentSidecarInjection: {{{text}}}}}}}");
    let named = "{name: one, apiKeySecret: {name: a}, clusterAgentTokenSecret: {name: b}}";
    for (values, secrets) in [
        (injection("enabled: false, clusterAgentTlsVerification: {enabled: true}"), None),
        ("injector: {rbac: {readSecrets: false}}".to_owned(), None),
        ("clusterAgent: {enabled: false}".to_owned(), Some("datadog-secret")),
        (injection("clusterAgentTokenSecret: {name: token}"), Some("datadog-secret,token")),
        (injection(&format!("profiles: [{named}]")), Some("a,b,datadog-secret")),
        // The default profile lies under the others.
        (
            injection(&format!(
                "profiles: [{{apiKeySecret: {{name: c}}, clusterAgentTokenSecret: null}}, {named}]"
            )),
            Some("a,b,c,datadog-secret"),
        ),
        (
            injection(
                "profiles: [{env: [{name: DD_CLUSTER_AGENT_AUTH_TOKEN, \
            valueFrom: {secretKeyRef: {name: vault, key: k}}}]}]",
            ),
            Some("datadog-secret,vault"),
        ),
    ] {
        release.put("upgrade", &values);
        let may: Vec<_> = rights(&release, &account, "default").await;
        let found = may.iter().find_map(|right| right.strip_prefix("secrets/")?.strip_suffix(": list watch"));
        assert_eq!(found, secrets, "{values}");
        // The program watches no other: what it may not read it could not know.
        let setting = Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: false };
        let rules = Rules::compile(config::load(&values, "values.yaml").unwrap(), setting);
        if let Some(secrets) = secrets {
            let may: Vec<&str> = secrets.split(',').collect();
            assert!(
                rules.objects().iter().all(|object| may.contains(&&*object.name)),
                "{values}: {:?}",
                rules.objects()
            );
        }
    }
    // That of the probe.
    let account = format!("{account}-probe");
    assert_eq!(rights(&release, &account, &release.namespace).await, ["pods: create get"]);
    assert_eq!(rights(&release, &account, "default").await, [""; 0]);
    let account = format!("system:serviceaccount:{}:{NAME}", release.namespace);
    release.put("upgrade", &injection("clusterAgentTlsVerification: {enabled: true}"));
    let may = rights(&release, &account, "default").await;
    assert!(may.contains(&"configmaps/datadog-ca-cert: list watch".to_owned()), "{may:?}");
    release.uninstall().await;
}

/// What an account may do beyond what everybody may, each `resource: verbs`.
async fn rights(release: &Release, account: &str, namespace: &str) -> Vec<String> {
    let api = release.cluster.api_as(account).await;
    let rules = api.rules(namespace).await;
    let list = |rule: &Value, key: &str| -> Vec<String> {
        let mut list: Vec<_> = rule[key]
            .as_array()
            .into_iter()
            .flatten()
            .map(|text| text.as_str().unwrap().to_owned())
            .collect();
        list.sort();
        list
    };
    let mut found: Vec<String> = Vec::new();
    for rule in rules.as_array().unwrap() {
        if list(rule, "apiGroups")
            .iter()
            .any(|group| group.starts_with("authorization") || group.starts_with("authentication"))
        {
            continue;
        }
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                let group = if group.is_empty() { String::new() } else { format!("{group}/") };
                let names = list(rule, "resourceNames").join(",");
                let name = if names.is_empty() { names } else { format!("/{names}") };
                found.push(format!("{group}{resource}{name}: {}", list(rule, "verbs").join(" ")));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn wrong_values_are_refused_with_their_place() {
    let release = Release::new("wrong-values").await;
    let controller = |text: &str| format!("clusterAgent: {{admissionController: {text}}}");
    let injection = |text: &str| controller(&format!("{{agentSidecarInjection: {text}}}"));
    for (values, told) in [
        ("injector: {replicas: two}".to_owned(), "/injector/replicas"),
        ("injector: {replicas: 0}".to_owned(), "/injector/replicas"),
        ("injector: {replica: 3}".to_owned(), "'replica' not allowed"),
        ("injector: {certificates: {mode: none}}".to_owned(), "'selfManaged', 'certManager', 'files'"),
        ("injector: {certificates: {mode: files}}".to_owned(), "injector.certificates.files.secretName"),
        ("injector: {drainDelay: 1h}".to_owned(), "/injector/drainDelay"),
        ("injector: {image: {digest: abc}}".to_owned(), "/injector/image/digest"),
        ("datadog: {site: 1}".to_owned(), "/datadog/site"),
        ("datadog: {env: [{nam: A}]}".to_owned(), "'nam' not allowed"),
        (controller("{port: 10250}"), "which on Fargate is the kubelet's"),
        (controller("{port: 8080}"), "must not be 8080"),
        (controller("{failurePolicy: ignore}"), "'Ignore', 'Fail'"),
        (controller("{timeoutSeconds: 31}"), "got 31, want 30"),
        (injection("{provder: fargate}"), "'provder' not allowed"),
        (injection("{provider: eks}"), "/agentSidecarInjection/provider"),
        (injection("{selectors: [{}]}"), "selectors[0]: needs an objectSelector or a namespaceSelector"),
        (injection("{selectors: [{objectSelector: {matchLabel: {}}}]}"), "'matchLabel' not allowed"),
        (injection("{profiles: [{name: a, resource: {}}]}"), "'resource' not allowed"),
        (injection("{profiles: [{mode: side}]}"), "/profiles/0/mode"),
        (injection("{imagePullPolicy: always}"), "/imagePullPolicy"),
    ] {
        let message = release.refused(&values);
        assert!(message.contains(told), "{values}: {message}");
    }
}

/// The probe run by hand, with a pod that it can't find: whether it found its way, and what it said.
fn probe(release: &Release, seconds: u32) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_datadog-sidecar-injector"))
        .env_clear()
        .env("KUBECONFIG", &release.cluster.kubeconfig)
        .env("POD_NAMESPACE", &release.namespace)
        .env("POD_NAME", "gone")
        .args(["probe", "--service-account", "default", &format!("--timeout={seconds}s")])
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn certificates_may_come_from_files() {
    let release = Release::new("files-release").await;
    release.make_account(&release.namespace).await;
    let ca = release.cluster.authority.pem().replace('\n', "\\n");
    let values = format!(
        "injector: {{certificates: {{mode: files, files: {{secretName: tls, caBundle: \"{ca}\"}}}}}}"
    );
    release.put("install", &values);
    let Some(_replica) = Replica::start(&release).await else { return };
    let (proved, said) = probe(&release, 60);
    assert!(proved, "{said}");
    release.uninstall().await;
}

#[tokio::test]
async fn the_configuration_of_before_stays_as_long_as_the_replicas_that_read_it() {
    let release = Release::new("configurations").await;
    release.make_account(&release.namespace).await;
    let site = |site: &str| format!("datadog: {{site: {site}}}");
    release.put("install", &site("datadoghq.eu"));
    let Some(_replica) = Replica::start(&release).await else { return };
    let before = release.config_map().await;
    if !release.cluster.controllers {
        return skipped("configurations", "no controllers make ReplicaSets");
    }
    wait::until("the Deployment to own it", async || {
        let map = release.get("v1", "ConfigMap", &before).await.unwrap();
        (map["metadata"]["ownerReferences"][0]["kind"] == "Deployment").then_some(())
    })
    .await;
    release.put("upgrade", &site("us5.datadoghq.com"));
    let after = release.config_map().await;
    assert_ne!(before, after);
    let map = release.get("v1", "ConfigMap", &before).await.expect("the one of before");
    assert_eq!(map["immutable"], true);
    assert!(map["data"]["values.yaml"].as_str().unwrap().contains("datadoghq.eu"));
    // Nobody has taken to the second one: it goes with the manifest.
    release.helm(&["rollback", "injector", "1", "--no-hooks"]);
    assert_eq!(release.config_map().await, before);
    assert!(release.get("v1", "ConfigMap", &after).await.is_none());
    release.put("upgrade", &site("us5.datadoghq.com"));
    release.uninstall().await;
}

#[tokio::test]
async fn with_the_namespace_of_a_release_its_webhook_configuration_goes() {
    let release = Release::new("deleted-release").await;
    release.make_account(&release.namespace).await;
    let values = "clusterAgent: {admissionController: {failurePolicy: Fail}}";
    release.put("install", values);
    let Some(_replica) = Replica::start(&release).await else { return };
    if !release.cluster.controllers {
        return skipped("deleted-release", "no controllers collect garbage");
    }
    let owner =
        async || Some(release.webhook().await["metadata"]["ownerReferences"][0]["name"] == release.namespace);
    wait::until("the namespace to own it", async || owner().await?.then_some(())).await;
    release.kubectl(&["delete", "namespace", &release.namespace]);
    let webhook =
        async || release.get("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", NAME).await;
    wait::until("the end of the webhook configuration", async || webhook().await.is_none().then_some(()))
        .await;
    // What is left asks nobody about anything.
    let left = ["clusterrole", "clusterrolebinding"].map(|kind| release.try_kubectl(&["delete", kind, NAME]));
    assert!(left.iter().all(|output| output.status.success()));
}

#[tokio::test]
async fn the_api_server_reaches_the_injector_through_the_service() {
    let release = Release::new("reached-release").await;
    release.make_account(&release.namespace).await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    release.api.create(&namespace).await.created();
    release.make_account("shop").await;
    release.api.create(&in_namespace(yaml(SECRET), "shop")).await.created();

    let several = "[{objectSelector: {matchLabels: {app: redis}}}, \
        {objectSelector: {matchExpressions: [{key: tier, operator: NotIn, values: [db]}, {key: tier, operator: Exists}]}}, \
        {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, objectSelector: \
        {matchExpressions: [{key: quiet, operator: DoesNotExist}, {key: a.b/c-d_e, operator: In, values: ['x.y_z-1', '']}]}}]";
    release.put("install", &selectors(several));
    let Some(replica) = Replica::start(&release).await else { return };
    let (proved, said) = probe(&release, 60);
    assert!(proved, "{said}");
    assert!(said.contains("the API server reaches the injector"), "{said}");
    assert!(said.contains("a small one, not like its own reached-release/gone"), "{said}");

    let pod = |name: &str, namespace: &str, labels: Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "app", "image": "app"}]}})
    };
    for (name, labels, asked, injected) in [
        ("by-label", json!({"app": "redis"}), true, true),
        ("by-expression", json!({"tier": "web"}), true, true),
        ("not-in", json!({"tier": "db"}), false, false),
        ("without", json!({"a.b/c-d_e": "x.y_z-1"}), true, true),
        ("without-empty", json!({"a.b/c-d_e": ""}), true, true),
        ("with", json!({"a.b/c-d_e": "", "quiet": ""}), false, false),
        ("other", json!({"app": "nginx"}), false, false),
        ("none", json!({}), false, false),
        ("opted-out", json!({"app": "redis", "admission.datadoghq.com/enabled": "false"}), false, false),
    ] {
        let made = release.api.create(&pod(name, "shop", labels)).await.created();
        assert_eq!(pods::sidecars(&made) == 1, injected, "{name}");
        let calls =
            audit::calls(&release.cluster.audit, "shop", name).expect("the creation in the audit log");
        assert_eq!(!calls.is_empty(), asked, "{name}: {calls:?}");
    }
    // The own namespace is left alone.
    let mut own = pod("own", &release.namespace, json!({"app": "redis"}));
    own["spec"]["securityContext"] =
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    own["spec"]["containers"][0]["securityContext"] =
        json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
    let made = release.api.create(&own).await.created();
    assert_eq!(pods::sidecars(&made), 0);

    drop(replica);
    let (proved, said) = probe(&release, 3);
    assert!(!proved && said.contains("does not reach the injector"), "{said}");
    let made = release.api.create(&pod("afterwards", "shop", json!({"app": "redis"}))).await.created();
    assert_eq!(pods::sidecars(&made), 0, "the pod is created without");
    release.uninstall().await;
}
