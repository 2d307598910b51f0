//! A YAML (or JSON) file as a tree that knows where each of its parts was written.
//!
//! Anchors and merge keys are resolved by the parser; a value that came by one of them keeps the place where it was written,
//! which is where a person has to change it.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::{
    DuplicateKeyPolicy, Error, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Spanned, budget::BudgetBreach,
};
use std::{fmt, ops::Range};

/// Larger files are refused: a ConfigMap holds a mebibyte.
const MAX_BYTES: usize = 1 << 20;

/// Deeper nesting is refused; the deepest in use are in volumes, some fifteen deep.
const MAX_DEPTH: usize = 32;

/// Larger trees are refused, aliases expanded.
const MAX_EVENTS: usize = 200_000;

/// Where something was written, both counted from one; columns are characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) line: u64,
    pub(super) column: u64,
}

/// The beginning of a file.
const START: Place = Place { line: 1, column: 1 };

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
    span: Option<Range<usize>>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key, its place, and what is under it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// Why a file is no tree: where, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Reads a file of one document; an empty one is null.
pub(super) fn parse(source: &str) -> Result<Node, Unreadable> {
    let refuse = |message: &str| Unreadable { place: START, message: message.into() };
    if source.len() > MAX_BYTES {
        return Err(refuse("the file is larger than 1 MiB"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: MAX_EVENTS,
            max_nodes: MAX_EVENTS,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_EVENTS },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Merge,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        legacy_octal_numbers: true,
        emit_comments: false,
        with_snippet: false,
    };
    let mut documents = serde_saphyr::from_multiple_with_options::<Option<Node>>(source, options)
        .map_err(|error| unreadable(&error))?
        .into_iter()
        .flatten();
    match (documents.next(), documents.next()) {
        (None, _) => Ok(Node::nothing()),
        (Some(node), None) => Ok(node),
        (Some(_), Some(second)) => Err(Unreadable {
            place: second.place,
            message: "a second document begins here: a configuration is one document".into(),
        }),
    }
}

impl Node {
    /// A null that stands in for what is not there.
    pub(super) fn nothing() -> Self {
        Self { place: START, kind: Kind::Null, span: None }
    }

    /// The value's own text in the file, where it is a plain scalar.
    pub(super) fn text<'a>(&self, source: &'a str) -> Option<&'a str> {
        source.get(self.span.clone()?)
    }

    /// What the value is, in words.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "true or false",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// What is under `key`, where that is something.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Kind::Map(entries) = &self.kind else { return None };
        let found = entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        found.filter(|node| !matches!(node.kind, Kind::Null))
    }

    /// The keys under which there is something.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = if let Kind::Map(entries) = &self.kind { entries.as_slice() } else { &[] };
        entries.iter().filter(|entry| !matches!(entry.value.kind, Kind::Null)).map(|entry| entry.key.as_str())
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::<Kind>::deserialize(deserializer)?;
        let span = defined.span();
        let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, len)| {
            let start = usize::try_from(start).ok()?;
            Some(start..start.checked_add(usize::try_from(len).ok()?)?)
        });
        Ok(Self { place: place(defined), kind: value, span: range })
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        Kind::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Kind, E> {
        Ok(serde_json::Number::from_i128(value).map_or_else(|| Kind::Text(value.to_string()), Kind::Number))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Kind, E> {
        Ok(serde_json::Number::from_u128(value).map_or_else(|| Kind::Text(value.to_string()), Kind::Number))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(serde_json::Number::from_f64(value).map_or_else(|| Kind::Text(value.to_string()), Kind::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Kind, E> {
        Ok(Kind::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let value = entries.next_value()?;
            map.push(Entry { key: key.value, place: place(key.defined), value });
        }
        Ok(Kind::Map(map))
    }
}

fn place(location: Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

/// The parser's error in one line, without the places, which are told apart.
fn unreadable(error: &Error) -> Unreadable {
    let error = error.without_snippet();
    Unreadable { place: error.location().map_or(START, place), message: message(error) }
}

fn message(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => message(error.without_snippet()),
        Error::NullIntoString { .. } => "a key is empty".into(),
        Error::Unexpected { expected: "string scalar", .. } => {
            "a key must be text (a template, `{{ … }}`, must be filled in first)".into()
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            format!("nested deeper than {MAX_DEPTH} levels")
        }
        Error::Budget { .. } | Error::AliasReplayLimitExceeded { .. } => {
            "too large, its aliases expanded".into()
        }
        other => {
            let text = other.to_string();
            text.split(" at line ").next().unwrap_or(&text).to_owned()
        }
    }
}
