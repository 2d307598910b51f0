//! Manifests in, injected manifests out, without touching a file: what the command `inject` does between reading and writing.

mod admitted;
mod diff;
mod mistakes;
mod other;
mod output;
mod page;
mod place;
mod tally;
mod unmatched;

use crate::{
    config::Selector,
    decide::Unreadable,
    manifest::{self, Document, Fault},
    rules::Namespaces,
    select::{Decision, Subject},
    workload::{self, ObjectName},
};
use page::page;
use serde_json::{Map, Value};

pub use diff::diff;
pub use output::{json, names, patches, yaml};
pub use tally::{Fate, summary, unmatched};

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
    /// The selectors in force, of which messages speak.
    pub selectors: Vec<Selector>,
    /// Whether the configuration switches injection off.
    pub off: bool,
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
    /// What became of each pod or pod template.
    pub fates: Vec<Fate>,
    /// A line for each pod that no selector matches and nobody asked to inject.
    pub unmatched: Vec<String>,
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
                let faults = faults.into_iter().map(|fault| hinted(fault, &input.text));
                unread.extend(faults.map(|fault| Unread { name: input.name.clone(), fault }));
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
    let all =
        read.iter().flat_map(|(name, documents)| documents.iter().map(move |document| (*name, document)));
    let patches = other::patch_files(all);
    let around = Around { assumptions, namespaces: &namespaces, patches: &patches };
    Ok(read
        .into_iter()
        .map(|(name, documents)| Sheet {
            name,
            pages: documents.into_iter().map(|document| page(name, document, &around, &decide)).collect(),
        })
        .collect())
}

/// Says of inputs that hold no manifests at all, or a values file instead, that there is nothing to inject.
pub fn unusable(sheets: &[Sheet<'_>]) -> Vec<String> {
    let pages =
        || sheets.iter().flat_map(|sheet| sheet.pages.iter().map(move |page| (sheet.name, &page.document)));
    if !pages().any(|(_, document)| document.number > 0) {
        let names: Vec<&str> = sheets.iter().map(|sheet| sheet.name).collect();
        return vec![format!("no objects in {}", names.join(", "))];
    }
    let values = pages().filter(|(_, document)| document.value.as_ref().is_some_and(other::is_values));
    values
        .map(|(name, Document { number, .. })| {
            format!("{name}: document {number} is a values file and no Kubernetes object, for it has no kind; did you mean --config {name}?")
        })
        .collect()
}

/// What a page is decided with.
struct Around<'a> {
    assumptions: &'a Assumptions,
    namespaces: &'a Namespaces,
    patches: &'a other::Patches,
}

fn hinted(fault: Fault, text: &str) -> Fault {
    if !text.contains("{{") {
        return fault;
    }
    let message = format!("{}; this looks like a Helm template: run helm template first", fault.message);
    Fault { message, ..fault }
}
