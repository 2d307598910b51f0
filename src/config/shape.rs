//! Checks a tree against the schema of the file: every wrong key and type at once, each with its place.
//!
//! What is wrong is left out of the value that comes back, so that the rest can be checked for its meaning as well.

use super::{
    problem::{Path, Report},
    tree::{Entry, Kind, Node, Place},
    words::{listed, shortened},
};
use crate::near::nearest;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Checks the root of a file against a schema without references.
pub(super) fn check(root: &Node, source: &str, schema: &Value, report: &mut Report) -> Value {
    let path = Path::default();
    duplicates(root, &path, report);
    let mut checker = Checker { source, report };
    match &root.kind {
        Kind::Null => Value::Object(Map::new()),
        _ => checker.value(root, schema, &path).unwrap_or_else(|| neutral(schema)),
    }
}

struct Checker<'a> {
    source: &'a str,
    report: &'a mut Report,
}

impl Checker<'_> {
    /// The value as it is to be read; `None` where it is wrong.
    fn value(&mut self, node: &Node, schema: &Value, path: &Path) -> Option<Value> {
        self.report.locate(path, node.place);
        if schema.as_bool() == Some(true) {
            return Some(self.as_written(node, path));
        }
        let choices = choices(schema);
        if !choices.is_empty() {
            return self.choice(node, &choices, path);
        }
        let schema = alternative(schema, node);
        let allowed = types(schema);
        let has = |name: &str| allowed.is_empty() || allowed.contains(&name);
        match &node.kind {
            Kind::Map(entries) if has("object") => return Some(self.map(entries, schema, path, node.place)),
            Kind::List(items) if has("array") => return Some(self.list(items, schema, path)),
            Kind::Bool(value) if has("boolean") && has("string") => {
                return Some(Value::String(value.to_string()));
            }
            Kind::Bool(value) if has("boolean") => return Some(Value::Bool(*value)),
            Kind::Text(text) if has("string") => return Some(Value::String(text.clone())),
            Kind::Number(number) if has("number") && has("string") => {
                let text = node.text(self.source).map_or_else(|| number.to_string(), str::to_owned);
                return Some(Value::String(text));
            }
            Kind::Number(number) if has("integer") && (number.is_i64() || number.is_u64()) => {
                return self.integer(number, node, schema, path);
            }
            _ => {}
        }
        self.report.at(node.place, path, mismatch(node, &allowed));
        None
    }

    fn map(&mut self, entries: &[Entry], schema: &Value, path: &Path, place: Place) -> Value {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        let labels = path.is_of("matchLabels");
        let mut map = Map::new();
        for Entry { key, place, value } in entries {
            let path = path.key(key);
            if matches!(value.kind, Kind::Null) {
                // Kubernetes reads a label without a value as an empty one: a selector that nobody meant.
                if labels {
                    self.report.at(*place, &path, "has no value; write \"\" for an empty one");
                }
                continue;
            }
            let inner = match (known.and_then(|known| known.get(key)), others) {
                (Some(inner), _) => inner,
                (None, Some(Value::Bool(false))) => {
                    self.report.at(*place, &path, unknown(key, schema));
                    continue;
                }
                (None, Some(inner)) => inner,
                (None, None) => continue,
            };
            if let Some(value) = self.value(value, inner, &path) {
                map.insert(key.clone(), value);
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for key in required.filter_map(Value::as_str) {
            if !map.contains_key(key) {
                if !entries.iter().any(|entry| entry.key == key && !matches!(entry.value.kind, Kind::Null)) {
                    self.report.at(place, path, format!("`{key}` is missing"));
                }
                map.insert(key.into(), known.and_then(|known| known.get(key)).map_or(Value::Null, neutral));
            }
        }
        Value::Object(map)
    }

    fn list(&mut self, items: &[Node], schema: &Value, path: &Path) -> Value {
        let inner = schema.get("items").unwrap_or(&Value::Bool(true));
        let items = items.iter().enumerate().map(|(index, item)| {
            let path = path.index(index);
            if matches!(item.kind, Kind::Null) {
                self.report.at(item.place, &path, "is empty: fill it in, or remove it");
                return neutral(inner);
            }
            self.value(item, inner, &path).unwrap_or_else(|| neutral(inner))
        });
        Value::Array(items.collect())
    }

    /// A value whose shape is somebody else's.
    fn as_written(&mut self, node: &Node, path: &Path) -> Value {
        self.report.locate(path, node.place);
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::Text(text) => Value::String(text.clone()),
            Kind::List(items) => {
                let items = items.iter().enumerate();
                Value::Array(items.map(|(index, item)| self.as_written(item, &path.index(index))).collect())
            }
            Kind::Map(entries) => {
                let entries = entries
                    .iter()
                    .map(|Entry { key, value, .. }| (key.clone(), self.as_written(value, &path.key(key))));
                Value::Object(entries.collect())
            }
        }
    }

    fn choice(&mut self, node: &Node, choices: &[&str], path: &Path) -> Option<Value> {
        let expected = listed(choices);
        let message = match &node.kind {
            Kind::Text(text) if choices.contains(&text.as_str()) => return Some(Value::String(text.clone())),
            Kind::Text(text) => format!("must be {expected}, not {:?}", shortened(text)),
            _ => format!("must be {expected}, not {}", node.describe()),
        };
        self.report.at(node.place, path, message);
        None
    }

    fn integer(
        &mut self,
        number: &serde_json::Number,
        node: &Node,
        schema: &Value,
        path: &Path,
    ) -> Option<Value> {
        let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
        let range = bound("minimum").unwrap_or(i64::MIN)..=bound("maximum").unwrap_or(i64::MAX);
        if number.as_i64().is_some_and(|number| range.contains(&number)) {
            return Some(Value::Number(number.clone()));
        }
        let message = match (bound("minimum"), bound("maximum")) {
            (Some(min), Some(max)) => format!("must be from {min} to {max}, not {number}"),
            (Some(min), None) => format!("must be at least {min}, not {number}"),
            _ => format!("{number} is out of range"),
        };
        self.report.at(node.place, path, message);
        None
    }
}

/// Keys that occur twice, anywhere in the file.
fn duplicates(node: &Node, path: &Path, report: &mut Report) {
    match &node.kind {
        Kind::Map(entries) => {
            let mut seen = HashMap::new();
            for Entry { key, place, value } in entries {
                let path = path.key(key);
                if let Some(first) = seen.insert(key.as_str(), *place) {
                    report.at(*place, &path, format!("duplicate key, first on line {}", first.line));
                }
                duplicates(value, &path, report);
            }
        }
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                duplicates(item, &path.index(index), report);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
}

/// The words of a schema that is an enumeration.
pub(super) fn choices(schema: &Value) -> Vec<&str> {
    let listed = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let words = listed("enum").filter_map(Value::as_str);
    let constants = schema.get("const").and_then(Value::as_str);
    words.chain(constants).chain(listed("oneOf").chain(listed("anyOf")).flat_map(choices)).collect()
}

/// The types that a schema allows; any where there are none.
pub(super) fn types(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect()
        }
        _ => alternatives(schema).flat_map(types).collect(),
    }
}

/// Of a schema with alternatives the one that is meant for this kind of value.
fn alternative<'a>(schema: &'a Value, node: &Node) -> &'a Value {
    let name = match node.kind {
        Kind::Null => "null",
        Kind::Bool(_) => "boolean",
        Kind::Number(_) => "number",
        Kind::Text(_) => "string",
        Kind::List(_) => "array",
        Kind::Map(_) => "object",
    };
    alternatives(schema).find(|schema| types(schema).contains(&name)).unwrap_or(schema)
}

/// The alternatives of a schema, but for null.
pub(super) fn alternatives(schema: &Value) -> impl Iterator<Item = &Value> {
    let list = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    list.filter(|schema| schema.get("type").and_then(Value::as_str) != Some("null"))
}

/// A value that stands in for a wrong one.
fn neutral(schema: &Value) -> Value {
    match types(schema).first() {
        Some(&"string") => Value::String(String::new()),
        Some(&"array") => Value::Array(Vec::new()),
        _ if !choices(schema).is_empty() => Value::String(choices(schema).remove(0).into()),
        _ => {
            let known = |key| schema.get("properties").and_then(|known| known.get(key));
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let filled = required
                .filter_map(Value::as_str)
                .map(|key| (key.into(), known(key).map_or(Value::Null, neutral)));
            Value::Object(filled.collect())
        }
    }
}

fn mismatch(node: &Node, allowed: &[&str]) -> String {
    let words: Vec<&str> = allowed
        .iter()
        .map(|name| match *name {
            "object" => "a mapping",
            "array" => "a list",
            "boolean" => "true or false",
            "string" => "text",
            "integer" => "a whole number",
            other => other,
        })
        .filter(|word| *word != "number")
        .collect();
    let remedy = match (&node.kind, allowed) {
        (Kind::Bool(_) | Kind::Number(_), ["string"]) => ": quote it",
        (Kind::Text(_), ["boolean" | "integer"]) => ": remove its quotes, if it has any",
        (Kind::Map(_), ["array"]) => ": begin each item with `- `",
        _ => "",
    };
    format!("must be {}, not {}{remedy}", words.join(" or "), node.describe())
}

fn unknown(key: &str, schema: &Value) -> String {
    let known = schema.get("properties").and_then(Value::as_object);
    let keys = || known.into_iter().flat_map(Map::keys).map(String::as_str);
    match nearest(key, keys()) {
        Some(near) => format!("unknown key; did you mean `{near}`?"),
        None => format!("unknown key; known here: {}", keys().collect::<Vec<_>>().join(", ")),
    }
}
