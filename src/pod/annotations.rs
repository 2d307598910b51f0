//! A pod's annotations.

use super::{Mapping, Pairs, ReadMap, Text, budget};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess},
};
use serde_json::value::RawValue;

/// The annotations a decision reads: ours, the mirror pod's, the autoscaler's and the LimitRanger's. Others can be large and are passed over.
#[derive(Debug, Default)]
pub struct Annotations<'a> {
    read: Pairs<'a>,
    /// The bytes of all keys and values, which the API server bounds.
    size: usize,
}

impl Annotations<'_> {
    /// The most bytes of all keys and values of a pod's annotations, `TotalAnnotationSizeLimitB` of the API server.
    pub const LIMIT: usize = 256 << 10;
    /// The prefix of our own annotations.
    pub const OURS: &'static str = "agent.datadoghq.com/sidecar.";
    /// The prefix of the annotations that configure checks and logs of a container.
    pub const AUTODISCOVERY: &'static str = "ad.datadoghq.com/";
    /// The autoscaler's comma list of volumes that do not hold a pod on its node.
    pub const SAFE_TO_EVICT: &'static str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
    /// What the API server's LimitRanger plugin set in containers.
    pub const LIMIT_RANGER: &'static str = "kubernetes.io/limit-ranger";
    /// Set by the kubelet on the mirror of a static pod.
    pub const MIRROR: &'static str = "kubernetes.io/config.mirror";

    /// The value of one of the annotations that are read.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.read.get(key)
    }

    /// The names of those that are read.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.read.iter().map(|(key, _)| key)
    }

    /// The bytes of all keys and values, also of those that are not read.
    pub fn size(&self) -> usize {
        self.size
    }

    fn is_read(key: &str) -> bool {
        key.starts_with(Self::OURS)
            || key.starts_with(Self::AUTODISCOVERY)
            || key == Self::SAFE_TO_EVICT
            || key == Self::LIMIT_RANGER
            || key == Self::MIRROR
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Mapping(ReadAnnotations).deserialize(deserializer)
    }
}

struct ReadAnnotations;

impl<'de> ReadMap<'de> for ReadAnnotations {
    type Value = Annotations<'de>;

    const EXPECTED: &'static str = "a map of annotations";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Annotations<'de>, A::Error> {
        let (mut read, mut size) = (Vec::new(), 0);
        while let Some(key) = map.next_key::<Text>()? {
            size += key.len();
            if !Annotations::is_read(&key) {
                size += map.next_value::<Length>()?.0;
            } else if let Some(value) = map.next_value::<Option<Text>>()? {
                size += value.len();
                budget::spend()?;
                read.push((key, value));
            }
        }
        Ok(Annotations { read: Pairs::new(read), size })
    }
}

/// The bytes of a string, which is not kept; of anything else none.
struct Length(usize);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let Some(inner) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else {
            return Ok(Self(0));
        };
        // Most are written as they are meant, and need not be read. What is no text is as long as it is written.
        let meant = inner.contains('\\').then(|| serde_json::from_str::<Text<'_>>(json).ok()).flatten();
        Ok(Self(meant.map_or(inner.len(), |text| text.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_that_of_what_is_meant() {
        for text in ["", "plain", "a\"b\\c\n", "é\u{20ac}\u{1f600}", "\u{1}", "\\\\u0041"] {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for json in [serde_json::to_string(text).unwrap(), format!("\"{escaped}\"")] {
                for key in ["other", "ad.datadoghq.com/a.checks"] {
                    let json = format!(r#"{{"{key}":{json}}}"#);
                    let annotations: Annotations<'_> = serde_json::from_str(&json).unwrap();
                    assert_eq!(annotations.size(), key.len() + text.len(), "{key} {json}");
                }
            }
        }
    }
}
