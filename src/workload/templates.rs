//! Where an object has its pod templates: by its kind, or where it has something of their shape.

use serde_json::{Map, Value};

/// The kinds of Kubernetes itself. Their template is in one place, and is one without containers too.
const KNOWN: [(&str, &str); 9] = [
    ("Pod", ""),
    ("CronJob", "/spec/jobTemplate/spec/template"),
    ("PodTemplate", "/template"),
    ("DaemonSet", "/spec/template"),
    ("Deployment", "/spec/template"),
    ("Job", "/spec/template"),
    ("ReplicaSet", "/spec/template"),
    ("ReplicationController", "/spec/template"),
    ("StatefulSet", "/spec/template"),
];

/// Where most other kinds have it.
const USUAL: &str = "/spec/template";

/// API groups whose objects hold patterns and patches in the shape of pods, of which none is made.
const PATTERNS: [&str; 6] = [
    "kyverno.io",
    "policies.kyverno.io",
    "constraints.gatekeeper.sh",
    "mutations.gatekeeper.sh",
    "apiextensions.k8s.io",
    "kustomize.config.k8s.io",
];

/// Returns the JSON pointers of an object's pod templates, from the object.
pub(super) fn of(object: &Map<String, Value>, api_version: &str, kind: &str) -> Vec<String> {
    let known = KNOWN.iter().find(|(known, _)| *known == kind).map(|(_, pointer)| *pointer);
    if let Some(pointer) = known.filter(|pointer| at(object, pointer).is_some()) {
        return vec![pointer.to_owned()];
    }
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let mut found = Vec::new();
    if !PATTERNS.contains(&group) {
        for (key, value) in object.iter().filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status")) {
            search(value, key, &member("", key), &mut found);
        }
    }
    found
}

/// Looks for templates in a value; what is inside a template is none.
fn search(value: &Value, key: &str, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) if is_template(object, key, pointer) => found.push(pointer.to_owned()),
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| search(value, key, &member(pointer, key), found));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(i, item)| search(item, "", &format!("{pointer}/{i}"), found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn is_template(object: &Map<String, Value>, key: &str, pointer: &str) -> bool {
    let containers = at(object, "/spec").and_then(|spec| spec.get("containers")?.as_array());
    let Some(containers) = containers else { return false };
    if pointer == USUAL {
        return true;
    }
    let called_one = key.ends_with("template") || key.ends_with("Template");
    let is_container =
        |value: &Value| ["name", "image"].iter().any(|key| value.get(key).is_some_and(Value::is_string));
    (called_one || object.get("metadata").is_some_and(Value::is_object))
        && !containers.is_empty()
        && containers.iter().all(is_container)
}

/// The object at a pointer without escapes.
fn at<'o>(object: &'o Map<String, Value>, pointer: &str) -> Option<&'o Map<String, Value>> {
    pointer.split('/').skip(1).try_fold(object, |object, key| object.get(key)?.as_object())
}

fn member(pointer: &str, key: &str) -> String {
    format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(object: &Value) -> Vec<String> {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        of(object.as_object().unwrap(), text("apiVersion"), text("kind"))
    }

    #[test]
    fn templates_of_other_kinds_are_found_by_their_shape() {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "w"}]}});
        for (object, pointers) in [
            (
                json!({"kind": "ScaledJob", "spec": {"jobTargetRef": {"template": template}}}),
                vec!["/spec/jobTargetRef/template"],
            ),
            (
                json!({"kind": "JobSet", "spec": {"replicatedJobs": [
                    {"template": {"spec": {"template": template}}}, {"template": {"spec": {"template": template}}}]}}),
                vec![
                    "/spec/replicatedJobs/0/template/spec/template",
                    "/spec/replicatedJobs/1/template/spec/template",
                ],
            ),
            (
                json!({"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {"tasks": [{"template": template}]}}),
                vec!["/spec/tasks/0/template"],
            ),
            (
                json!({"kind": "X", "spec": {"a/b~c": {"podTemplate": {"spec": template["spec"]}}}}),
                vec!["/spec/a~1b~0c/podTemplate"],
            ),
        ] {
            assert_eq!(found(&object), pointers, "{object}");
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        let spec = json!({"containers": [{"name": "w"}]});
        let template = json!({"metadata": {}, "spec": spec});
        for object in [
            json!({"kind": "Prometheus", "metadata": {}, "spec": spec}),
            json!({"kind": "ApplicationSet", "spec": {"template": {"metadata": {}, "spec": {"project": "p"}}}}),
            json!({"kind": "X", "spec": {"template": {"metadata": {}, "spec": {"containers": {}}}}}),
            json!({"kind": "X", "spec": {"pod": {"metadata": {}, "spec": {"containers": [{"weight": 1}]}}}}),
            json!({"kind": "X", "status": {"template": template}}),
            json!({"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": {"rules": [{"validate": {"pattern": template}}]}}),
        ] {
            assert_eq!(found(&object), [""; 0], "{object}");
        }
    }

    #[test]
    fn a_kind_of_kubernetes_has_its_template_without_containers_too() {
        assert_eq!(found(&json!({"kind": "Pod"})), [""]);
        assert_eq!(
            found(&json!({"kind": "Deployment", "spec": {"template": {"spec": {}}}})),
            ["/spec/template"]
        );
        assert_eq!(found(&json!({"kind": "Deployment", "spec": {}})), [""; 0]);
    }
}
