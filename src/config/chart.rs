//! What the chart has of the configuration, made from the types in `file`: its values with their comments, and the defaults that its
//! templates fall back to where a key is null or left out.

use super::{file::File, schema, shape, words};
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// How wide a line of comment may be.
const WIDTH: usize = 120;

const OPENING: &str = "\
# The values of the chart. The shape is that of Datadog's own chart, and one file serves both: Datadog's gets
# deploy/datadog/injection-off.yaml after it. Keys that are not listed here are ignored, except inside agentSidecarInjection and
# injector, where they are errors. `null` means the default, but in resources and security contexts of the injector, where it takes a key out.
# docs/configuration.md has the keys of selectors, profiles and variables as well.
# Made from the comments in src/config/file.rs and below. After a change there: make generate
";

/// The chart's `values.yaml`.
pub fn values() -> String {
    let mut page = String::from(OPENING);
    if let Value::Object(values) = defaults() {
        keys(schema::derived(), &values, 0, &mut page);
    }
    page
}

/// The chart's `templates/_defaults.tpl`: every default, as JSON.
pub fn defaults_template() -> String {
    format!(
        "{{{{- /* Made from the types in src/config/file.rs: make generate */ -}}}}
{{{{- define \"datadog-sidecar-injector.defaults\" -}}}}
{:#}
{{{{- end -}}}}
",
        defaults()
    )
}

fn defaults() -> Value {
    serde_json::to_value(File::default()).unwrap_or_default()
}

fn keys(schema: &Value, values: &Map<String, Value>, depth: usize, page: &mut String) {
    let indent = "  ".repeat(depth);
    let properties = schema.get("properties").and_then(Value::as_object);
    for (key, inner) in properties.into_iter().flatten() {
        if depth == 0 {
            page.push('\n');
        }
        comment(inner, &indent, page);
        match values.get(key) {
            Some(Value::Object(map)) if inner.get("properties").is_some() => {
                let none = if map.is_empty() { " {}" } else { "" };
                let _ = writeln!(page, "{indent}{key}:{none}");
                keys(inner, map, depth + 1, page);
            }
            Some(value) => leaf(key, value, &indent, page),
            None => {
                let _ = writeln!(page, "{indent}# {key}:");
            }
        }
    }
}

fn leaf(key: &str, value: &Value, indent: &str, page: &mut String) {
    let nested = match value {
        Value::Array(items) => !items.is_empty() && !items.iter().all(Value::is_string),
        Value::Object(map) => !map.is_empty(),
        _ => false,
    };
    if !nested {
        let text = value.to_string().replace("\",\"", "\", \"");
        let _ = writeln!(page, "{indent}{key}: {text}");
        return;
    }
    let _ = writeln!(page, "{indent}{key}:");
    for line in serde_saphyr::to_string(value).unwrap_or_default().lines() {
        let _ = writeln!(page, "{indent}  {line}");
    }
}

fn comment(schema: &Value, indent: &str, page: &mut String) {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let choices = shape::choices(schema);
    let words =
        if choices.is_empty() { String::new() } else { format!(" One of {}.", words::listed(&choices)) };
    let mut line = format!("{indent}#");
    for word in text.split_whitespace().chain(words.split_whitespace()) {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(page, "{line}");
            line = format!("{indent}#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(page, "{line}");
}
