//! The JSON Schema of the file.

use super::file::File;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};
use std::sync::LazyLock;

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

/// The JSON Schema (draft 7) of a configuration file, for editors and for charts. Every key that may be left out may be `null`, which means the
/// default; unknown keys are refused only inside `agentSidecarInjection` and `injector`.
pub fn schema() -> Value {
    let mut schema = DERIVED.clone();
    publish(&mut schema);
    if let Value::Object(map) = &mut schema {
        map.shift_insert(0, "$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        map.shift_insert(1, "title".into(), json!("Values of datadog-sidecar-injector"));
    }
    schema
}

/// Drops what says nothing: the formats of numbers, and null as a default.
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

/// Lets every key be null that may be left out.
fn publish(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    let required = map.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    for (key, inner) in map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
        publish(inner);
        if !required.iter().any(|name| name == key) {
            nullable(inner);
        }
        // Of labels that a selector asks for, one without a value is what nobody meant.
        if let Some(values) = inner.get_mut("additionalProperties").filter(|_| key != "matchLabels") {
            nullable(values);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, load, problem::Report, shape, tree};
    use serde_json::Map;

    const EXAMPLES: [&str; 2] =
        [include_str!("../../examples/values.yaml"), include_str!("../../examples/profiles.yaml")];

    #[test]
    fn the_published_schema_accepts_the_examples() {
        for example in EXAMPLES {
            let mut report = Report::default();
            let root = tree::parse(example).unwrap();
            shape::check(&root, example, &schema(), &mut report);
            assert_eq!(report.into_problems("example"), None);
        }
    }

    #[test]
    fn the_defaults_of_the_schema_are_those_in_force() {
        let stated = defaults(derived());
        let Config { notices: stated_notices, .. } = load("", "empty").unwrap();
        assert_eq!(stated_notices, Vec::<String>::new());
        let written = load(&stated.to_string(), "defaults").unwrap();
        assert_eq!(written, load("", "empty").unwrap());
        assert_eq!(Config { hash: String::new(), ..written }, Config::default());
    }

    #[test]
    fn unknown_keys_are_refused_only_where_promised() {
        let mut refusing = Vec::new();
        walk(&schema(), "", &mut |path, schema| {
            if schema.get("additionalProperties") == Some(&json!(false)) {
                refusing.push(path.to_owned());
            }
        });
        let promised = |path: &String| {
            let whole = ["/datadog/env", "/injector"].iter().any(|own| path.starts_with(own));
            whole || path.contains("/agentSidecarInjection")
        };
        assert!(refusing.len() > 10 && refusing.iter().all(promised), "{refusing:?}");
    }

    #[test]
    fn every_key_has_a_description() {
        let mut silent = Vec::new();
        walk(&schema(), "", &mut |path, schema| {
            if !path.ends_with("[]") && schema.get("description").is_none_or(|text| text == "") {
                silent.push(path.to_owned());
            }
        });
        assert_eq!(silent, Vec::<String>::new());
    }

    /// The default that each key states, or those of the keys under it.
    fn defaults(schema: &Value) -> Value {
        let known = schema.get("properties").and_then(Value::as_object);
        match (schema.get("default"), known) {
            (Some(stated), None) => stated.clone(),
            (stated, Some(known)) => {
                let mut inner: Map<String, Value> =
                    known.iter().map(|(key, schema)| (key.clone(), defaults(schema))).collect();
                inner.retain(|_, value| !value.is_null());
                if inner.is_empty() { stated.cloned().unwrap_or_default() } else { Value::Object(inner) }
            }
            (None, None) => Value::Null,
        }
    }

    fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
        visit(path, schema);
        for (key, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            walk(inner, &format!("{path}/{key}"), visit);
        }
        if let Some(items) = schema.get("items") {
            walk(items, &format!("{path}[]"), visit);
        }
        for inner in shape::alternatives(schema).filter(|inner| inner.get("properties").is_some()) {
            walk(inner, &format!("{path}[]"), visit);
        }
    }
}
