//! Strings, maps of strings, and the mere presence of a value.

use super::{Mapping, ReadMap, budget};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use std::{borrow::Cow, fmt, ops::Deref};

/// A string borrowed where the text allows it. Absent and `null` read as empty. A number reads as its text: quantities may be
/// written so, and where nothing but a string may stand the API server is the one to refuse it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// No text.
    pub const EMPTY: Self = Self(Cow::Borrowed(""));
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text::default())
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(value.to_string())))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
                // As short as JSON writes it: all digits of 1e308 are three hundred. Numbers of JSON are finite.
                let number = serde_json::Number::from_f64(value).map(|number| number.to_string());
                Ok(Text(Cow::Owned(number.unwrap_or_default())))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// The most bytes of a name that Kubernetes takes, RFC 1123's for a subdomain: what is told of one or kept is no longer.
pub const NAME: usize = 253;

/// The beginning of a text, of at most so many bytes.
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

/// A map of strings: of equal keys the last counts, as for the API server.
#[derive(Debug, Default)]
pub struct Pairs<'a> {
    /// Beyond [`FEW`] sorted, each key once; else as written.
    pairs: Vec<(Text<'a>, Text<'a>)>,
}

/// Up to so many entries looking at each costs less than order does.
const FEW: usize = 16;

impl<'a> Pairs<'a> {
    /// Of the entries of a map in their written order.
    pub(super) fn new(mut pairs: Vec<(Text<'a>, Text<'a>)>) -> Self {
        if pairs.len() > FEW {
            pairs.reverse();
            pairs.sort_by(|(one, _), (other, _)| one.0.cmp(&other.0));
            pairs.dedup_by(|(later, _), (kept, _)| later.0 == kept.0);
        }
        Self { pairs }
    }

    /// The value under a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = if self.pairs.len() > FEW {
            self.pairs.get(self.pairs.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?)?
        } else {
            self.pairs.iter().rev().find(|(k, _)| k == key)?
        };
        Some(value)
    }

    /// Every key and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Mapping(ReadPairs).deserialize(deserializer)
    }
}

struct ReadPairs;

impl<'de> ReadMap<'de> for ReadPairs {
    type Value = Pairs<'de>;

    const EXPECTED: &'static str = "a map of strings";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs<'de>, A::Error> {
        let mut pairs = Vec::with_capacity(8);
        while let Some(pair) = map.next_entry()? {
            budget::spend()?;
            pairs.push(pair);
        }
        Ok(Pairs::new(pairs))
    }
}

/// A small number. What is none, or is larger, reads as 0: the API server is the one to refuse those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Number(pub u16);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        Ok(Self(number.get().parse().unwrap_or_default()))
    }
}

/// Whether there is a value (other than `null`), whatever it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(pub bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|value| Self(value.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_keys_the_last_counts_however_many_there_are() {
        for count in [1, FEW - 1, FEW, FEW + 1, 100] {
            let twice = (0..2).flat_map(|round| (0..count).map(move |i| format!(r#""k{i}":"{round}-{i}""#)));
            let json = format!("{{{}}}", twice.collect::<Vec<_>>().join(","));
            let pairs: Pairs<'_> = serde_json::from_str(&json).unwrap();
            for i in 0..count {
                assert_eq!(pairs.get(&format!("k{i}")), Some(format!("1-{i}").as_str()), "{count}");
            }
            assert_eq!(pairs.get("k"), None);
            assert_eq!(pairs.get("z"), None);
        }
    }

    #[test]
    fn a_number_is_as_short_as_it_was() {
        for (json, text) in [
            ("1e308", "1e+308"),
            ("0.5", "0.5"),
            ("-3", "-3"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(&*serde_json::from_str::<Text<'_>>(json).unwrap(), text);
        }
    }
}
