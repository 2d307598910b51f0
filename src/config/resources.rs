//! Requests and limits: checked, mirrored where only one is given, layered resource by resource.

use super::{
    Resources, file, names,
    problem::{Path, Report},
};
use crate::quantity::{self, Quantity};
use std::collections::BTreeSet;

/// A layer's requests and limits over those below. What the layer states of a resource replaces both.
pub(super) fn resolve(
    lower: &Resources,
    upper: &file::Resources,
    path: &Path,
    notices: &mut Vec<String>,
    report: &mut Report,
) -> Resources {
    let mut resources = lower.clone();
    let names: BTreeSet<&String> = upper.requests.keys().chain(upper.limits.keys()).collect();
    for name in names {
        let mut amount = |list: &str, text: Option<&file::Scalar>| {
            let path = path.key(list).key(name);
            let amount = text.and_then(|text| checked(name, &text.0, &path, report));
            if name == "memory" && amount.is_some_and(|amount| !amount.is_whole()) {
                notices.push(format!(
                    "{path} is a fraction of a byte: m stands for a thousandth, Mi for mebibytes"
                ));
            }
            amount
        };
        let request = amount("requests", upper.requests.get(name));
        let limit = amount("limits", upper.limits.get(name));
        if let (Some(request), Some(limit)) = (request, limit) {
            let path = path.key("requests").key(name);
            if request > limit {
                report.add(&path, "is more than the limit");
            } else if request != limit && names::must_match(name) {
                report.add(&path, "must equal the limit: this resource cannot be overcommitted");
            }
        }
        let text = |first: Option<&file::Scalar>, second: Option<&file::Scalar>| {
            first.or(second).map(|text| text.0.clone()).unwrap_or_default()
        };
        put(&mut resources.requests, name, text(upper.requests.get(name), upper.limits.get(name)));
        put(&mut resources.limits, name, text(upper.limits.get(name), upper.requests.get(name)));
    }
    resources
}

fn checked(name: &str, text: &str, path: &Path, report: &mut Report) -> Option<Quantity> {
    if let Err(wrong) = names::resource(name) {
        report.add(path, wrong);
    }
    match quantity::parse_bounded(text) {
        Err(wrong) => report.add(path, wrong.to_string()),
        Ok(amount) if amount < Quantity::ZERO => report.add(path, "must not be negative"),
        Ok(amount) if names::must_match(name) && !name.starts_with("hugepages-") && !amount.is_whole() => {
            report.add(path, "must be a whole number");
        }
        Ok(amount) => return Some(amount),
    }
    None
}

fn put(list: &mut Vec<(String, String)>, name: &str, text: String) {
    match list.iter_mut().find(|(other, _)| other == name) {
        Some((_, value)) => *value = text,
        None => list.push((name.to_owned(), text)),
    }
}
