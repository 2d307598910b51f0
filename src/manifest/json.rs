//! JSON documents: one after the other in a chunk, and written in the style they came in.

use super::{Document, Fault, Syntax, not_an_object, split::Chunk};
use serde::Serialize;
use serde_json::{
    Deserializer, Serializer, Value,
    ser::{CompactFormatter, PrettyFormatter},
};

/// How a JSON document is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line.
    Compact,
    /// On many, indented with this.
    Pretty(String),
}

impl Style {
    /// The style of a text: that of its first indented line.
    pub(super) fn of(text: &str) -> Self {
        let mut lines = text.trim_end().lines().skip(1).peekable();
        if lines.peek().is_none() {
            return Self::Compact;
        }
        let indents = lines.map(|line| &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]);
        Self::Pretty(indents.into_iter().find(|indent| !indent.is_empty()).unwrap_or("").into())
    }
}

/// The JSON documents of a chunk. `None` where there is none; the error is that of the first that is not JSON.
pub(super) fn documents<'a>(chunk: &Chunk<'a>, first: usize) -> Option<Result<Vec<Document<'a>>, Fault>> {
    let body = &chunk.text[chunk.head..chunk.end];
    let mut values = Deserializer::from_str(body).into_iter::<Value>();
    let mut documents: Vec<Document<'a>> = Vec::new();
    let mut start = 0;
    loop {
        let number = first + documents.len();
        let before = values.byte_offset();
        let value = match values.next() {
            Some(Ok(Value::Object(value))) => value,
            Some(Ok(other)) => return Some(Err(not_an_object(chunk, chunk.head + before, number, &other))),
            Some(Err(error)) => return Some(Err(syntax_fault(chunk, number, &error))),
            None => break,
        };
        let end = chunk.head + values.byte_offset();
        let blank = body[before..].len() - body[before..].trim_start().len();
        documents.push(Document {
            text: &chunk.text[start..end],
            number,
            value: Some(value),
            patch: false,
            syntax: Syntax::Json,
            comments: false,
            duplicates: Vec::new(),
            head: chunk.head + before + blank - start,
            end: end - start,
        });
        start = end;
    }
    // What follows the last value is its own.
    let last = documents.last_mut()?;
    last.text = &chunk.text[start - last.text.len()..];
    Some(Ok(documents))
}

/// Writes a value.
pub(super) fn write(value: &Value, style: Style) -> String {
    let mut out = Vec::new();
    // Writing a `Value` to memory cannot fail.
    let _ = match style {
        Style::Compact => value.serialize(&mut Serializer::with_formatter(&mut out, CompactFormatter)),
        Style::Pretty(indent) => {
            let formatter = PrettyFormatter::with_indent(indent.as_bytes());
            value.serialize(&mut Serializer::with_formatter(&mut out, formatter))
        }
    };
    String::from_utf8(out).unwrap_or_default()
}

fn syntax_fault(chunk: &Chunk<'_>, number: usize, error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    // The place is said once, counted from the stream's beginning.
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let at = chunk.fault(chunk.head, number, message);
    match error.line() {
        0 | 1 => Fault { column: at.column + error.column().saturating_sub(1), ..at },
        line => Fault { line: at.line + line - 1, column: error.column().max(1), ..at },
    }
}
