//! A pod's annotations.

use super::{Mapping, ReadMap, Text};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess},
};

/// The annotations a decision reads: ours, the mirror pod's and the autoscaler's. Others can be large and are passed over.
#[derive(Debug, Default)]
pub struct Annotations<'a>(Vec<(Text<'a>, Text<'a>)>);

impl Annotations<'_> {
    /// The prefix of our own annotations.
    pub const OURS: &'static str = "agent.datadoghq.com/sidecar.";
    /// The prefix of the annotations that configure checks and logs of a container.
    pub const AUTODISCOVERY: &'static str = "ad.datadoghq.com/";
    /// The autoscaler's comma list of volumes that do not hold a pod on its node.
    pub const SAFE_TO_EVICT: &'static str = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";
    /// Set by the kubelet on the mirror of a static pod.
    pub const MIRROR: &'static str = "kubernetes.io/config.mirror";

    /// The value of one of the annotations that are read.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(k, _)| k == key).map(|(_, value)| &**value)
    }

    /// The names of those that are read.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    fn is_read(key: &str) -> bool {
        key.starts_with(Self::OURS)
            || key.starts_with(Self::AUTODISCOVERY)
            || key == Self::SAFE_TO_EVICT
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
        let mut read = Vec::new();
        while let Some(key) = map.next_key::<Text>()? {
            if !Annotations::is_read(&key) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(value) = map.next_value::<Option<Text>>()? {
                read.push((key, value));
            }
        }
        Ok(Annotations(read))
    }
}
