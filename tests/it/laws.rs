//! What must hold of every injection, whatever the pod and the configuration.

use datadog_sidecar_injector::{
    admission,
    config::{Check, CheckSource, Config, Cws, EnvVar, Image, Logs, Mode, Otlp, Ports, Profile, Provider},
    decide::{Unreadable, decide},
    rules::{Labels, Namespaces, Rules, Setting},
    seen::Seen,
    select::{Decision, Outcome, SkipReason, Subject},
};
use serde_json::{Value, json};

/// A setting as in a cluster.
pub fn setting() -> Setting {
    Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: false }
}

/// Configurations in which every row of the table is on and off, each selecting every pod.
pub fn configurations() -> Vec<(&'static str, Rules)> {
    let everything = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::default();
        config.selectors[0].object = None;
        config.excluded_namespaces.clear();
        change(&mut config);
        Rules::compile(config, setting())
    };
    let profile = |change: &dyn Fn(&mut Profile)| everything(&|config| change(&mut config.profiles[0]));
    let all = |config: &mut Config| {
        config.cluster_agent.as_mut().unwrap().tls_verification = true;
        config.profiles[0].logs = Logs { enabled: true, collect_all: true };
        config.tags = vec!["team:a".into()];
        config.cluster_name = "prod".into();
        config.image_pull_secrets = vec!["pull".into()];
        let context = json!({"readOnlyRootFilesystem": true});
        config.profiles[0].security_context = context.as_object().unwrap().clone();
    };
    vec![
        ("default", everything(&|_| {})),
        ("everything", everything(&all)),
        ("every feature", everything(&every_feature)),
        (
            "every feature, native",
            everything(&|config| {
                every_feature(config);
                config.profiles[0].mode = Mode::Native;
                config.profiles[0].wait_for_agent = true;
            }),
        ),
        ("no sockets", profile(&|profile| profile.sockets = false)),
        ("processes not shared", profile(&|profile| profile.share_process_namespace = false)),
        (
            "everything, native",
            everything(&|config| {
                all(config);
                config.profiles[0].mode = Mode::Native;
            }),
        ),
        ("container", profile(&|profile| profile.mode = Mode::Container)),
        ("no provider", everything(&|config| config.provider = Provider::None)),
        ("no cluster agent", everything(&|config| config.cluster_agent = None)),
    ]
}

/// Switches on what a profile can state.
fn every_feature(config: &mut Config) {
    let profile = &mut config.profiles[0];
    let image = |name: &str| Image { name: name.into(), ..profile.image.clone() };
    profile.cws = Some(Cws {
        image: image("cws-instrumentation"),
        entrypoints: vec![("app".into(), vec!["/app".into(), "serve".into()])],
    });
    profile.image = image("agent-with-checks");
    profile.ports = Ports { dogstatsd: true, apm: true, otlp: Otlp { grpc: true, http: true } };
    let receiver = "DD_OTLP_CONFIG_RECEIVER_PROTOCOLS_GRPC_ENDPOINT";
    profile.env =
        vec![EnvVar { name: receiver.into(), value: Some("0.0.0.0:4317".into()), value_from: None }];
    profile.logs = Logs { enabled: true, collect_all: true };
    profile.process_collection = true;
    profile.service_account_token = true;
    profile.image_pull_secrets = vec!["own".into()];
    profile.tags = vec!["team:shop".into()];
    profile.volumes = vec![json!({"name": "own-checks", "configMap": {"name": "own-checks"}})];
    profile.volume_mounts = vec![json!({"name": "own-checks", "mountPath": "/checks.d", "readOnly": true})];
    let container = |container: &str| CheckSource::Container {
        container: container.into(),
        init_config: json!({}),
        instances: vec![json!({"url": "http://%%host%%:8080/"})],
    };
    profile.checks = vec![
        Check { name: "http_check".into(), source: container("app") },
        Check { name: "tcp_check".into(), source: container("app") },
        Check { name: "redisdb".into(), source: CheckSource::ConfigMap("redis-check".into()) },
    ];
    let context = json!({"readOnlyRootFilesystem": true});
    profile.security_context = context.as_object().unwrap().clone();
}

/// A configuration whose selectors match no pod.
pub fn selecting_nothing(provider: Provider) -> Rules {
    let mut config = Config { provider, ..Config::default() };
    config.selectors.clear();
    config.excluded_namespaces.clear();
    Rules::compile(config, setting())
}

/// Decides a pod of namespace `shop`.
pub fn decided(rules: &Rules, pod: &Value) -> Decision {
    try_decided(rules, pod).unwrap()
}

/// As [`decided`], where the pod may be one that cannot be read.
pub fn try_decided(rules: &Rules, pod: &Value) -> Result<Decision, Unreadable> {
    let labels = labels();
    let subject = Subject { namespace: "shop", namespace_labels: Some(&labels), moment: None };
    decide(pod.to_string().as_bytes(), subject, rules)
}

fn labels() -> Labels {
    Labels::from([("team".to_owned(), "shop".to_owned())])
}

/// Whatever a pod is decided as, the webhook decides it so, in whichever order it comes to know what.
pub fn the_webhook_decides_alike(rules: &Rules, pod: &Value, decision: &Decision) {
    let namespaces = Namespaces::from([("shop".to_owned(), labels())]);
    let seen = Seen { namespaces: Some(namespaces.into()), ..Seen::default() };
    let (metadata, spec) = (&pod["metadata"], &pod["spec"]);
    let head = r#""uid":"1","operation":"CREATE","kind":{"group":"","kind":"Pod"}"#;
    for (order, request) in [
        (
            "of the API server",
            format!(r#"{{{head},"namespace":"shop","object":{{"metadata":{metadata},"spec":{spec}}}}}"#),
        ),
        (
            "spec first",
            format!(r#"{{{head},"namespace":"shop","object":{{"spec":{spec},"metadata":{metadata}}}}}"#),
        ),
        (
            "namespace last",
            format!(r#"{{{head},"object":{{"metadata":{metadata},"spec":{spec}}},"namespace":"shop"}}"#),
        ),
    ] {
        let review = format!(r#"{{"apiVersion":"admission.k8s.io/v1","request":{request}}}"#);
        let answer = admission::review(review.as_bytes(), rules, &seen, 0).unwrap();
        assert_eq!(answer.decision, *decision, "in the order {order}");
    }
}

/// The pod with a decision's patch applied, by a library that knows nothing of ours.
pub fn applied(pod: &Value, decision: &Decision) -> Value {
    let mut pod = pod.clone();
    if !decision.patch.is_empty() {
        let patch: json_patch::Patch =
            serde_json::from_slice(&decision.patch).expect("the patch is RFC 6902");
        json_patch::patch(&mut pod, &patch).expect("the patch applies");
    }
    pod
}

/// Decides a pod and holds the result against every law; answers it, and the pod after it.
pub fn hold(rules: &Rules, pod: &Value) -> (Decision, Value) {
    let decision = decided(rules, pod);
    assert_eq!(decided(rules, pod), decision, "a decision is the same every time");
    the_webhook_decides_alike(rules, pod, &decision);
    assert_ne!(decision.reason(), Some(SkipReason::InternalError), "{}", decision.detail);
    let after = applied(pod, &decision);
    if let Outcome::Skipped(reason) = decision.outcome {
        assert!(decision.patch.is_empty(), "a skipped pod stays as it is");
        assert_eq!(
            decision.detail.is_empty(),
            matches!(reason, SkipReason::NoMatch | SkipReason::NotApplicable)
        );
        return (decision, after);
    }
    operations_are_additions(&decision, pod);
    survives(&without_what_goes(pod, rules), &after, &mut String::new())
        .unwrap_or_else(|lost| panic!("lost: {lost}"));
    names_are_unique(pod, &after);
    assert_eq!(sidecars(&after), 1, "there is one sidecar");
    let again = decided(rules, &after);
    assert_eq!(again.outcome, Outcome::Completed);
    assert_eq!(String::from_utf8_lossy(&again.patch), "", "a second injection changes nothing");
    for warning in &decision.warnings {
        assert!(warning.chars().count() <= 120, "too long: {warning}");
    }
    (decision, after)
}

fn operations_are_additions(decision: &Decision, pod: &Value) {
    if decision.patch.is_empty() {
        return;
    }
    let operations: Vec<Value> = serde_json::from_slice(&decision.patch).unwrap();
    for operation in operations {
        let (op, path) = (operation["op"].as_str().unwrap(), operation["path"].as_str().unwrap());
        let allowed = match op {
            "add" => true,
            "replace" if path.ends_with("/command") => {
                // Workload Protection: what ran still runs, under the tracer.
                let (before, after) = (pod.pointer(path).unwrap(), operation["value"].as_array().unwrap());
                after[..3]
                    == [json!("/cws-instrumentation-volume/cws-instrumentation"), json!("trace"), json!("--")]
                    && (json!(after[3..]) == *before || *before == json!([]))
            }
            "replace" => {
                path == "/metadata/annotations/agent.datadoghq.com~1sidecar.status"
                    || path
                        == "/metadata/annotations/cluster-autoscaler.kubernetes.io~1safe-to-evict-local-volumes"
            }
            "remove" => {
                let name =
                    pod.pointer(path).and_then(|removed| removed["name"].as_str()).unwrap_or("datadog");
                (path.starts_with("/spec/volumes/") || path.contains("/volumeMounts/"))
                    && name.starts_with("datadog")
            }
            _ => false,
        };
        assert!(allowed, "{op} {path}");
        fargate_takes(&operation["value"]);
    }
}

/// Nothing that is added holds what Fargate refuses.
pub fn fargate_takes(added: &Value) {
    match added {
        Value::Object(members) => {
            for (key, value) in members {
                let refused = match key.as_str() {
                    "privileged" | "allowPrivilegeEscalation" | "hostNetwork" | "hostPID" | "hostIPC" => {
                        *value == json!(true)
                    }
                    "hostPath" | "hostPort" | "hostIP" | "csi" => true,
                    "capabilities" => value["add"].as_array().is_some_and(|list| !list.is_empty()),
                    _ => false,
                };
                assert!(!refused, "{key}: {value}");
                fargate_takes(value);
            }
        }
        Value::Array(list) => list.iter().for_each(fargate_takes),
        _ => {}
    }
}

const DATADOGS: [&str; 5] =
    ["datadog", "datadog-dsd", "datadog-apm", "datadog-dogstatsd", "datadog-trace-agent"];

/// The pod without the four things that an injection may remove or rewrite.
fn without_what_goes(pod: &Value, rules: &Rules) -> Value {
    let mut pod = pod.clone();
    for container in pod.pointer_mut("/spec/containers").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(container) = container.as_object_mut() {
            container.remove("command");
        }
    }
    if let Some(annotations) = pod.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.remove("agent.datadoghq.com/sidecar.status");
        annotations.remove("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes");
    }
    if rules.config.provider == Provider::None {
        return pod;
    }
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let gone: Vec<String> = list(&pod["spec"], "volumes")
        .iter()
        .filter(|v| !v["hostPath"].is_null() || !v["csi"].is_null())
        .filter_map(|v| v["name"].as_str())
        .filter(|name| DATADOGS.contains(name))
        .map(str::to_owned)
        .collect();
    let stays = |value: &Value| !gone.iter().any(|name| value["name"] == **name);
    if let Some(volumes) = pod.pointer_mut("/spec/volumes").and_then(Value::as_array_mut) {
        volumes.retain(stays);
    }
    for containers in ["/spec/containers", "/spec/initContainers"] {
        for container in pod.pointer_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.retain(stays);
            }
        }
    }
    pod
}

/// Every member, and every element in its order, is still there; `null` may become something.
fn survives(before: &Value, after: &Value, path: &mut String) -> Result<(), String> {
    match (before, after) {
        (Value::Null, _) => Ok(()),
        (Value::Object(before), Value::Object(after)) => before.iter().try_for_each(|(key, value)| {
            let length = path.len();
            path.push_str(&format!("/{key}"));
            let kept = after.get(key).ok_or(path.clone()).and_then(|after| survives(value, after, path));
            path.truncate(length);
            kept
        }),
        (Value::Array(before), Value::Array(after)) => {
            let mut rest = after.iter();
            before.iter().enumerate().try_for_each(|(index, element)| {
                rest.find(|after| survives(element, after, &mut String::new()).is_ok())
                    .map(drop)
                    .ok_or_else(|| format!("{path}/{index}: {element}"))
            })
        }
        _ if before == after => Ok(()),
        _ => Err(format!("{path}: {before} became {after}")),
    }
}

fn strings<'a>(list: &'a Value, key: &str) -> Vec<&'a str> {
    list.as_array().into_iter().flatten().filter_map(|element| element[key].as_str()).collect()
}

/// No name or path occurs more often than it did, and what is new occurs once.
fn names_are_unique(before: &Value, after: &Value) {
    let check = |before: Vec<&str>, after: Vec<&str>, what: &str| {
        let count = |list: &[&str], name: &str| list.iter().filter(|n| **n == name).count();
        for name in &after {
            assert!(count(&after, name) <= count(&before, name).max(1), "{what} {name} is there twice");
        }
    };
    let containers = |pod: &Value| -> Vec<Value> {
        let of = |list: &str| pod["spec"][list].as_array().cloned().unwrap_or_default();
        [of("initContainers"), of("containers")].concat()
    };
    check(strings(&before["spec"]["volumes"], "name"), strings(&after["spec"]["volumes"], "name"), "volume");
    let (old, new) = (containers(before), containers(after));
    let names =
        |list: &[Value]| list.iter().map(|c| c["name"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>();
    let (old_names, new_names) = (names(&old), names(&new));
    check(
        old_names.iter().map(String::as_str).collect(),
        new_names.iter().map(String::as_str).collect(),
        "container",
    );
    for container in &new {
        let same = old.iter().find(|c| c["name"] == container["name"]).unwrap_or(&Value::Null);
        if new_names.iter().filter(|n| container["name"] == ***n).count() == 1 {
            check(strings(&same["env"], "name"), strings(&container["env"], "name"), "variable");
            check(
                strings(&same["volumeMounts"], "mountPath"),
                strings(&container["volumeMounts"], "mountPath"),
                "mount",
            );
        }
    }
}

fn sidecars(pod: &Value) -> usize {
    let of = |list: &str| {
        strings(&pod["spec"][list], "name").iter().filter(|n| **n == "datadog-agent-injected").count()
    };
    of("containers") + of("initContainers")
}
