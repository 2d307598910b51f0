//! Pods made up of pieces that matter in every combination, `null` and empty, and unknown fields at every level.

use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Any JSON value, small.
pub fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z/~\"\\\\ é]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("[a-z/~]{1,4}", inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An object of some of these members, with fields that nobody knows.
pub fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(key, value)| {
            option::weighted(0.6, prop_oneof![9 => value, 1 => Just(Value::Null)])
                .prop_map(move |v| (key, v))
                .boxed()
        })
        .collect();
    (members, option::weighted(0.3, ("future[A-Z]{1,2}", anything())))
        .prop_map(|(members, unknown)| {
            let known = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
            Value::Object(known.chain(unknown).collect::<Map<_, _>>())
        })
        .boxed()
}

fn one_of(values: &[Value]) -> BoxedStrategy<Value> {
    select(values.to_vec()).boxed()
}

fn words(words: &[&str]) -> BoxedStrategy<Value> {
    one_of(&words.iter().map(|word| json!(word)).collect::<Vec<_>>())
}

fn flag() -> BoxedStrategy<Value> {
    any::<bool>().prop_map(Value::from).boxed()
}

/// A list in which a name occurs once, as the API server demands of the lists it merges by that name; sometimes with a `null`.
fn list(element: BoxedStrategy<Value>, unique: &'static str, most: usize) -> BoxedStrategy<Value> {
    (vec(element, 0..most), option::weighted(0.03, 0..most))
        .prop_map(move |(elements, null)| {
            let mut seen = Vec::new();
            let first = elements.into_iter().filter(|element| {
                let name = element[unique].clone();
                let new = !name.is_null() && !seen.contains(&name);
                seen.push(name);
                new
            });
            let mut all: Vec<_> = first.collect();
            if let Some(at) = null {
                all.insert(at.min(all.len()), Value::Null);
            }
            Value::Array(all)
        })
        .boxed()
}

const VOLUMES: [&str; 8] =
    ["ddsockets", "datadog", "datadog-dsd", "agent-config", "agent-option", "agent-ca-cert", "data", "mine"];

fn volume() -> BoxedStrategy<Value> {
    let source = one_of(&[
        json!({"emptyDir": {}}),
        json!({"emptyDir": {"medium": "Memory"}}),
        json!({"hostPath": {"path": "/var/run/datadog"}}),
        json!({"csi": {"driver": "k8s.csi.datadoghq.com"}}),
        json!({"configMap": {"name": "datadog-ca-cert"}}),
        json!({"secret": {"secretName": "s"}}),
        json!({}),
    ]);
    (select(&VOLUMES[..]), source)
        .prop_map(|(name, mut source)| {
            source["name"] = json!(name);
            source
        })
        .boxed()
}

fn container() -> BoxedStrategy<Value> {
    let mount = object(vec![
        ("name", words(&VOLUMES)),
        (
            "mountPath",
            words(&["/var/run/datadog", "/var/run/datadog/", "/data", "/tmp", "/cws-instrumentation-volume"]),
        ),
        ("subPath", words(&["a"])),
        ("readOnly", flag()),
    ]);
    let variable = object(vec![
        ("name", words(&["DD_TRACE_AGENT_URL", "DD_DOGSTATSD_URL", "DD_ENV", "DD_SERVICE", "OTHER"])),
        ("value", words(&["unix:///var/run/datadog/apm.socket", "prod", "", "x"])),
        ("valueFrom", one_of(&[json!({"fieldRef": {"fieldPath": "metadata.name"}})])),
    ]);
    let security = object(vec![
        ("runAsNonRoot", flag()),
        ("allowPrivilegeEscalation", flag()),
        ("capabilities", one_of(&[json!({"drop": ["ALL"]}), json!({"drop": []}), json!({})])),
        ("seccompProfile", one_of(&[json!({"type": "RuntimeDefault"}), json!({"type": "Unconfined"})])),
    ]);
    let port = object(vec![
        (
            "containerPort",
            one_of(&[
                json!(5000),
                json!(5001),
                json!(8125),
                json!(8126),
                json!(4317),
                json!(15000),
                json!(80),
            ]),
        ),
        ("protocol", words(&["TCP", "UDP"])),
        ("name", words(&["http", "traceport"])),
    ]);
    object(vec![
        ("command", one_of(&[json!(["/app"]), json!([]), json!(["sh", "-c", "exec app"])])),
        ("ports", vec(port, 0..3).prop_map(Value::from).boxed()),
        (
            "name",
            words(&[
                "app",
                "web",
                "worker",
                "istio-proxy",
                "init-copy-agent-config",
                "cws-instrumentation-init",
            ]),
        ),
        ("image", words(&["redis:7", "host:5000/datadog/agent-helper", ""])),
        ("env", list(variable, "name", 5)),
        ("volumeMounts", list(mount, "mountPath", 4)),
        ("securityContext", security),
        (
            "resources",
            one_of(&[
                json!({"requests": {"cpu": "1", "memory": "1Gi"}}),
                json!({"limits": {"cpu": "100m"}}),
                json!({"requests": {"ephemeral-storage": "1Gi"}}),
                json!({}),
            ]),
        ),
        ("restartPolicy", words(&["Always"])),
        ("startupProbe", one_of(&[json!({"exec": {"command": ["true"]}})])),
    ])
}

/// A pod, often one that the API server would refuse.
pub fn pod() -> BoxedStrategy<Value> {
    let labels = object(vec![
        ("tags.datadoghq.com/env", words(&["prod", ""])),
        ("tags.datadoghq.com/service", words(&["shop"])),
        ("agent.datadoghq.com/sidecar", words(&["fargate"])),
    ]);
    let labels = labels.prop_map(|mut labels| {
        labels.as_object_mut().unwrap().retain(|key, _| !key.starts_with("future"));
        labels
    });
    let annotations = object(vec![
        (
            "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes",
            words(&["", "cache", "cache,ddsockets"]),
        ),
        ("agent.datadoghq.com/sidecar.status", words(&["old"])),
        ("agent.datadoghq.com/sidecar.mode", words(&["native", "container", "wrong"])),
        ("agent.datadoghq.com/sidecar.cpu.limit", words(&["1", "-1", "lots"])),
        ("agent.datadoghq.com/sidecar.profile", words(&["default", "none"])),
        (
            "agent.datadoghq.com/sidecar.entrypoints",
            words(&[r#"{"web":["/web"]}"#, "{}", "[]", "{\"web\":[]}"]),
        ),
        ("ad.datadoghq.com/app.checks", words(&["{}", "{\"x\":1}"])),
        (
            "kubernetes.io/limit-ranger",
            words(&["LimitRanger plugin set: ephemeral-storage request for container app", "something"]),
        ),
        ("a/b~c", words(&["x"])),
    ]);
    let spec = object(vec![
        ("containers", list(container(), "name", 4)),
        ("initContainers", list(container(), "name", 3)),
        ("volumes", list(volume(), "name", 5)),
        ("restartPolicy", words(&["Always", "Never", "OnFailure"])),
        ("shareProcessNamespace", flag()),
        ("automountServiceAccountToken", flag()),
        (
            "securityContext",
            one_of(&[json!({"runAsNonRoot": true, "runAsUser": 1000}), json!({"runAsUser": 0}), json!({})]),
        ),
        ("imagePullSecrets", one_of(&[json!([{"name": "pull"}]), json!([]), json!([{"name": "mine"}])])),
        (
            "resources",
            one_of(&[
                json!({"limits": {"cpu": "4", "memory": "8Gi"}}),
                json!({"requests": {"cpu": "100m"}}),
                json!({}),
            ]),
        ),
        (
            "nodeSelector",
            one_of(&[json!({"kubernetes.io/os": "linux"}), json!({"kubernetes.io/arch": "arm64"})]),
        ),
    ]);
    let metadata =
        object(vec![("labels", labels.boxed()), ("annotations", annotations), ("name", words(&["p"]))]);
    object(vec![("metadata", metadata), ("spec", spec), ("status", anything().boxed())])
}
