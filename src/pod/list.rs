//! A list whose `null` elements read as empty ones.

use super::budget;
use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData, ops::Deref};

/// A list in which position counts: a `null` element keeps its place and reads as an empty one.
#[derive(Debug, Default)]
pub struct List<T> {
    elements: Vec<T>,
    has_null: bool,
}

impl<T> List<T> {
    /// A list made here.
    pub(super) fn new(elements: Vec<T>, has_null: bool) -> Self {
        Self { elements, has_null }
    }

    /// Whether an element is `null`: nothing can be put into it.
    pub fn has_null(&self) -> bool {
        self.has_null
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
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
                let mut list = List::default();
                while let Some(element) = seq.next_element::<Option<T>>()? {
                    budget::spend()?;
                    list.has_null |= element.is_none();
                    list.elements.push(element.unwrap_or_default());
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(Read(PhantomData))
    }
}
