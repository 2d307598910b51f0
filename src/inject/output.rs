//! The forms of the result.

use super::{Page, Sheet};
use crate::manifest::Syntax;
use serde_json::Value;

/// All documents in their own syntax, as one stream: those that stay as they are byte for byte.
pub fn yaml(sheets: &[Sheet<'_>]) -> String {
    let pages = || sheets.iter().flat_map(|sheet| &sheet.pages);
    // JSON values follow each other without separators, but not where YAML is among them.
    let separate = sheets.len() > 1
        && pages().any(|page| page.document.number > 0 && page.document.syntax == Syntax::Yaml);
    let mut out = String::new();
    for sheet in sheets {
        for (i, page) in sheet.pages.iter().enumerate() {
            let text = match &page.changed {
                Some(value) => page.document.rewritten(value),
                None => page.document.text.to_owned(),
            };
            let joint = i == 0 || (separate && page.document.syntax == Syntax::Json);
            if out.is_empty() || !joint {
                out.push_str(&text);
                continue;
            }
            if !out.ends_with('\n') {
                out.push('\n');
            }
            if page.document.directives() {
                out.push_str("...\n");
            } else if separate && page.document.number > 0 && !page.document.separated() {
                out.push_str("---\n");
            }
            out.push_str(text.trim_start_matches('\u{feff}'));
        }
    }
    out
}

/// Each document as JSON on a line of its own.
pub fn json(sheets: &[Sheet<'_>]) -> String {
    lines(sheets, |page| page.changed.as_ref().or(page.document.value.as_ref()).map(to_line))
}

/// The operations of each document on a line of its own, `[]` where nothing changes.
pub fn patches(sheets: &[Sheet<'_>]) -> String {
    lines(sheets, |page| {
        page.document.value.as_ref().map(|_| Value::Array(page.operations.clone()).to_string())
    })
}

/// The names of the objects that change, a line each.
pub fn names(sheets: &[Sheet<'_>]) -> String {
    sheets
        .iter()
        .flat_map(|sheet| &sheet.pages)
        .flat_map(|page| &page.names)
        .map(|name| format!("{name}\n"))
        .collect()
}

fn lines(sheets: &[Sheet<'_>], line: impl Fn(&Page<'_>) -> Option<String>) -> String {
    sheets.iter().flat_map(|sheet| &sheet.pages).filter_map(line).map(|line| line + "\n").collect()
}

fn to_line(value: &serde_json::Map<String, Value>) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
