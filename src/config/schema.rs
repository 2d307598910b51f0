//! The JSON Schema of the file, and the reference page made from it.

use super::{file::File, shape};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use std::{fmt::Write as _, sync::LazyLock};

/// As derived, without references: what a file is checked against.
static DERIVED: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = File::json_schema(&mut settings.into_generator()).to_value();
    tidy(&mut schema);
    schema
});

/// The schema that a file is checked against.
pub(super) fn derived() -> &'static Value {
    &DERIVED
}

/// The JSON Schema (draft 7) of a configuration file, for editors and for charts. Every key may be `null`, which means the
/// default; unknown keys are refused only inside `agentSidecarInjection`.
pub fn schema() -> Value {
    let mut schema = DERIVED.clone();
    publish(&mut schema);
    if let Value::Object(map) = &mut schema {
        map.shift_insert(0, "$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        map.shift_insert(1, "title".into(), json!("Values of datadog-sidecar-injector"));
    }
    schema
}

/// The reference page of the configuration, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration\n\n<!-- Made from src/config/file.rs: change the comments there, then run `UPDATE_DOCS=1 cargo test \
         --test it config`. -->\n\nOne file, used three times: the chart's values, the configuration that `serve` reads, and \
         `--config` offline.\n",
    );
    let mut keys = Vec::new();
    collect(&DERIVED, "", &mut keys);
    let sections = [
        ("`datadog`", "datadog."),
        ("`clusterAgent`", "clusterAgent."),
        ("`agentSidecarInjection`", INJECTION),
        ("A selector", SELECTOR),
        ("A profile", PROFILE),
        ("A variable", VARIABLE),
        ("`injector`", "injector"),
    ];
    for (title, prefix) in sections {
        let _ = write!(page, "\n## {title}\n\n");
        if prefix.ends_with("].") || prefix == INJECTION {
            let _ = write!(page, "Under `{}`:\n\n", prefix.trim_end_matches('.'));
        }
        page.push_str("| key | default | meaning |\n| --- | --- | --- |\n");
        let longest = |key: &str| {
            let prefixes =
                sections.iter().map(|(_, prefix)| *prefix).filter(|prefix| key.starts_with(prefix));
            prefixes.max_by_key(|prefix| prefix.len())
        };
        for Row { key, default, meaning } in &keys {
            let variable = key.contains(".env[].") && prefix != VARIABLE;
            if longest(key) == Some(prefix) && !variable {
                let short = if prefix == "injector" || !prefix.ends_with("].") && prefix != INJECTION {
                    key.as_str()
                } else {
                    key.strip_prefix(prefix).unwrap_or(key)
                };
                let _ = writeln!(page, "| `{short}` | {default} | {meaning} |");
            }
        }
    }
    page
}

const INJECTION: &str = "clusterAgent.admissionController.agentSidecarInjection.";
const SELECTOR: &str = "clusterAgent.admissionController.agentSidecarInjection.selectors[].";
const PROFILE: &str = "clusterAgent.admissionController.agentSidecarInjection.profiles[].";
const VARIABLE: &str = "clusterAgent.admissionController.agentSidecarInjection.profiles[].env[].";

/// A line of the reference page.
struct Row {
    key: String,
    default: String,
    meaning: String,
}

/// Lists the keys of a schema that are no mere mapping of others.
fn collect(schema: &Value, path: &str, keys: &mut Vec<Row>) {
    let branch =
        shape::alternatives(schema).find(|schema| schema.get("properties").is_some()).unwrap_or(schema);
    let properties = branch.get("properties").and_then(Value::as_object);
    for (key, inner) in properties.into_iter().flatten() {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let text = inner.get("description").and_then(Value::as_str).unwrap_or_default();
        let holds = shape::alternatives(inner).chain([inner]).any(|inner| inner.get("properties").is_some());
        if !holds || !inner.get("default").is_none_or(|default| matches!(default, Value::Object(_))) {
            keys.push(Row { key: path.clone(), default: default_of(inner), meaning: meaning(text, inner) });
        } else if !text.is_empty() && path.starts_with(INJECTION) {
            keys.push(Row { key: path.clone(), default: String::new(), meaning: meaning(text, inner) });
        }
        collect(inner, &path, keys);
        if let Some(items) = inner.get("items") {
            collect(items, &format!("{path}[]"), keys);
        }
    }
}

fn meaning(text: &str, schema: &Value) -> String {
    let choices = shape::choices(schema);
    let words =
        if choices.is_empty() { String::new() } else { format!(" One of {}.", shape::listed(&choices)) };
    format!("{}{words}", text.replace("\n", " ").replace('|', "\\|"))
}

fn default_of(schema: &Value) -> String {
    match schema.get("default") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.is_empty() => "empty".into(),
        Some(Value::String(text)) => format!("`{text}`"),
        Some(other) => format!("`{other}`"),
    }
}

/// Drops what serves neither editors nor checks: formats of numbers, descriptions of types whose field has its own.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.get("format").is_some_and(Value::is_string) {
                map.shift_remove("format");
            }
            if map.get("default").is_some_and(Value::is_null) {
                map.shift_remove("default");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Lets every key be null, and takes our own extension out.
fn publish(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    map.shift_remove(shape::LATER);
    for inner in
        map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        publish(inner);
        nullable(inner);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            publish(inner);
        }
    }
    for inner in map.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        publish(inner);
    }
}

fn nullable(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    match map.get_mut("type") {
        Some(Value::Array(types)) if types.iter().any(|name| name == "null") => {}
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(name @ Value::String(_)) => *name = json!([name.take(), "null"]),
        _ => {
            for key in ["anyOf", "oneOf"] {
                if let Some(Value::Array(list)) = map.get_mut(key)
                    && !list.iter().any(|schema| schema.get("type").is_some_and(|name| name == "null"))
                {
                    list.push(json!({ "type": "null" }));
                }
            }
        }
    }
    if let Some(Value::Array(words)) = map.get_mut("enum")
        && !words.contains(&Value::Null)
    {
        words.push(Value::Null);
    }
}
