//! Operations as JSON text.

use super::Step;

/// Appends elements with commas between them.
pub(crate) fn push_joined<T>(
    text: &mut String,
    elements: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut String, T),
) {
    for (position, element) in elements.into_iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        push(text, element);
    }
}

/// Begins an operation, up to the end of its path.
pub(super) fn push_operation(text: &mut String, op: &str, path: &[Step<'_>]) {
    for part in [r#"{"op":""#, op, r#"","path":""#] {
        text.push_str(part);
    }
    for step in path {
        push_step(text, *step);
    }
}

/// Appends a step of a pointer, in a JSON string: `~` and `/` of keys escaped as RFC 6901 says, the rest as JSON does.
pub(super) fn push_step(text: &mut String, step: Step<'_>) {
    text.push('/');
    match step {
        Step::Key(key) => push_key(text, key),
        Step::Index(index) => push_number(text, index),
        Step::End => text.push('-'),
    }
}

fn push_key(text: &mut String, key: &str) {
    if key.bytes().any(is_escaped) {
        let json = string(key);
        text.push_str(&json[1..json.len() - 1].replace('~', "~0").replace('/', "~1"));
        return;
    }
    let mut rest = key;
    while let Some(at) = rest.bytes().position(|byte| byte == b'~' || byte == b'/') {
        text.push_str(&rest[..at]);
        text.push_str(if rest.as_bytes()[at] == b'~' { "~0" } else { "~1" });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

fn push_number(text: &mut String, number: usize) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}

/// Appends a string as JSON.
pub fn push_string(text: &mut String, value: &str) {
    if value.bytes().any(is_escaped) {
        // Serialising a string cannot fail.
        text.push_str(&serde_json::to_string(value).unwrap_or_default());
        return;
    }
    text.push('"');
    text.push_str(value);
    text.push('"');
}

/// Whether JSON writes a byte of a string as something else.
fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

/// A string as JSON.
pub fn string(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    push_string(&mut text, value);
    text
}
