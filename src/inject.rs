//! Manifests in, injected manifests out, without touching a file: what the command `inject` does between reading and writing.

mod diff;
mod output;

use crate::{
    decide::Unreadable,
    manifest::{self, Document, Fault},
    rules::Namespaces,
    select::{Decision, Outcome, SkipReason, Subject},
    workload::{self, ObjectName, Workload},
};
use serde_json::{Map, Value};

pub use diff::diff;
pub use output::{json, names, patches, yaml};

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// What is assumed of objects that do not say it themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumptions {
    /// The namespace of objects that name none; `None`: `default`.
    pub namespace: Option<String>,
    /// Labels of namespaces, over those of Namespace documents in the input.
    pub namespace_labels: Namespaces,
}

/// A file with what was decided of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sheet<'a> {
    /// The file's name in messages.
    pub name: &'a str,
    /// Its documents in order; together they are the whole file.
    pub pages: Vec<Page<'a>>,
}

/// A document with what was decided of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<'a> {
    /// As it was read.
    pub document: Document<'a>,
    /// What it holds now; `None` where it stays as it is.
    pub changed: Option<Map<String, Value>>,
    /// RFC 6902 operations from the document's root.
    pub operations: Vec<Value>,
    /// The objects that change.
    pub names: Vec<ObjectName>,
    /// For people, a line each: warnings, skips, what is lost.
    pub notes: Vec<String>,
}

/// A document that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {fault}")]
pub struct Unread {
    /// The file.
    pub name: String,
    /// What is wrong, and where.
    pub fault: Fault,
}

/// Reads all inputs, decides every pod in them with `decide`, and applies its patches.
///
/// The errors are those of all documents that cannot be read; nothing was decided then.
pub fn inject<'a>(
    inputs: &'a [Input],
    assumptions: &Assumptions,
    decide: impl Fn(&[u8], Subject<'_>) -> Result<Decision, Unreadable>,
) -> Result<Vec<Sheet<'a>>, Vec<Unread>> {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    for input in inputs {
        match manifest::read(&input.text) {
            Ok(documents) => read.push((input.name.as_str(), documents)),
            Err(faults) => {
                unread.extend(faults.into_iter().map(|fault| Unread { name: input.name.clone(), fault }));
            }
        }
    }
    if !unread.is_empty() {
        return Err(unread);
    }
    let mut namespaces = Namespaces::new();
    for value in
        read.iter().flat_map(|(_, documents)| documents).filter_map(|document| document.value.as_ref())
    {
        workload::collect_namespaces(value, &mut namespaces);
    }
    for (name, labels) in &assumptions.namespace_labels {
        namespaces.entry(name.clone()).or_default().extend(labels.clone());
    }
    let namespace = assumptions.namespace.as_deref().unwrap_or("default");
    let page = |name: &str, document| page(name, document, namespace, &namespaces, &decide);
    Ok(read
        .into_iter()
        .map(|(name, documents)| Sheet {
            name,
            pages: documents.into_iter().map(|document| page(name, document)).collect(),
        })
        .collect())
}

fn page<'a>(
    file: &str,
    document: Document<'a>,
    namespace: &str,
    namespaces: &Namespaces,
    decide: &impl Fn(&[u8], Subject<'_>) -> Result<Decision, Unreadable>,
) -> Page<'a> {
    let mut page =
        Page { changed: None, operations: Vec::new(), names: Vec::new(), notes: Vec::new(), document };
    let Some(value) = page.document.value.clone() else { return page };
    for duplicate in &page.document.duplicates {
        page.notes.push(format!("{file}: {duplicate}"));
    }
    let mut root = Value::Object(value.clone());
    for Workload { pointer, object } in workload::workloads(&value, namespace) {
        let labels = workload::namespace_labels(namespaces, &object.namespace);
        let subject = Subject { namespace: &object.namespace, namespace_labels: Some(&labels), moment: None };
        let applied = match template(&root, &pointer, |pod| decide(pod, subject)) {
            Ok(decision) => {
                page.notes.extend(decision.warnings.iter().map(|warning| format!("{object}: {warning}")));
                page.notes.extend(skip_note(&object, decision.outcome, &decision.detail));
                apply(&mut root, &pointer, &decision.patch)
            }
            Err(error) => Err(error),
        };
        match applied {
            Ok(operations) if operations.is_empty() => {}
            Ok(operations) => {
                page.operations.extend(operations);
                page.names.push(object);
            }
            Err(error) => {
                let internal = Outcome::Skipped(SkipReason::InternalError);
                page.notes.extend(skip_note(&object, internal, &error));
            }
        }
    }
    if let (false, Value::Object(root)) = (page.operations.is_empty(), root) {
        if page.document.comments && page.document.syntax == manifest::Syntax::Yaml {
            page.notes.push(format!(
                "{file}: document {} was written anew: of its comments only those before its first line are kept",
                page.document.number
            ));
        }
        page.changed = Some(root);
    }
    page
}

/// The decision of the template at `pointer`.
fn template(
    root: &Value,
    pointer: &str,
    decide: impl Fn(&[u8]) -> Result<Decision, Unreadable>,
) -> Result<Decision, String> {
    let pod = root.pointer(pointer).ok_or_else(|| format!("{pointer} is gone"))?;
    let pod = serde_json::to_vec(pod).map_err(|error| error.to_string())?;
    decide(&pod).map_err(|error| error.to_string())
}

/// Applies a patch of the template at `pointer`, wholly or not at all. Returns its operations from the root.
fn apply(root: &mut Value, pointer: &str, patch: &[u8]) -> Result<Vec<Value>, String> {
    if patch.is_empty() {
        return Ok(Vec::new());
    }
    let broken = |error: &dyn std::fmt::Display| format!("the patch does not apply: {error}");
    let mut operations: Vec<Value> = serde_json::from_slice(patch).map_err(|error| broken(&error))?;
    for operation in &mut operations {
        for key in ["path", "from"] {
            if let Some(Value::String(path)) = operation.get_mut(key) {
                path.insert_str(0, pointer);
            }
        }
    }
    let patch: json_patch::Patch =
        serde_json::from_value(Value::Array(operations.clone())).map_err(|error| broken(&error))?;
    json_patch::patch(root, &patch).map_err(|error| broken(&error))?;
    Ok(operations)
}

/// The line of a skip that a person would want to know of.
fn skip_note(object: &ObjectName, outcome: Outcome, detail: &str) -> Option<String> {
    let Outcome::Skipped(reason) = outcome else { return None };
    if matches!(reason, SkipReason::NoMatch | SkipReason::NotApplicable) {
        return None;
    }
    let separator = if detail.is_empty() { "" } else { ": " };
    Some(format!("{object}: skipped: {}{separator}{detail}", reason.label()))
}
