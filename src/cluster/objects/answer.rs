//! What the API server says of Secrets and ConfigMaps, read so that no value of theirs is ever kept, logged or part of an error.
//!
//! kube's own types keep the values, and its client logs an answer that it cannot read: so answers come here as text.

use super::Error;
use crate::seen::{Holders, Keys};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// A list.
#[derive(Debug)]
pub(super) struct List {
    pub(super) holders: Holders,
    pub(super) version: String,
}

/// A line of a watch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An object was made or changed.
    Put { namespace: Arc<str>, keys: Keys, version: String },
    /// An object was deleted.
    Removed { namespace: Arc<str>, version: String },
    /// So far everything is told.
    None { version: String },
    /// What came after the version asked for is no longer kept.
    Gone,
}

#[derive(Deserialize)]
struct Items {
    metadata: ItemsMeta,
    items: Option<Vec<Named>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ItemsMeta {
    resource_version: String,
}

#[derive(Deserialize)]
struct Event<'a> {
    r#type: String,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// An object without its values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    metadata: Meta,
    data: Option<Names>,
    /// A ConfigMap's.
    binary_data: Option<Names>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    #[serde(default)]
    namespace: Box<str>,
    resource_version: String,
}

/// The names in a mapping.
#[derive(Default)]
struct Names(Vec<Box<str>>);

#[derive(Deserialize)]
struct Status {
    code: Option<u16>,
}

impl List {
    /// Reads a list.
    pub(super) fn read(text: &str) -> Result<Self, Error> {
        let Items { metadata, items } = read(text)?;
        let holders = items.unwrap_or_default().into_iter().map(|object| {
            let (namespace, keys, _) = object.parts();
            (namespace, keys)
        });
        Ok(Self { holders: holders.collect(), version: metadata.resource_version })
    }
}

impl Change {
    /// Reads a line.
    pub(super) fn read(line: &str) -> Result<Self, Error> {
        let event: Event<'_> = read(line)?;
        let object = || Ok::<_, Error>(read::<Named>(event.object.get())?.parts());
        Ok(match event.r#type.as_str() {
            "ADDED" | "MODIFIED" => {
                let (namespace, keys, version) = object()?;
                Self::Put { namespace, keys, version }
            }
            "DELETED" => {
                let (namespace, _, version) = object()?;
                Self::Removed { namespace, version }
            }
            "BOOKMARK" => Self::None { version: object()?.2 },
            "ERROR" if read::<Status>(event.object.get())?.code == Some(410) => Self::Gone,
            _ => return Err(Error::Answer),
        })
    }
}

impl Named {
    fn parts(self) -> (Arc<str>, Keys, String) {
        let keys: Vec<_> =
            [self.data, self.binary_data].into_iter().flatten().flat_map(|names| names.0).collect();
        (self.metadata.namespace.into(), keys.into(), self.metadata.resource_version)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfMap;

        impl<'de> Visitor<'de> for OfMap {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(OfMap)
    }
}

/// What serde says of an error may quote the text.
fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// `s3cret` in base64, as Secrets have it.
    const VALUE: &str = "czNjcmV0";

    fn secret(data: &Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data, "immutable": true,
            "metadata": {"name": "datadog-secret", "namespace": "shop", "resourceVersion": "7", "uid": "u",
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": VALUE}}})
    }

    fn change(kind: &str, object: &Value) -> Result<Change, String> {
        let read = Change::read(&json!({"type": kind, "object": object}).to_string());
        assert!(!format!("{read:?}").contains(VALUE), "{read:?}");
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn of_a_list_names_and_keys_are_kept() {
        let items = [secret(&json!({"api-key": VALUE, "token": ""})), secret(&Value::Null)];
        let mut answer = json!({"kind": "SecretList", "metadata": {"resourceVersion": "9"}, "items": items});
        answer["items"][1]["metadata"]["namespace"] = "empty".into();
        let list = List::read(&answer.to_string()).unwrap();
        let keys: Keys = ["api-key".into(), "token".into()].into();
        assert_eq!(list.holders, [("shop".into(), keys), ("empty".into(), [].into())].into());
        assert_eq!(list.version, "9");
        assert!(!format!("{list:?}").contains(VALUE));

        answer["items"] = Value::Null;
        assert!(List::read(&answer.to_string()).unwrap().holders.is_empty());
    }

    #[test]
    fn changes_are_told_apart() {
        let (namespace, version): (Arc<str>, _) = ("shop".into(), "7".to_owned());
        let object = secret(&json!({"api-key": VALUE}));
        let put = Change::Put {
            namespace: namespace.clone(),
            keys: ["api-key".into()].into(),
            version: version.clone(),
        };
        assert_eq!(change("ADDED", &object).as_ref(), Ok(&put));
        assert_eq!(change("MODIFIED", &object), Ok(put));
        let removed = Change::Removed { namespace, version: version.clone() };
        assert_eq!(change("DELETED", &object), Ok(removed));
        let bookmark = json!({"kind": "Secret", "metadata": {"resourceVersion": "7"}});
        assert_eq!(change("BOOKMARK", &bookmark), Ok(Change::None { version }));
        assert_eq!(change("ERROR", &json!({"kind": "Status", "code": 410})), Ok(Change::Gone));
    }

    #[test]
    fn no_error_shows_a_value() {
        let wrong = "the answer is not about such objects";
        assert_eq!(change("ADDED", &secret(&json!(VALUE))).unwrap_err(), wrong);
        assert_eq!(change("ADDED", &json!({"data": {"api-key": VALUE}})).unwrap_err(), wrong);
        assert_eq!(change(VALUE, &secret(&json!({}))).unwrap_err(), wrong);
        assert_eq!(
            change("ERROR", &json!({"kind": "Status", "code": 500, "message": VALUE})).unwrap_err(),
            wrong
        );
        for text in ["", "{", VALUE, r#"{"items":[{"data":{"a":"czNjcmV0"}}]}"#] {
            assert_eq!(List::read(text).unwrap_err().to_string(), wrong);
            assert_eq!(Change::read(text).unwrap_err().to_string(), wrong);
        }
    }
}
