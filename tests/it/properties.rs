//! The laws over generated pods: pieces that matter in every combination, `null` and empty, and unknown fields at every level.

use crate::laws;
use datadog_sidecar_injector::{
    config::Provider,
    decide::decide,
    patch::{Edits, Patch, Shape, Step},
    select::{Outcome, SkipReason, Subject},
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Map, Value, json};

/// Any JSON value, small.
fn anything() -> impl Strategy<Value = Value> {
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
fn object(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
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
                json!({}),
            ]),
        ),
        ("restartPolicy", words(&["Always"])),
        ("startupProbe", one_of(&[json!({"exec": {"command": ["true"]}})])),
    ])
}

fn pod() -> BoxedStrategy<Value> {
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

fn step() -> impl Strategy<Value = Step<'static>> {
    prop_oneof![
        select(vec!["a", "b", "l", "a/b", "~"]).prop_map(Step::Key),
        (0usize..4).prop_map(Step::Index),
        Just(Step::End),
    ]
}

#[derive(Clone, Debug)]
enum Operation {
    Add(Vec<Step<'static>>),
    Remove(Vec<Step<'static>>),
    Edit(Vec<Step<'static>>, Vec<usize>, usize, usize),
}

fn operation() -> impl Strategy<Value = Operation> {
    let path = || vec(step(), 1..4);
    let positions =
        proptest::collection::btree_set(0usize..4, 0..3).prop_map(|set| set.into_iter().collect());
    prop_oneof![
        path().prop_map(Operation::Add),
        path().prop_map(Operation::Remove),
        (path(), positions, 0usize..2, 0usize..2).prop_map(|(p, r, a, b)| Operation::Edit(p, r, a, b)),
    ]
}

fn record(patch: &mut Patch<'_>, operation: &Operation) {
    match operation {
        Operation::Add(path) => patch.add(path, "7"),
        Operation::Remove(path) => patch.remove(path),
        Operation::Edit(path, remove, prepend, append) => {
            let (prepend, append) = (vec!["8".into(); *prepend], vec!["9".into(); *append]);
            patch.edit(path, &Edits { remove: remove.clone(), prepend, append });
        }
    }
}

/// A value whose members are not `null`, which a patch of ours takes for absent and RFC 6902 does not; elements may be.
fn without_null(value: Value) -> Value {
    match value {
        Value::Array(list) => list.into_iter().map(without_null).collect(),
        Value::Object(members) => {
            let something = |value: Value| if value.is_null() { json!(0) } else { without_null(value) };
            Value::Object(members.into_iter().map(|(k, v)| (k, something(v))).collect())
        }
        value => value,
    }
}

/// An object in which the generated steps find something.
fn patched_object() -> impl Strategy<Value = Value> {
    let inner =
        object(vec![("a", anything().boxed()), ("a/b", anything().boxed()), ("~", anything().boxed())]);
    let list = vec(prop_oneof![inner.clone(), anything().boxed()], 0..4).prop_map(Value::from).boxed();
    object(vec![("a", inner.clone()), ("b", list.clone()), ("l", list), ("~", inner)]).prop_map(without_null)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_generated_pod_obeys_the_laws(pod in pod()) {
        for (_, rules) in laws::configurations() {
            laws::hold(&rules, &pod);
        }
    }

    /// A pod that no selector matches is read in brief, and is skipped for the reason it would be skipped for if it were not.
    #[test]
    fn a_pod_of_no_selector_is_decided_as_if_read_whole(pod in pod()) {
        for provider in [Provider::Fargate, Provider::None] {
            let rules = laws::selecting_nothing(provider);
            laws::the_webhook_decides_alike(&rules, &pod, &laws::decided(&rules, &pod));
        }
    }

    /// Checking an operation against the outline of an object says what applying it says.
    #[test]
    fn the_check_equals_a_real_apply(object in patched_object(), operations in vec(operation(), 1..5)) {
        let mut patch = Patch::new(Shape::of(&object));
        let mut expected = object.clone();
        let mut applies = true;
        for operation in &operations {
            let mut single = Patch::new(Shape::of(&expected));
            record(&mut patch, operation);
            record(&mut single, operation);
            // The text of a patch that was found bad is not told, so the real apply is asked about the operation as it is.
            let real = match operation {
                Operation::Add(path) => Some(json!([{"op": "add", "path": pointer(path), "value": 7}])),
                Operation::Remove(path) => Some(json!([{"op": "remove", "path": pointer(path)}])),
                Operation::Edit(..) => None,
            };
            match (single.finish(), real) {
                (Ok(text), _) if text.is_empty() => {}
                (Ok(text), _) => {
                    let operations: json_patch::Patch = serde_json::from_slice(&text).unwrap();
                    prop_assert!(json_patch::patch(&mut expected, &operations).is_ok(), "{}", String::from_utf8_lossy(&text));
                }
                (Err(fault), Some(real)) => {
                    let operations: json_patch::Patch = serde_json::from_value(real.clone()).unwrap();
                    let applied = json_patch::patch(&mut expected.clone(), &operations);
                    prop_assert!(
                        applied.is_err() || position_in_an_object(&expected, operation),
                        "{fault}, but it applies: {real} to {expected}"
                    );
                    applies = false;
                }
                (Err(_), None) => applies = false,
            }
            if !applies {
                break;
            }
        }
        match patch.finish() {
            Ok(text) => {
                prop_assert!(applies);
                let mut after = object.clone();
                if !text.is_empty() {
                    let operations: json_patch::Patch = serde_json::from_slice(&text).unwrap();
                    json_patch::patch(&mut after, &operations).unwrap();
                }
                prop_assert_eq!(after, expected);
            }
            Err(_) => prop_assert!(!applies),
        }
    }

    /// Whatever bytes come in, a review is answered or refused.
    #[test]
    fn no_bytes_end_the_process(bytes in vec(any::<u8>(), 0..200), cut in 0usize..400) {
        use datadog_sidecar_injector::{admission::review, seen::Seen};
        let (_, rules) = laws::configurations().swap_remove(0);
        let _ = review(&bytes, &rules, &Seen::default(), 0);
        let whole = json!({"apiVersion": "admission.k8s.io/v1", "request": {"uid": "1", "operation": "CREATE",
            "kind": {"kind": "Pod"}, "object": {"spec": {"containers": [{"name": "a", "env": [{"name": "DD_ENV"}]}]}}}});
        let mut text = whole.to_string().into_bytes();
        text.truncate(cut);
        let _ = review(&text, &rules, &Seen::default(), 0);
        text.splice(cut.min(text.len())..cut.min(text.len()), bytes);
        let _ = review(&text, &rules, &Seen::default(), 0);
    }
}

/// RFC 6901 cannot tell a position from a member of that name; we can, and never mean the member.
fn position_in_an_object(object: &Value, operation: &Operation) -> bool {
    let (Operation::Add(path) | Operation::Remove(path) | Operation::Edit(path, ..)) = operation;
    (0..path.len()).any(|n| {
        !matches!(path[n], Step::Key(_)) && object.pointer(&pointer(&path[..n])).is_some_and(Value::is_object)
    })
}

fn pointer(path: &[Step<'_>]) -> String {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
            Step::End => "/-".to_owned(),
        })
        .collect()
}

/// Whoever may create pods may make them so large: no other review is answered meanwhile.
#[test]
fn a_hostile_pod_is_decided_in_no_time() {
    // As many as are still decided, and far more than that.
    for count in [4_900, 20_000] {
        hostile_pods_are_decided_in_no_time(count);
    }
}

fn hostile_pods_are_decided_in_no_time(count: usize) {
    let many = |element: &dyn Fn(usize) -> Value| (0..count).map(element).collect::<Vec<_>>();
    let volumes = many(&|_| json!({"name": "datadog", "emptyDir": {}}));
    let mounts = many(&|_| json!({"name": "datadog", "mountPath": "/var/run/datadog"}));
    let amounts: Map<String, Value> = (0..count).map(|i| (format!("example.com/{i}"), json!("1"))).collect();
    let containers = many(&|i| json!({"name": i.to_string(), "resources": {"requests": {"cpu": "1m"}}}));
    let annotations: Map<String, Value> =
        (0..count).map(|i| (format!("agent.datadoghq.com/sidecar.{i}"), json!("1"))).collect();
    for pod in [
        json!({"spec": {"volumes": volumes, "containers": [{"name": "app", "volumeMounts": mounts}]}}),
        json!({"spec": {"resources": {"requests": amounts}, "containers": containers}}),
        json!({"metadata": {"annotations": annotations}, "spec": {"containers": containers}}),
    ] {
        for (name, rules) in laws::configurations() {
            let text = pod.to_string();
            let subject = Subject { namespace: "shop", namespace_labels: None, moment: None };
            let start = std::time::Instant::now();
            let decision = decide(text.as_bytes(), subject, &rules).unwrap();
            assert_ne!(decision.reason(), Some(SkipReason::InternalError), "{name}: {}", decision.detail);
            assert!(start.elapsed().as_secs() < 5, "{name}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn a_pod_that_states_every_port_is_decided_in_no_time() {
    let ports = |last: u16| -> Vec<Value> { (1..=last).map(|port| json!({"containerPort": port})).collect() };
    for (last, too_many) in [(9_900, false), (u16::MAX, true)] {
        let pod = json!({"spec": {"containers": [{"name": "app", "ports": ports(last)}]}});
        for (name, rules) in laws::configurations() {
            let start = std::time::Instant::now();
            let (decision, _) = laws::hold(&rules, &pod);
            assert_eq!(decision.reason() == Some(SkipReason::TooComplex), too_many, "{name}: {decision:?}");
            assert!(start.elapsed().as_secs() < 5, "{name}: {:?}", start.elapsed());
        }
    }
}

#[test]
fn generated_pods_are_of_every_kind() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (_, rules) = laws::configurations().swap_remove(0);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..2000 {
        let pod = pod().new_tree(&mut runner).unwrap().current();
        let decision = laws::decided(&rules, &pod);
        seen.insert(match decision.outcome {
            Outcome::Skipped(reason) => reason.label(),
            outcome => outcome.label(),
        });
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["conflict", "injected", "unsupported_pod"]);
}
