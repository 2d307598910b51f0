//! The laws over generated pods.

use crate::{
    generated::{anything, object, pod},
    laws,
};
use datadog_sidecar_injector::{
    config::Provider,
    decide::decide,
    patch::{Edits, Patch, Shape, Step},
    select::{Outcome, SkipReason, Subject},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

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
