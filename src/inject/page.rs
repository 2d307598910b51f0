//! One document: its pods are decided, what is decided is applied, and what a person would want to know is noted.

use super::{Around, Fate, Page, admitted::Admitted, mistakes, other, place::Place, unmatched};
use crate::{
    decide::Unreadable,
    manifest::{Document, Syntax},
    rules::Labels,
    select::{Decision, Outcome, SkipReason, Subject},
    workload::{self, Object},
};
use serde_json::Value;

/// Decides all pods of a document and applies what is decided.
pub(super) fn page<'a>(
    file: &str,
    document: Document<'a>,
    around: &Around<'_>,
    decide: &impl Fn(&[u8], Subject<'_>) -> Result<Decision, Unreadable>,
) -> Page<'a> {
    let mut page = Page {
        changed: None,
        operations: Vec::new(),
        names: Vec::new(),
        notes: Vec::new(),
        fates: Vec::new(),
        unmatched: Vec::new(),
        document,
    };
    let no_manifest = other::no_manifest(file, &page.document);
    let Some(value) = page.document.value.clone() else {
        page.notes.extend(no_manifest);
        return page;
    };
    let number = page.document.number;
    for duplicate in &page.document.duplicates {
        page.notes.push(format!("{file}: {duplicate}"));
    }
    if let Some(kustomization) = around.patches.get(file) {
        page.notes.push(format!(
            "{file}: document {number} is a patch of {kustomization}: it stays as it is; inject what kustomize build prints"
        ));
        return page;
    }
    let namespace = around.assumptions.namespace.as_deref().unwrap_or("default");
    let objects = workload::objects(&value, namespace);
    let has_pods = objects.iter().any(|object| !object.templates.is_empty());
    if let Some(note) = no_manifest.filter(|_| !has_pods) {
        page.notes.push(note);
        return page;
    }
    if has_pods && other::is_helm_template(page.document.text) {
        page.notes
            .push(format!("{file}: document {number} looks like a Helm template: run helm template first"));
    }
    let mut root = Value::Object(value);
    for object in objects {
        if object.templates.is_empty() {
            let hidden = other::hidden(&root, &object, &around.assumptions.selectors);
            page.notes.extend(hidden.map(|note| format!("{}: {note}", object.name)));
        }
        for pointer in &object.templates {
            page.template(&mut root, &object, pointer, around, decide);
        }
    }
    if let (false, Value::Object(root)) = (page.operations.is_empty(), root) {
        if page.document.comments && page.document.syntax == Syntax::Yaml {
            page.notes.push(format!(
                "{file}: document {number} was written anew: of its comments only those before its first line are kept"
            ));
        }
        page.changed = Some(root);
    }
    page
}

impl Page<'_> {
    /// Decides the template at `pointer` and applies what was decided.
    fn template(
        &mut self,
        root: &mut Value,
        object: &Object,
        pointer: &str,
        around: &Around<'_>,
        decide: &impl Fn(&[u8], Subject<'_>) -> Result<Decision, Unreadable>,
    ) {
        let labels = workload::namespace_labels(around.namespaces, &object.name.namespace);
        let subject =
            Subject { namespace: &object.name.namespace, namespace_labels: Some(&labels), moment: None };
        let several = Place::of(root, object, pointer).filter(|_| object.templates.len() > 1);
        let called = several
            .map_or_else(|| object.name.to_string(), |place| format!("{}: {}", object.name, place.path));
        let decided = decided(root, pointer, |pod| decide(pod, subject));
        let decided = decided.map(|(decision, admitted)| (left_alone(decision, object), admitted));
        let applied = decided.and_then(|(decision, admitted)| {
            if let Some(place) = Place::of(root, object, pointer) {
                self.tell(&called, &decision, &place, around, &labels);
            }
            let operations = apply(root, pointer, &decision.patch, &admitted)?;
            Ok((decision.outcome, operations))
        });
        let fate = match applied {
            Ok((Outcome::Skipped(reason), _)) => Fate::Skipped(reason),
            Ok((_, operations)) if operations.is_empty() => Fate::Unchanged,
            Ok((_, operations)) => {
                self.operations.extend(operations);
                if self.names.last() != Some(&object.name) {
                    self.names.push(object.name.clone());
                }
                Fate::Changed
            }
            Err(error) => {
                self.notes.push(skip_note(&called, SkipReason::InternalError, &error));
                Fate::Skipped(SkipReason::InternalError)
            }
        };
        self.fates.push(fate);
    }

    /// Notes what a person would want to know: of a pod that nobody asked to inject nothing.
    fn tell(
        &mut self,
        called: &str,
        decision: &Decision,
        place: &Place<'_>,
        around: &Around<'_>,
        namespace: &Labels,
    ) {
        let reason = decision.reason();
        let why = (reason == Some(SkipReason::NoMatch))
            .then(|| unmatched::why(around.assumptions, place, namespace));
        let near = why.as_ref().is_some_and(|why| why.near);
        let asked = near || decision.expected || reason.is_none() || mistakes::addresses_us(place);
        let mut notes = decision.warnings.clone();
        if asked {
            let told = why.as_ref().and_then(|why| why.label.as_deref());
            notes.extend(mistakes::names(place, &around.assumptions.selectors, reason.is_none(), told));
            notes.extend(mistakes::quantities(place.template));
        }
        self.notes.extend(notes.iter().map(|note| format!("{called}: {note}")));
        let Some(reason) = reason else { return };
        let skip = skip_note(called, reason, why.as_ref().map_or(&decision.detail, |why| &why.text));
        if asked {
            self.notes.push(skip);
        } else if reason == SkipReason::NoMatch {
            self.unmatched.push(skip);
        }
    }
}

/// The decision of a template, with the pod that it is of.
fn decided(
    root: &Value,
    pointer: &str,
    decide: impl Fn(&[u8]) -> Result<Decision, Unreadable>,
) -> Result<(Decision, Admitted), String> {
    let admitted = Admitted::of(root, pointer).ok_or_else(|| format!("{pointer} is gone"))?;
    let pod = serde_json::to_vec(&admitted.pod).map_err(|error| error.to_string())?;
    Ok((decide(&pod).map_err(|error| error.to_string())?, admitted))
}

/// Turns the decision to inject a kind whose templates are left alone into a skip.
fn left_alone(decision: Decision, object: &Object) -> Decision {
    match other::left_alone(object) {
        Some(why) if decision.expected || decision.reason().is_none() => {
            Decision { expected: true, ..Decision::skip(SkipReason::NotApplicable, why) }
        }
        _ => decision,
    }
}

/// Applies a patch of the template at `pointer`, wholly or not at all. Returns its operations from the root.
fn apply(root: &mut Value, pointer: &str, patch: &[u8], admitted: &Admitted) -> Result<Vec<Value>, String> {
    if patch.is_empty() {
        return Ok(Vec::new());
    }
    let broken = |error: &dyn std::fmt::Display| format!("the patch does not apply: {error}");
    let mut operations: Vec<Value> = serde_json::from_slice(patch).map_err(|error| broken(&error))?;
    admitted.for_template(&mut operations);
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

/// The line of a skip.
fn skip_note(called: &str, reason: SkipReason, detail: &str) -> String {
    let separator = if detail.is_empty() { "" } else { ": " };
    format!("{called}: skipped: {}{separator}{detail}", reason.label())
}
