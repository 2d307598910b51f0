//! A container's variables.

use super::{Present, Text, budget};
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::fmt;

/// The variables that are read and not Datadog's.
const OTLP: [&str; 2] = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// A container's variables: how many there are, and Datadog's among them.
#[derive(Debug, Default)]
pub struct Env<'a> {
    /// All of them.
    pub len: usize,
    /// Those whose name begins with `DD_`, in their order.
    datadog: Vec<Variable<'a>>,
}

/// One variable.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Variable<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    value_from: Present,
}

/// What a container has under a variable's name.
#[derive(Debug, PartialEq, Eq)]
pub enum Set {
    /// This very value.
    Equal,
    /// Another literal.
    Different,
    /// A reference.
    Reference,
}

impl Env<'_> {
    /// Whether there is anything under a Datadog name.
    pub fn has(&self, name: &str) -> bool {
        self.datadog.iter().any(|v| v.name == name)
    }

    /// What is there under a Datadog name, compared with a value; of several the last counts, as in Kubernetes.
    pub fn compare(&self, name: &str, value: &str) -> Option<Set> {
        let found = self.datadog.iter().rev().find(|v| v.name == name)?;
        Some(if found.value_from.0 {
            Set::Reference
        } else if found.literal() == value {
            Set::Equal
        } else {
            Set::Different
        })
    }
}

impl Variable<'_> {
    fn literal(&self) -> Text<'_> {
        self.value.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Env<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Env<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of variables")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut env = Env::default();
                while let Some(variable) = seq.next_element::<Option<Variable>>()? {
                    env.len += 1;
                    let read = |v: &Variable<'_>| v.name.starts_with("DD_") || OTLP.contains(&&*v.name);
                    let Some(variable) = variable.filter(read) else { continue };
                    budget::spend()?;
                    env.datadog.push(variable);
                }
                Ok(env)
            }
        }
        deserializer.deserialize_seq(Read)
    }
}
