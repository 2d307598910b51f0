//! Documents that are no manifests, and kinds whose pods are injected in the cluster alone.

use super::unmatched::wanted;
use crate::{config::Selector, manifest::Document, sidecar::SIDECAR_LABEL, workload::Object};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What the file of a kustomization is called; it need not have a kind.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Where a kustomization names its patches.
const PATCH_LISTS: [&str; 3] = ["patches", "patchesStrategicMerge", "patchesJson6902"];

/// Files that are patches, with the kustomization that says so.
pub(super) type Patches = BTreeMap<String, String>;

/// What only a chart's templates refer to; other tools have braces of their own.
const HELM: [&str; 4] = [".Values.", ".Release.Name", ".Chart.", "include \""];

/// What has labels and a template, but no pods.
const NO_PODS: [&str; 2] = ["Secret", "Certificate"];

/// Where a values file has what it configures.
const VALUES: [&str; 2] = ["datadog", "clusterAgent"];

/// Says of a document that is no manifest what it is.
pub(super) fn no_manifest(file: &str, document: &Document<'_>) -> Option<String> {
    let (what, instead) = if document.patch {
        ("a JSON patch and no manifest", "; inject what it is applied to")
    } else {
        let value = document.value.as_ref()?;
        if is_kustomization(file, value) {
            ("a kustomization and no manifest", "; inject what kustomize build prints")
        } else if !value.contains_key("kind") && !is_values(value) {
            ("no Kubernetes object, for it has no kind", "")
        } else {
            return None;
        }
    };
    Some(format!("{file}: document {} is {what}: it stays as it is{instead}", document.number))
}

/// Whether a document configures Datadog's chart or ours.
pub(super) fn is_values(value: &Map<String, Value>) -> bool {
    let configures = VALUES.iter().any(|key| value.get(*key).is_some_and(Value::is_object));
    configures && !value.contains_key("kind") && !value.contains_key("apiVersion")
}

/// Returns the names of the files that kustomizations of the input name as patches, with the kustomization.
pub(super) fn patch_files<'a>(documents: impl Iterator<Item = (&'a str, &'a Document<'a>)>) -> Patches {
    let mut patches = Patches::new();
    for (file, document) in documents {
        let Some(value) = document.value.as_ref().filter(|value| is_kustomization(file, value)) else {
            continue;
        };
        let folder = file.rfind('/').map_or("", |end| &file[..=end]);
        let lists = PATCH_LISTS.iter().filter_map(|list| value.get(*list)?.as_array());
        for named in lists.flatten() {
            if let Some(path) = named.as_str().or_else(|| named.get("path")?.as_str()) {
                patches.insert(format!("{folder}{}", path.trim_start_matches("./")), file.to_owned());
            }
        }
    }
    patches
}

/// Whether a manifest looks like a template that Helm has not rendered.
pub(super) fn is_helm_template(text: &str) -> bool {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| rest.split("}}").next())
        .any(|inside| HELM.iter().any(|reference| inside.contains(reference)))
}

fn is_kustomization(file: &str, value: &Map<String, Value>) -> bool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let of_kustomize =
        text("apiVersion").is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"));
    of_kustomize || (text("kind").is_none() && KUSTOMIZATION.contains(&name))
}

/// Says why the templates of an object are left alone.
pub(super) fn left_alone(object: &Object) -> Option<&'static str> {
    object.api_version.starts_with("serving.knative.dev/").then_some(
        "Knative refuses fieldRef and shareProcessNamespace in a template by default; its pods are injected in the cluster",
    )
}

/// Says that a label that a selector wants is inside an object without a template that could be found.
pub(super) fn hidden(root: &Value, object: &Object, selectors: &[Selector]) -> Option<String> {
    if NO_PODS.iter().any(|kind| object.name.kind.ends_with(kind)) {
        return None;
    }
    let members = root.pointer(&object.pointer)?.as_object()?.iter();
    let inside = members.filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status"));
    let key = inside.into_iter().find_map(|(_, value)| selected_label(value, selectors))?;
    Some(format!(
        "has label {key} inside, but no pod template that is known: it stays as it is; pods made of it are injected in the cluster"
    ))
}

fn selected_label(value: &Value, selectors: &[Selector]) -> Option<String> {
    match value {
        Value::Object(object) => object.iter().find_map(|(key, value)| {
            let labels =
                (key == "labels" || key.ends_with("Labels") && key != "matchLabels").then_some(value);
            let own = labels.and_then(Value::as_object).and_then(|labels| wanted_label(labels, selectors));
            own.or_else(|| selected_label(value, selectors))
        }),
        Value::Array(items) => items.iter().find_map(|item| selected_label(item, selectors)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// The label for which a selector would match.
fn wanted_label(labels: &Map<String, Value>, selectors: &[Selector]) -> Option<String> {
    if labels.contains_key(SIDECAR_LABEL) {
        return Some(SIDECAR_LABEL.to_owned());
    }
    let matching = selectors
        .iter()
        .filter_map(|selector| selector.object.as_ref())
        .filter(|object| object.matches(|key| labels.get(key).and_then(Value::as_str)));
    matching.flat_map(wanted).map(|(key, _)| key.to_owned()).next()
}
