//! The change as a unified diff.
//!
//! Both sides are written anew, so that only what changes shows and not how it was laid out.

use super::Sheet;
use crate::manifest::to_yaml;
use serde_json::Value;
use similar::TextDiff;

/// The unified diff of each document that changes, with colours where asked.
pub fn diff(sheets: &[Sheet<'_>], colour: bool) -> String {
    let mut out = String::new();
    for sheet in sheets {
        for page in &sheet.pages {
            let (Some(before), Some(after)) = (&page.document.value, &page.changed) else { continue };
            let before = to_yaml(&Value::Object(before.clone()));
            let after = to_yaml(&Value::Object(after.clone()));
            let names: Vec<String> = page.names.iter().map(ToString::to_string).collect();
            let title = format!("{} (document {}: {})", sheet.name, page.document.number, names.join(", "));
            let text = TextDiff::from_lines(&before, &after);
            let text = text.unified_diff().header(&title, &title).to_string();
            text.lines().for_each(|line| push_line(&mut out, line, colour));
        }
    }
    out
}

fn push_line(out: &mut String, line: &str, colour: bool) {
    let code = match line.as_bytes() {
        [b'+', b'+', b'+', b' ', ..] | [b'-', b'-', b'-', b' ', ..] => "1",
        [b'+', ..] => "32",
        [b'-', ..] => "31",
        [b'@', ..] => "36",
        _ => "",
    };
    if colour && !code.is_empty() {
        out.push_str(&format!("\u{1b}[{code}m{line}\u{1b}[0m\n"));
    } else {
        out.push_str(line);
        out.push('\n');
    }
}
