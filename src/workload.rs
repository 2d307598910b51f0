//! Where the pod template lives in each kind.

mod templates;

use crate::rules::{Labels, Namespaces};
use serde_json::{Map, Value};
use std::fmt;

/// The label every namespace has.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// How deep Lists may hold Lists.
const MAX_LISTS: usize = 16;

/// An object of a document with the pods that are made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The object's JSON pointer from the document's root, empty where the document is the object.
    pub pointer: String,
    /// The object's `apiVersion`, empty where it has none.
    pub api_version: String,
    /// The object in messages.
    pub name: ObjectName,
    /// The JSON pointers of its pod templates from the document's root; a Pod is its own.
    pub templates: Vec<String>,
}

/// An object in messages: `KIND/NAMESPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// Its kind.
    pub kind: String,
    /// Its namespace, or the one that is assumed.
    pub namespace: String,
    /// Its name, or its generateName.
    pub name: String,
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// Returns the objects of a document in its order; those of a List are its items.
pub fn objects(document: &Map<String, Value>, default_namespace: &str) -> Vec<Object> {
    let mut found = Vec::new();
    each_object(document, "", "", 0, &mut |object, kind, pointer| {
        let api_version = text(object, "apiVersion").unwrap_or_default();
        let templates = templates::of(object, api_version, kind);
        found.push(Object {
            pointer: pointer.to_owned(),
            api_version: api_version.to_owned(),
            name: object_name(object, kind, default_namespace),
            templates: templates.into_iter().map(|template| format!("{pointer}{template}")).collect(),
        });
    });
    found
}

/// Adds the labels of the namespaces that a document holds.
pub fn collect_namespaces(document: &Map<String, Value>, namespaces: &mut Namespaces) {
    each_object(document, "", "", 0, &mut |object, kind, _| {
        let core = text(object, "apiVersion").is_none_or(|version| version == "v1");
        let Some(metadata) = object.get("metadata").and_then(Value::as_object) else { return };
        let Some(name) = text(metadata, "name").filter(|_| core && kind == "Namespace") else { return };
        let labels = namespaces.entry(name.to_owned()).or_default();
        for (key, value) in metadata.get("labels").and_then(Value::as_object).into_iter().flatten() {
            if let Some(value) = value.as_str() {
                labels.insert(key.clone(), value.to_owned());
            }
        }
    });
}

/// The labels of a namespace: those that are known, and its name, which every namespace has.
pub fn namespace_labels(namespaces: &Namespaces, name: &str) -> Labels {
    let mut labels = namespaces.get(name).cloned().unwrap_or_default();
    labels.insert(NAME_LABEL.into(), name.into());
    labels
}

/// Calls `visit` with every object that is no List, its kind and its pointer.
fn each_object(
    object: &Map<String, Value>,
    list_kind: &str,
    pointer: &str,
    depth: usize,
    visit: &mut impl FnMut(&Map<String, Value>, &str, &str),
) {
    // Items of a DeploymentList need not say that they are Deployments.
    let kind = text(object, "kind").unwrap_or_else(|| list_kind.strip_suffix("List").unwrap_or(""));
    match object.get("items").and_then(Value::as_array).filter(|_| kind.ends_with("List")) {
        Some(items) if depth < MAX_LISTS => {
            for (i, item) in items.iter().enumerate() {
                if let Some(item) = item.as_object() {
                    each_object(item, kind, &format!("{pointer}/items/{i}"), depth + 1, visit);
                }
            }
        }
        _ => visit(object, kind, pointer),
    }
}

fn object_name(object: &Map<String, Value>, kind: &str, default_namespace: &str) -> ObjectName {
    let metadata = object.get("metadata").and_then(Value::as_object);
    let field = |key| metadata.and_then(|metadata| text(metadata, key)).filter(|value| !value.is_empty());
    ObjectName {
        kind: kind.to_owned(),
        namespace: field("namespace").unwrap_or(default_namespace).to_owned(),
        name: field("name").or_else(|| field("generateName")).unwrap_or("unnamed").to_owned(),
    }
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(document: &Value) -> Vec<(String, String)> {
        let found = objects(document.as_object().unwrap(), "fallback");
        let named = |object: Object| {
            object.templates.into_iter().map(move |template| (template, object.name.to_string()))
        };
        found.into_iter().flat_map(named).collect()
    }

    #[test]
    fn finds_the_template_of_each_kind() {
        let spec = json!({"containers": [{"name": "app"}]});
        let template = json!({"spec": spec});
        for (kind, document, pointer) in [
            ("Pod", json!({"spec": spec}), ""),
            ("Deployment", json!({"spec": {"template": template}}), "/spec/template"),
            ("ReplicaSet", json!({"spec": {"template": template}}), "/spec/template"),
            ("StatefulSet", json!({"spec": {"template": template}}), "/spec/template"),
            ("DaemonSet", json!({"spec": {"template": template}}), "/spec/template"),
            ("Job", json!({"spec": {"template": template}}), "/spec/template"),
            ("ReplicationController", json!({"spec": {"template": template}}), "/spec/template"),
            (
                "CronJob",
                json!({"spec": {"jobTemplate": {"spec": {"template": template}}}}),
                "/spec/jobTemplate/spec/template",
            ),
            ("PodTemplate", json!({"template": template}), "/template"),
            ("Rollout", json!({"spec": {"template": template}}), "/spec/template"),
        ] {
            let mut document = document;
            document["kind"] = kind.into();
            document["metadata"] = json!({"name": "web", "namespace": "shop"});
            assert_eq!(found(&document), [(pointer.to_owned(), format!("{kind}/shop/web"))]);
        }
    }

    #[test]
    fn looks_into_lists_of_lists() {
        let pod = json!({"kind": "Pod", "metadata": {"generateName": "job-"}, "spec": {"containers": []}});
        let inner = json!({"kind": "PodList", "items": [{"spec": {"containers": []}}, "not an object"]});
        let list = json!({"kind": "List", "items": [{"kind": "Service"}, pod, inner]});
        assert_eq!(
            found(&list),
            [
                ("/items/1".to_owned(), "Pod/fallback/job-".to_owned()),
                ("/items/2/items/0".to_owned(), "Pod/fallback/unnamed".to_owned()),
            ]
        );
    }

    #[test]
    fn leaves_other_kinds_alone() {
        for document in [
            json!({}),
            json!({"kind": "Service", "spec": {"template": "text"}}),
            json!({"kind": "Workflow", "spec": {"templates": []}}),
            json!({"kind": "SealedSecret", "spec": {"template": {"spec": {}}}}),
            json!({"kind": "Deployment", "spec": {"template": null}}),
            json!({"kind": "List", "items": {}}),
        ] {
            assert_eq!(found(&document), []);
        }
    }

    #[test]
    fn knows_the_labels_of_namespaces() {
        let mut known = Namespaces::new();
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "shop", "labels": {"team": "a", "bad": 1}}});
        let list = json!({"kind": "List", "items": [namespace]});
        collect_namespaces(list.as_object().unwrap(), &mut known);
        let labels = namespace_labels(&known, "shop");
        assert_eq!(labels.get("team").map(String::as_str), Some("a"));
        assert_eq!(labels.get(NAME_LABEL).map(String::as_str), Some("shop"));
        assert_eq!(labels.len(), 2);
        assert_eq!(namespace_labels(&known, "other").len(), 1);
    }
}
