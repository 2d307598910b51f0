//! Reading a pod, and no more of its spec than is asked for.

use super::{Mapping, Metadata, Pod, ReadMap, Text, brief::Brief, budget, once};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// How much of a spec is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What tells whether a pod is one to leave alone: host namespaces, the system, the containers' names and images. Everything
    /// else reads as absent.
    Brief,
    /// Every field a decision reads.
    Whole,
}

/// Reads a pod. Where the metadata come first, as the API server writes them, it asks how much of the spec matters; else all does.
#[derive(Debug)]
pub struct Read<F, K> {
    /// Says how much matters.
    pub extent: F,
    /// Whether a container of this name and image matters to a brief reading.
    pub keep: K,
}

impl<'de, F, K> ReadMap<'de> for Read<F, K>
where
    F: FnMut(&Metadata<'de>) -> Extent,
    K: Fn(&str, &str) -> bool,
{
    type Value = Pod<'de>;

    const EXPECTED: &'static str = "a mapping";

    fn read_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Pod<'de>, A::Error> {
        budget::begin();
        let (mut metadata, mut spec) = (None::<Option<Metadata<'de>>>, None);
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "metadata" => once(&mut metadata, &mut map, "metadata")?,
                "spec" if spec.is_some() => return Err(A::Error::duplicate_field("spec")),
                "spec" => {
                    let extent = metadata.iter().flatten().next().map_or(Extent::Whole, &mut self.extent);
                    spec = Some(match extent {
                        Extent::Brief => map.next_value_seed(Nullable(Mapping(Brief(&self.keep))))?,
                        Extent::Whole => map.next_value()?,
                    });
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Pod { metadata: metadata.flatten(), spec: spec.flatten() })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pod<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let extent = |_: &Metadata<'de>| Extent::Whole;
        Mapping(Read { extent, keep: |_: &str, _: &str| true }).deserialize(deserializer)
    }
}

/// Reads `null` as nothing.
#[derive(Debug)]
pub struct Nullable<S>(pub S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Nullable<S> {
    type Value = Option<S::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or null")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(deserializer).map(Some)
    }
}
