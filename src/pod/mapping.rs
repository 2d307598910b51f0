//! Reading a JSON object key by key, where a derived reader will not do.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use std::fmt;

/// Reads a value from the members of a JSON object.
pub trait ReadMap<'de>: Sized {
    /// What is read.
    type Value;

    /// What is said to have been expected where there is no object.
    const EXPECTED: &'static str;

    /// Reads it.
    fn read_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error>;
}

/// What [`ReadMap`] reads, for serde.
#[derive(Debug)]
pub struct Mapping<R>(pub R);

impl<'de, R: ReadMap<'de>> DeserializeSeed<'de> for Mapping<R> {
    type Value = R::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<R::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, R: ReadMap<'de>> Visitor<'de> for Mapping<R> {
    type Value = R::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(R::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<R::Value, A::Error> {
        self.0.read_map(map)
    }
}

/// Reads the value of a member that may occur once.
pub fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    there: &mut Option<T>,
    map: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    if there.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    *there = Some(map.next_value()?);
    Ok(())
}
