//! YAML to JSON as kubectl converts it.
//!
//! Beyond scalars (see `scalar`): keys that are no text become text, `<<` merges where it stands (keys before it are
//! overwritten, keys after it overwrite), the last of equal keys counts, unknown tags are ignored.

use super::{
    Fault, MAX_DEPTH,
    mend::mend,
    scalar::{self, Scalar},
    value::{Read, TAGS, fault, number, scalar_value},
};
use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::HashMap};

/// What the aliases of a document may repeat, in bytes of text and [`NODE`] for each value.
const MAX_REPEATED: usize = 64 << 20;

/// How many places of a document are put right.
const MAX_MENDED: usize = 100;

/// What a value costs besides its text.
const NODE: usize = 64;

/// A document as read.
pub(super) struct Yaml {
    pub value: Value,
    pub comments: bool,
    pub duplicates: Vec<Fault>,
}

/// Reads one document; lines are counted from its beginning, its own number is left 0.
pub(super) fn yaml(text: &str) -> Result<Yaml, Fault> {
    // kubectl reads line by line and ends the last one.
    let mut text = if text.ends_with('\n') { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}\n")) };
    // A line break in YAML 1.1 alone.
    if text.contains('\u{85}') {
        text = Cow::Owned(text.replace('\u{85}', "\n"));
    }
    for _ in 0..MAX_MENDED {
        match yaml_strict(&text) {
            Err(Problem::Syntax(error)) => match mend(&text, &error) {
                Some(mended) => text = Cow::Owned(mended),
                None => return Err(Problem::Syntax(error).into()),
            },
            done => return done.map_err(Fault::from),
        }
    }
    yaml_strict(&text).map_err(Fault::from)
}

fn yaml_strict(text: &str) -> Result<Yaml, Problem> {
    let mut options = Options::default();
    options.max_buffered_comment_events = usize::MAX;
    options.flow_nesting_limit = 2 * MAX_DEPTH;
    options.block_nesting_limit = 2 * MAX_DEPTH;
    let mut reader = Reader {
        parser: Parser::new_from_str_with_options(text, options),
        anchors: HashMap::new(),
        repeated: 0,
        comments: false,
        duplicates: Vec::new(),
    };
    let mut value = Value::Null;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            event => value = reader.node(event, span, 0)?,
        }
    }
    Ok(Yaml { value, comments: reader.comments, duplicates: reader.duplicates })
}

/// What ends the reading of a document.
enum Problem {
    /// It is no YAML for a strict reader.
    Syntax(ScanError),
    /// It is YAML that means nothing to kubectl.
    Meaning(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Meaning(fault)
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Syntax(error) => fault(*error.marker(), error.info()),
            Problem::Meaning(fault) => fault,
        }
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Value>,
    /// What anchors and aliases cost so far.
    repeated: usize,
    comments: bool,
    duplicates: Vec<Fault>,
}

impl<'a> Reader<'a> {
    /// The next event that is no comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Problem> {
        loop {
            return match self.parser.next_event() {
                None => Ok(None),
                Some(Ok((Event::Comment(..), _))) => {
                    self.comments = true;
                    continue;
                }
                Some(Ok(next)) => Ok(Some(next)),
                Some(Err(error)) => Err(Problem::Syntax(error)),
            };
        }
    }

    fn expect(&mut self, from: Span) -> Result<(Event<'a>, Span), Problem> {
        self.next()?.ok_or_else(|| fault(from.start, "the document ends too early").into())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Problem> {
        if depth > MAX_DEPTH {
            return Err(fault(span.start, format!("this is nested deeper than {MAX_DEPTH} levels")).into());
        }
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, number(scalar_value(text, style, tag.as_deref(), span)?, span)?)
            }
            Event::SequenceStart(_, anchor, _) => (anchor, self.sequence(span, depth)?),
            Event::MappingStart(_, anchor, _) => (anchor, self.mapping(span, depth)?),
            Event::Alias(anchor) => (0, self.alias(anchor, span)?),
            _ => return Err(fault(span.start, "a value is expected here").into()),
        };
        if anchor != 0 {
            self.spend(&value, span)?;
            self.anchors.insert(anchor, value.clone());
        }
        Ok(value)
    }

    fn sequence(&mut self, start: Span, depth: usize) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.expect(start)? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, start: Span, depth: usize) -> Result<Value, Problem> {
        let mut map = Map::new();
        // What a merge brought may be given again.
        let mut merged: Vec<String> = Vec::new();
        loop {
            let (event, span) = self.expect(start)?;
            if event == Event::MappingEnd {
                return Ok(Value::Object(map));
            }
            let merge = is_merge(&event);
            let key = if merge { String::new() } else { self.key(event, span, depth)? };
            let (event, value_span) = self.expect(start)?;
            let listed = matches!(event, Event::SequenceStart(..));
            let value = self.node(event, value_span, depth + 1)?;
            if merge {
                for source in merge_sources(value, listed).ok_or_else(|| {
                    fault(value_span.start, "map merge requires map or sequence of maps as the value")
                })? {
                    merged.extend(source.keys().cloned());
                    map.extend(source);
                }
            } else if map.insert(key.clone(), value).is_some() && !merged.contains(&key) {
                self.duplicates
                    .push(fault(span.start, format!("key {key:?} is given twice, the last one counts")));
            }
        }
    }

    fn key(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<String, Problem> {
        let refuse = |what: &str| Err(fault(span.start, format!("{what} cannot be a key")).into());
        if let Event::Scalar(text, style, 0, tag) = event {
            return match scalar_value(text, style, tag.as_deref(), span)? {
                Read::Text(text) => Ok(text),
                Read::Plain(Scalar::Bool(value)) => Ok(value.to_string()),
                Read::Plain(Scalar::Int(value)) => Ok(value.to_string()),
                Read::Plain(Scalar::Float(value)) => Ok(scalar::float_key(value)),
                Read::Plain(Scalar::Large(_)) => refuse("a number that large"),
                Read::Plain(Scalar::Null | Scalar::Text) => refuse("null"),
            };
        }
        match self.node(event, span, depth + 1)? {
            Value::String(text) => Ok(text),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(number) if number.is_i64() => Ok(number.to_string()),
            Value::Number(number) => Ok(scalar::float_key(number.as_f64().unwrap_or(0.0))),
            Value::Null => refuse("null"),
            Value::Array(_) => refuse("a list"),
            Value::Object(_) => refuse("an object"),
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Value, Fault> {
        let Some(value) = self.anchors.remove(&anchor) else {
            return Err(fault(span.start, "this anchor contains itself"));
        };
        let spent = self.spend(&value, span);
        let copy = if spent.is_ok() { value.clone() } else { Value::Null };
        self.anchors.insert(anchor, value);
        spent.map(|()| copy)
    }

    fn spend(&mut self, value: &Value, span: Span) -> Result<(), Fault> {
        self.repeated += cost(value);
        if self.repeated > MAX_REPEATED {
            return Err(fault(span.start, "the document contains excessive aliasing"));
        }
        Ok(())
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    matches!(event, Event::Scalar(text, style, _, tag) if text == "<<" && match tag {
        None => *style == ScalarStyle::Plain,
        Some(tag) => tag.suffix_in_namespace(TAGS).as_deref() == Some("merge"),
    })
}

/// What a `<<` merges, in the order in which later ones overwrite; `None` where it is no mapping.
fn merge_sources(value: Value, listed: bool) -> Option<Vec<Map<String, Value>>> {
    match value {
        Value::Object(map) => Some(vec![map]),
        // An alias of a list is refused by kubectl, a list of aliases is not.
        Value::Array(items) if listed => {
            let maps = items.into_iter().rev().map(|item| match item {
                Value::Object(map) => Some(map),
                _ => None,
            });
            maps.collect()
        }
        _ => None,
    }
}

fn cost(value: &Value) -> usize {
    NODE + match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(cost).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + cost(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
