//! A list whose `null` elements read as empty ones.

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData, ops::Deref};

/// A list in which position counts: a `null` element keeps its place and reads as an empty one.
#[derive(Debug, Default)]
pub struct List<T>(Vec<T>);

impl<T> List<T> {
    /// The list of what `change` makes of each element.
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> List<U> {
        List(self.0.into_iter().map(change).collect())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Read<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element::<Option<T>>()? {
                    list.push(element.unwrap_or_default());
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(Read(PhantomData))
    }
}
