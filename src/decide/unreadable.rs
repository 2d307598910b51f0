//! What is told of a pod that cannot be read.

use serde_json::error::Category;

/// Why a pod cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the pod cannot be read: {}", wrong(.0))]
pub struct Unreadable(serde_json::Error);

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(error)
    }
}

/// What is wrong with a JSON text. What serde says of an error may quote the text, and that may be a secret: only what was expected
/// there and the place are told.
pub(crate) fn wrong(error: &serde_json::Error) -> String {
    let expected = || {
        let text = error.to_string();
        let (_, rest) = text.rsplit_once(", expected ")?;
        let (expected, _) = rest.rsplit_once(" at line ")?;
        Some(match expected {
            "i64" => "a whole number".to_owned(),
            expected if expected.starts_with("struct ") => "a mapping".to_owned(),
            expected => expected.to_owned(),
        })
    };
    let what = match error.classify() {
        Category::Syntax => "JSON syntax".into(),
        Category::Eof => "it ends too early".into(),
        Category::Data => expected().map_or_else(
            || "a value of another type than expected".into(),
            |expected| format!("{expected} was expected"),
        ),
        Category::Io => "it could not be read".into(),
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::Pod;

    #[test]
    fn what_cannot_be_read_is_told_without_its_values() {
        for (pod, told) in [
            (
                r#"{"spec":{"containers":[{"env":{"a":1}}]}}"#,
                "a list of variables was expected at line 1 column 30",
            ),
            (
                r#"{"spec":{"containers":[{"env":["s3cret, expected s3cret"]}]}}"#,
                "a mapping was expected at line 1 column 56",
            ),
            (r#"{"spec":{"hostPID":"s3cret"}}"#, "a boolean was expected at line 1 column 27"),
            (
                r#"{"spec":{"securityContext":{"runAsUser":1.5}}}"#,
                "a whole number was expected at line 1 column 43",
            ),
            (r#"{"spec":"#, "it ends too early at line 1 column 8"),
            (r#"{"spec":s3cret}"#, "JSON syntax at line 1 column 9"),
        ] {
            let error = serde_json::from_str::<Pod<'_>>(pod).unwrap_err();
            assert_eq!(Unreadable(error).to_string(), format!("the pod cannot be read: {told}"));
        }
    }
}
