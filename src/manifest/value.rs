//! What a scalar is worth, with its quotes and its tag.

use super::{
    Fault,
    scalar::{self, Scalar},
};
use base64_simd::STANDARD;
use granit_parser::{Marker, ScalarStyle, Span, Tag};
use serde_json::{Number, Value};
use std::borrow::Cow;

/// What `!!` stands for.
pub(super) const TAGS: &str = "tag:yaml.org,2002:";

const BREAKS: [char; 2] = ['\u{2028}', '\u{2029}'];

/// A scalar as read: text, or what a plain scalar means.
pub(super) enum Read {
    Text(String),
    Plain(Scalar),
}

/// Reads a scalar.
pub(super) fn scalar_value(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<&Tag>,
    span: Span,
) -> Result<Read, Fault> {
    let plain = |text: Cow<'_, str>| match scalar::resolve(&text) {
        Scalar::Text => Read::Text(text.into_owned()),
        scalar => Read::Plain(scalar),
    };
    // Line breaks in YAML 1.1, pasted in at the ends of lines.
    let text = match style {
        ScalarStyle::Plain if text.ends_with(BREAKS) => Cow::Owned(text.trim_end_matches(BREAKS).to_owned()),
        _ => text,
    };
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain { plain(text) } else { Read::Text(text.into_owned()) });
    };
    let kind = tag.suffix_in_namespace(TAGS);
    let kind = kind.as_deref().unwrap_or("");
    let fits = |read: &Read| match read {
        Read::Plain(Scalar::Bool(_)) => kind == "bool",
        Read::Plain(Scalar::Int(_) | Scalar::Large(_)) => matches!(kind, "int" | "float"),
        Read::Plain(Scalar::Float(_)) => kind == "float",
        Read::Plain(Scalar::Null) => kind == "null",
        _ => false,
    };
    match kind {
        "bool" | "int" | "float" | "null" => {
            let shown: String = text.chars().take(20).collect();
            Some(plain(text))
                .filter(fits)
                .ok_or_else(|| fault(span.start, format!("cannot decode `{shown}` as a !!{kind}")))
        }
        "binary" => {
            let data = STANDARD.decode_to_vec(text.replace(['\r', '\n'], ""));
            let data = data.map_err(|_| fault(span.start, "!!binary value contains invalid base64 data"))?;
            Ok(Read::Text(String::from_utf8_lossy(&data).into_owned()))
        }
        _ => Ok(Read::Text(text.into_owned())),
    }
}

/// A scalar as JSON.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "checked by the range")]
pub(super) fn number(read: Read, span: Span) -> Result<Value, Fault> {
    Ok(match read {
        Read::Text(text) => Value::String(text),
        Read::Plain(Scalar::Null | Scalar::Text) => Value::Null,
        Read::Plain(Scalar::Bool(value)) => value.into(),
        Read::Plain(Scalar::Int(value)) => value.into(),
        Read::Plain(Scalar::Large(value)) => value.into(),
        // `1e3` reaches the API server as 1000.
        Read::Plain(Scalar::Float(value)) if value.fract() == 0.0 && value.abs() < i64::MAX as f64 => {
            (value as i64).into()
        }
        Read::Plain(Scalar::Float(value)) => match Number::from_f64(value) {
            Some(number) => Value::Number(number),
            None => return Err(fault(span.start, "JSON has no infinity and no NaN")),
        },
    })
}

/// A fault at a place counted from the document's beginning.
pub(super) fn fault(at: Marker, message: impl Into<String>) -> Fault {
    Fault { document: 0, line: at.line().max(1), column: at.col() + 1, message: message.into() }
}
