//! The review as it is read: the few fields of the envelope, in the order the API server writes them or any other.

use crate::pod::{Nullable, Text};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// An AdmissionReview; `O` is what its object is read as.
pub(super) struct Review<'a, O> {
    pub(super) api_version: Text<'a>,
    pub(super) request: Option<Request<'a, O>>,
}

/// What is asked.
pub(super) struct Request<'a, O> {
    pub(super) uid: Text<'a>,
    pub(super) name: Text<'a>,
    pub(super) namespace: Text<'a>,
    pub(super) dry_run: bool,
    pub(super) object: Option<O>,
    kind: Option<Kind<'a>>,
    sub_resource: Text<'a>,
    operation: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind<'a> {
    #[serde(borrow)]
    group: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
}

impl<O> Request<'_, O> {
    /// Whether it is the creation of a pod that is asked for.
    pub(super) fn creates_a_pod(&self) -> bool {
        let pod = self.kind.as_ref().is_some_and(|k| k.group.is_empty() && k.kind == "Pod");
        pod && self.operation == "CREATE" && self.sub_resource.is_empty()
    }
}

/// Reads the object of a request.
pub(super) trait ReadObject<'de> {
    /// What it is read as.
    type Object;

    /// Reads it. The request's `namespace` is there where it came before the object, as the API server writes it.
    fn read<D: Deserializer<'de>>(
        self,
        namespace: Option<&str>,
        object: D,
    ) -> Result<Option<Self::Object>, D::Error>;
}

/// Reads a review, its object by `R`.
pub(super) struct ReadReview<R>(pub(super) R);

impl<'de, R: ReadObject<'de>> DeserializeSeed<'de> for ReadReview<R> {
    type Value = Review<'de, R::Object>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: ReadObject<'de>> Visitor<'de> for ReadReview<R> {
    type Value = Review<'de, R::Object>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut object, mut api_version, mut request) = (Some(self.0), Text::EMPTY, None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "apiVersion" => api_version = map.next_value()?,
                "request" => {
                    let object = object.take().ok_or_else(|| A::Error::duplicate_field("request"))?;
                    request = map.next_value_seed(Nullable(ReadRequest(object)))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Review { api_version, request })
    }
}

struct ReadRequest<R>(R);

impl<'de, R: ReadObject<'de>> DeserializeSeed<'de> for ReadRequest<R> {
    type Value = Request<'de, R::Object>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: ReadObject<'de>> Visitor<'de> for ReadRequest<R> {
    type Value = Request<'de, R::Object>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Some(self.0);
        let mut namespace: Option<Text<'de>> = None;
        let mut request = Request {
            uid: Text::EMPTY,
            name: Text::EMPTY,
            namespace: Text::EMPTY,
            dry_run: false,
            object: None,
            kind: None,
            sub_resource: Text::EMPTY,
            operation: Text::EMPTY,
        };
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "uid" => request.uid = map.next_value()?,
                "kind" => request.kind = map.next_value()?,
                "subResource" => request.sub_resource = map.next_value()?,
                "name" => request.name = map.next_value()?,
                "namespace" => namespace = Some(map.next_value()?),
                "operation" => request.operation = map.next_value()?,
                "dryRun" => request.dry_run = map.next_value::<Option<bool>>()?.unwrap_or_default(),
                "object" => {
                    let object = object.take().ok_or_else(|| A::Error::duplicate_field("object"))?;
                    request.object = map.next_value_seed(Object(object, namespace.as_deref()))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        request.namespace = namespace.unwrap_or_default();
        Ok(request)
    }
}

struct Object<'n, R>(R, Option<&'n str>);

impl<'de, R: ReadObject<'de>> DeserializeSeed<'de> for Object<'_, R> {
    type Value = Option<R::Object>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.read(self.1, deserializer)
    }
}
