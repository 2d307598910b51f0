//! Manifests as text: a stream of YAML or JSON split into its documents, read as kubectl reads them, and written anew.
//!
//! Every byte of a stream belongs to exactly one document, so that what is not changed can be given back as it came.

mod json;
mod mend;
mod read;
mod scalar;
mod split;
mod value;
mod write;

use serde_json::{Map, Value};
use split::Chunk;
use std::fmt;

pub use write::to_yaml;

/// How deep a document may nest.
pub const MAX_DEPTH: usize = 128;

/// One document with its exact text.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'a> {
    /// Its bytes in the stream, with the separator and the comments before it.
    pub text: &'a str,
    /// Counted from 1 over the documents that hold something; 0 where this one is empty.
    pub number: usize,
    /// What it holds; `None` where it is empty, only comments or a patch.
    pub value: Option<Map<String, Value>>,
    /// Whether it is a JSON patch (RFC 6902), which is a list and no manifest.
    pub patch: bool,
    /// How it is written.
    pub syntax: Syntax,
    /// Whether there are comments.
    pub comments: bool,
    /// Keys that are given twice in one mapping; the last one counts, as for kubectl.
    pub duplicates: Vec<Fault>,
    /// How much of the text comes before the value: separator, directives, comments.
    head: usize,
    /// Where in the text the value ends.
    end: usize,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// What is wrong in a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The document, counted from 1 over those that hold something.
    pub document: usize,
    /// The line in the stream, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}, line {}, column {}: {}", self.document, self.line, self.column, self.message)
    }
}

impl std::error::Error for Fault {}

/// Splits and reads a stream. The errors are those of every document that cannot be read.
pub fn read(text: &str) -> Result<Vec<Document<'_>>, Vec<Fault>> {
    let (mut documents, mut faults, mut number) = (Vec::new(), Vec::new(), 0);
    for chunk in split::chunks(text) {
        match chunk_documents(&chunk, number + 1) {
            Ok(found) => {
                number += found.iter().filter(|document| document.number > 0).count();
                documents.extend(found);
            }
            Err(fault) => {
                number = fault.document;
                faults.push(fault);
            }
        }
    }
    if faults.is_empty() { Ok(documents) } else { Err(faults) }
}

/// Reads a stream of bytes' text: UTF-8, with or without a byte order mark. The error says where it is not.
pub fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let number = match read(&good) {
            Ok(documents) => documents.iter().map(|document| document.number).max().unwrap_or(0),
            Err(faults) => faults.last().map_or(0, |fault| fault.document),
        };
        let line = good.rsplit('\n').next().unwrap_or("");
        Fault {
            document: number.max(1),
            line: good.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message: "this is not UTF-8".into(),
        }
    })
}

impl Document<'_> {
    /// The document with another value, in its own syntax. What stands before the value is kept, comments inside are not.
    pub fn rewritten(&self, value: &Map<String, Value>) -> String {
        let (head, body, tail) =
            (&self.text[..self.head], &self.text[self.head..self.end], &self.text[self.end..]);
        let value = Value::Object(value.clone());
        let written = match self.syntax {
            Syntax::Json => json::write(&value, json::Style::of(body)),
            Syntax::Yaml => write::to_yaml(&value),
        };
        // `--- {kind: Pod}`: the separator shares its line with the value.
        let marker = if self.syntax == Syntax::Yaml && body.starts_with("---") { "---\n" } else { "" };
        let written = format!("{marker}{written}");
        let ending = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let written = if ending == "\n" { written } else { written.replace('\n', ending) };
        format!("{head}{written}{tail}")
    }

    /// Whether it begins with a separator of its own.
    pub fn separated(&self) -> bool {
        split::lines(self.text).map(|(_, line)| line).any(split::is_separator)
    }

    /// Whether it begins with directives.
    pub fn directives(&self) -> bool {
        split::lines(&self.text[..self.head]).any(|(_, line)| line.starts_with('%'))
    }
}

/// The documents of a chunk: one, or any number of JSON values one after the other.
fn chunk_documents<'a>(chunk: &Chunk<'a>, number: usize) -> Result<Vec<Document<'a>>, Fault> {
    let body = &chunk.text[chunk.head..chunk.end];
    let json = if body.starts_with(['{', '[']) { json::documents(chunk, number) } else { None };
    let unread = match json {
        Some(Ok(documents)) => return Ok(documents),
        Some(Err(fault)) => Some(fault),
        None => None,
    };
    match yaml_document(chunk, number) {
        Ok(document) => Ok(vec![document]),
        // What begins like JSON was meant to be JSON.
        Err(fault) if body.trim_start_matches(['{', '[']).trim_start().starts_with('"') => {
            Err(unread.unwrap_or(fault))
        }
        Err(fault) => Err(fault),
    }
}

fn yaml_document<'a>(chunk: &Chunk<'a>, number: usize) -> Result<Document<'a>, Fault> {
    let read::Yaml { value, comments, mut duplicates } =
        read::yaml(chunk.text).map_err(|fault| chunk.place(fault, number))?;
    for duplicate in &mut duplicates {
        *duplicate = chunk.place(duplicate.clone(), number);
    }
    let patch = is_patch(&value);
    let number_held = if value.is_null() { 0 } else { number };
    let value = match value {
        Value::Null => None,
        Value::Object(value) => Some(value),
        Value::Array(_) if patch => None,
        other => return Err(not_an_object(chunk, chunk.head, number, &other)),
    };
    Ok(Document {
        text: chunk.text,
        number: number_held,
        value,
        patch,
        syntax: Syntax::Yaml,
        comments,
        duplicates,
        head: chunk.head,
        end: chunk.end,
    })
}

/// Whether a value is a list of operations as RFC 6902 has them.
fn is_patch(value: &Value) -> bool {
    let is_operation =
        |item: &Value| ["op", "path"].iter().all(|key| item.get(key).is_some_and(Value::is_string));
    value.as_array().is_some_and(|items| !items.is_empty() && items.iter().all(is_operation))
}

fn not_an_object(chunk: &Chunk<'_>, offset: usize, number: usize, value: &Value) -> Fault {
    let what = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    chunk.fault(offset, number, format!("a manifest is an object, this is {what}"))
}
