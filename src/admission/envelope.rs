//! The review as it is read: the few fields of the envelope, in the order the API server writes them or any other.

use crate::pod::{Mapping, Nullable, ReadMap, Text, once};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess},
};

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

impl<'de, R: ReadObject<'de>> ReadMap<'de> for ReadReview<R> {
    type Value = Review<'de, R::Object>;

    const EXPECTED: &'static str = "a mapping";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut object, mut api_version, mut request) = (Some(self.0), None, None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "apiVersion" => once(&mut api_version, &mut map, "apiVersion")?,
                "request" => {
                    let object = object.take().ok_or_else(|| A::Error::duplicate_field("request"))?;
                    request = map.next_value_seed(Nullable(Mapping(ReadRequest(object))))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Review { api_version: api_version.unwrap_or_default(), request })
    }
}

struct ReadRequest<R>(R);

impl<'de, R: ReadObject<'de>> ReadMap<'de> for ReadRequest<R> {
    type Value = Request<'de, R::Object>;

    const EXPECTED: &'static str = "a mapping";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut uid, mut name, mut namespace, mut kind) = (None, None, None::<Text<'de>>, None);
        let (mut sub_resource, mut operation, mut dry_run) = (None, None, None::<Option<bool>>);
        let (mut read, mut object) = (Some(self.0), None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "uid" => once(&mut uid, &mut map, "uid")?,
                "kind" => once(&mut kind, &mut map, "kind")?,
                "subResource" => once(&mut sub_resource, &mut map, "subResource")?,
                "name" => once(&mut name, &mut map, "name")?,
                "namespace" => once(&mut namespace, &mut map, "namespace")?,
                "operation" => once(&mut operation, &mut map, "operation")?,
                "dryRun" => once(&mut dry_run, &mut map, "dryRun")?,
                "object" => {
                    let read = read.take().ok_or_else(|| A::Error::duplicate_field("object"))?;
                    object = map.next_value_seed(Object(read, namespace.as_deref()))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Request {
            uid: uid.unwrap_or_default(),
            name: name.unwrap_or_default(),
            namespace: namespace.unwrap_or_default(),
            dry_run: dry_run.flatten().unwrap_or_default(),
            object,
            kind: kind.flatten(),
            sub_resource: sub_resource.unwrap_or_default(),
            operation: operation.unwrap_or_default(),
        })
    }
}

struct Object<'n, R>(R, Option<&'n str>);

impl<'de, R: ReadObject<'de>> DeserializeSeed<'de> for Object<'_, R> {
    type Value = Option<R::Object>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.read(self.1, deserializer)
    }
}
