//! A pod template in its object: its labels and annotations, and those of what holds it.

use crate::workload::Object;
use serde_json::{Map, Value};

/// A pod template with the metadata around it.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// The template itself, or the Pod.
    pub(super) template: &'a Value,
    /// The template's path in its object, such as `spec.template`; empty for a Pod.
    pub(super) path: String,
    /// What holds the template, from the object inwards.
    pub(super) holders: Vec<Holder<'a>>,
}

/// An object around a template that has metadata of its own, which no pod gets.
#[derive(Debug)]
pub(super) struct Holder<'a> {
    /// What it is called in messages, such as `the Deployment`.
    pub(super) called: String,
    value: &'a Value,
}

/// One of the two kinds of pairs in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pairs {
    Labels,
    Annotations,
}

impl Pairs {
    /// Returns the kind's key in metadata.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Labels => "labels",
            Self::Annotations => "annotations",
        }
    }

    /// Returns what one pair is called in messages.
    pub(super) fn one(self) -> &'static str {
        match self {
            Self::Labels => "label",
            Self::Annotations => "annotation",
        }
    }

    /// Returns the pairs of this kind in the metadata of an object.
    pub(super) fn of(self, object: &Value) -> impl Iterator<Item = (&str, &str)> {
        let pairs = object.get("metadata").and_then(|metadata| metadata.get(self.key())?.as_object());
        pairs.into_iter().flat_map(Map::iter).filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }

    /// Returns the value of a pair.
    pub(super) fn get<'v>(self, object: &'v Value, key: &str) -> Option<&'v str> {
        object.get("metadata")?.get(self.key())?.get(key)?.as_str()
    }
}

impl<'a> Place<'a> {
    /// Finds the template at `pointer` of an object of the document `root`.
    pub(super) fn of(root: &'a Value, object: &Object, pointer: &str) -> Option<Self> {
        let (mut value, mut path) = (root.pointer(&object.pointer)?, String::new());
        let mut holders = Vec::new();
        for key in pointer.strip_prefix(&object.pointer)?.split('/').skip(1) {
            if value.get("metadata").is_some() {
                let inside = if path.is_empty() { String::new() } else { format!("'s {path}") };
                holders.push(Holder { called: format!("the {}{inside}", object.name.kind), value });
            }
            value = match value {
                Value::Array(items) => {
                    path.push_str(&format!("[{key}]"));
                    items.get(key.parse::<usize>().ok()?)?
                }
                _ => {
                    let key = key.replace("~1", "/").replace("~0", "~");
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(&key);
                    value.get(&key)?
                }
            };
        }
        Some(Self { template: value, path, holders })
    }

    /// Returns where the pairs of a kind belong, such as `spec.template.metadata.labels`.
    pub(super) fn home(&self, pairs: Pairs) -> String {
        let separator = if self.path.is_empty() { "" } else { "." };
        format!("{}{separator}metadata.{}", self.path, pairs.key())
    }

    /// Returns the first holder that has a pair which the template lacks, with the pair's value.
    pub(super) fn misplaced(&self, pairs: Pairs, key: &str) -> Option<(&Holder<'a>, &'a str)> {
        if pairs.get(self.template, key).is_some() {
            return None;
        }
        self.holders.iter().find_map(|holder| Some((holder, pairs.get(holder.value, key)?)))
    }
}

impl Holder<'_> {
    /// Returns the keys of a kind that the holder has.
    pub(super) fn keys(&self, pairs: Pairs) -> impl Iterator<Item = &str> {
        pairs.of(self.value).map(|(key, _)| key)
    }
}
