//! A volume: its name and where its content comes from.

use super::{Mapping, Named, Present, ReadMap, Text};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, MapAccess},
};

/// A volume of a pod.
#[derive(Debug, Default)]
pub struct Volume<'a> {
    /// Its name.
    pub name: Text<'a>,
    /// Where its content comes from.
    pub source: Source<'a>,
}

/// Where a volume's content comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// An empty directory, which is also what a volume without any source is; `plain` without a medium or a size limit.
    EmptyDir {
        /// `emptyDir: {}`, as we write it.
        plain: bool,
    },
    /// A directory of the node.
    HostPath,
    /// A driver.
    Csi,
    /// A ConfigMap of this name.
    ConfigMap(Text<'a>),
    /// Anything else, by the name of its kind.
    Other(Text<'a>),
}

impl Source<'_> {
    /// The kind's name, as a volume has it.
    pub fn kind(&self) -> &str {
        match self {
            Self::EmptyDir { .. } => "emptyDir",
            Self::HostPath => "hostPath",
            Self::Csi => "csi",
            Self::ConfigMap(_) => "configMap",
            Self::Other(kind) => kind,
        }
    }
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::EmptyDir { plain: true }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Volume<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Mapping(ReadVolume).deserialize(deserializer)
    }
}

struct ReadVolume;

impl<'de> ReadMap<'de> for ReadVolume {
    type Value = Volume<'de>;

    const EXPECTED: &'static str = "a volume";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Volume<'de>, A::Error> {
        let mut volume = Volume::default();
        while let Some(key) = map.next_key::<Text>()? {
            let source = match &*key {
                "name" => {
                    volume.name = map.next_value()?;
                    None
                }
                "emptyDir" => map
                    .next_value::<Option<EmptyDir>>()?
                    .map(|dir| Source::EmptyDir { plain: !dir.medium.0 && !dir.size_limit.0 }),
                "hostPath" => map.next_value::<Present>()?.0.then_some(Source::HostPath),
                "csi" => map.next_value::<Present>()?.0.then_some(Source::Csi),
                "configMap" => map.next_value::<Option<Named>>()?.map(|named| Source::ConfigMap(named.name)),
                _ => map.next_value::<Present>()?.0.then_some(Source::Other(key)),
            };
            if let Some(source) = source {
                volume.source = source;
            }
        }
        Ok(volume)
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EmptyDir {
    medium: Present,
    size_limit: Present,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        for (json, source) in [
            (r#"{"name":"v"}"#, Source::EmptyDir { plain: true }),
            (r#"{"name":"v","emptyDir":{}}"#, Source::EmptyDir { plain: true }),
            (r#"{"emptyDir":{"medium":"Memory"},"name":"v"}"#, Source::EmptyDir { plain: false }),
            (r#"{"name":"v","hostPath":{"path":"/x"},"emptyDir":null}"#, Source::HostPath),
            (r#"{"name":"v","csi":{"driver":"d"}}"#, Source::Csi),
            (r#"{"name":"v","secret":{}}"#, Source::Other("secret".into())),
            (r#"{"name":"v","somethingNew":{"a":1}}"#, Source::Other("somethingNew".into())),
        ] {
            let volume: Volume = serde_json::from_str(json).unwrap();
            assert_eq!(volume.source, source, "{json}");
            assert_eq!(&*volume.name, "v");
        }
    }
}
