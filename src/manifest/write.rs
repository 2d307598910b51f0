//! JSON to YAML, laid out as `kubectl get -o yaml` does, in the order of the keys.
//!
//! Text stands without quotes only where every reader of YAML 1.1 and 1.2 takes it for that text.

use super::scalar;
use serde_json::{Map, Number, Value};
use std::fmt::Write as _;

/// The longest key that stands before its `:` on one line; readers give up at 1024 characters.
const MAX_SIMPLE_KEY: usize = 512;

/// A value as a YAML document without separator.
pub fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, false),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, false),
        Value::String(text) => out.push_str(&double_quoted(text)),
        other => flat(&mut out, other, 0),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// A mapping in lines; `inline` where its first line has begun already.
fn mapping(out: &mut String, map: &Map<String, Value>, indent: usize, inline: bool) {
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 || !inline {
            pad(out, indent);
        }
        let key = if plain(key) { key.clone() } else { quoted(key) };
        if key.len() > MAX_SIMPLE_KEY {
            let _ = writeln!(out, "? {key}");
            pad(out, indent);
        } else {
            out.push_str(&key);
        }
        out.push(':');
        match value {
            Value::Object(map) if !map.is_empty() => {
                out.push('\n');
                mapping(out, map, indent + 2, false);
            }
            // A list begins in the column of its key.
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(out, items, indent, false);
            }
            value => {
                out.push(' ');
                flat(out, value, indent + 2);
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize, inline: bool) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 || !inline {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + 2, true),
            Value::Array(items) if !items.is_empty() => sequence(out, items, indent + 2, true),
            item => flat(out, item, indent + 2),
        }
    }
}

/// A value that begins on the line of its key; lines that follow get `indent`.
fn flat(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => out.push_str(&number(value)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
        Value::String(text) if plain(text) => out.push_str(text),
        Value::String(text) if literal(text) => return block(out, text, indent),
        Value::String(text) => out.push_str(&quoted(text)),
    }
    out.push('\n');
}

/// `1e21` is text for readers of YAML 1.1, `1.0e+21` is not.
fn number(value: &Number) -> String {
    let text = value.to_string();
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

/// Whether a text can stand without quotes, as key or as value.
fn plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second = text.chars().nth(1).unwrap_or(' ');
    let begins = first.is_alphanumeric()
        || matches!(first, '/' | '.' | '_' | '$' | '(' | '+' | '\\' | '^' | ';' | '<')
        || (first == '-' && (second.is_alphanumeric() || second == '-'));
    begins
        && text.chars().all(|c| printable(c) && c != '\t')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("---")
        && !text.starts_with("...")
        && !scalar::ambiguous(text)
}

/// Whether a text of several lines can stand as it is, line by line.
fn literal(text: &str) -> bool {
    text.contains('\n')
        && text.trim_start_matches('\n').starts_with(|c| c != ' ' && c != '\t')
        && text.chars().all(|c| printable(c) || c == '\n')
}

fn block(out: &mut String, text: &str, indent: usize) {
    let body = text.trim_end_matches('\n');
    let chomping = match text.len() - body.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    // Without it the indentation would be that of a blank line.
    let indicator = if text.starts_with('\n') { "2" } else { "" };
    let _ = writeln!(out, "|{indicator}{chomping}");
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            pad(out, indent);
        }
        out.push_str(line);
        out.push('\n');
    }
}

fn quoted(text: &str) -> String {
    if !scalar::ambiguous(text) && text.chars().all(|c| printable(c) && c != '\t') {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        double_quoted(text)
    }
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => _ = write!(out, "\\x{:02x}", u32::from(c)),
            c if u32::from(c) <= 0xffff => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => _ = write!(out, "\\U{:08x}", u32::from(c)),
        }
    }
    out.push('"');
    out
}

/// Whether a character stands for itself everywhere: no control, no line break of YAML 1.1, no byte order mark.
fn printable(c: char) -> bool {
    match c {
        '\t' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}
