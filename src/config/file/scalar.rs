//! Strings which people also write as something else: each is read as the text that was written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The value of a label.
const LABEL: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$";

/// The key of a label or an annotation.
const KEY: &str =
    "^([A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";

/// Puts into the schema of a mapping what its keys are: those of labels or annotations.
pub(super) fn keys(schema: &mut Schema) {
    schema.insert("propertyNames".into(), json!({ "pattern": KEY }));
}

/// The same, and what the values are.
pub(super) fn labels(schema: &mut Schema) {
    keys(schema);
    if let Some(Value::Object(values)) = schema.get_mut("additionalProperties") {
        values.insert("pattern".into(), LABEL.into());
    }
}

macro_rules! scalar {
    ($(#[$comment:meta])* $name:ident, $($schema:tt)+) => {
        $(#[$comment])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        #[serde(transparent)]
        pub(in crate::config) struct $name(pub(in crate::config) String);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

scalar! {
    /// A string which people also write as a number: `1.50` is the text `1.50`.
    Scalar,
    { "type": ["string", "number"] }
}

scalar! {
    /// One which they also write as true or false: the value of an annotation.
    Text,
    { "type": ["string", "number", "boolean"] }
}

scalar! {
    /// The value of a label.
    Label,
    {
        "type": ["string", "number", "boolean"],
        "pattern": LABEL,
        "minimum": 0
    }
}

scalar! {
    /// How much of a resource.
    Amount,
    {
        "type": ["string", "number"],
        "pattern": "^\\+?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][-+]?[0-9]+|[numkMGTPE]|[KMGTPE]i)?$",
        "minimum": 0
    }
}
