//! A spec read in brief: what the questions before the selectors look at. Passing over a field costs less than reading it, and most
//! pods of a cluster are none of ours. However many containers there are, at most one of a list is kept.

use super::{Container, List, Named, Nullable, Pairs, ReadMap, Spec, Text, once};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use std::fmt;

/// Reads a spec of which containers are kept that `keep` says so of, by name and image: the first of each list.
pub(super) struct Brief<K>(pub(super) K);

impl<'de, K: Fn(&str, &str) -> bool> ReadMap<'de> for Brief<K> {
    type Value = Spec<'de>;

    const EXPECTED: &'static str = "a mapping";

    fn read_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spec<'de>, A::Error> {
        let (mut host_network, mut host_pid, mut host_ipc) = (None, None, None);
        let (mut os, mut node_selector) = (None::<Option<Named<'de>>>, None::<Option<Pairs<'de>>>);
        let (mut init_containers, mut containers) = (None, None);
        let list = |there: &mut Option<_>, map: &mut A, name| {
            if there.is_some() {
                return Err(A::Error::duplicate_field(name));
            }
            *there = Some(map.next_value_seed(Nullable(Containers(&self.0)))?);
            Ok(())
        };
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match &*key {
                "hostNetwork" => once(&mut host_network, &mut map, "hostNetwork")?,
                "hostPID" => once(&mut host_pid, &mut map, "hostPID")?,
                "hostIPC" => once(&mut host_ipc, &mut map, "hostIPC")?,
                "os" => once(&mut os, &mut map, "os")?,
                "nodeSelector" => once(&mut node_selector, &mut map, "nodeSelector")?,
                "initContainers" => list(&mut init_containers, &mut map, "initContainers")?,
                "containers" => list(&mut containers, &mut map, "containers")?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Spec {
            host_network: host_network.flatten(),
            host_pid: host_pid.flatten(),
            host_ipc: host_ipc.flatten(),
            os: os.flatten(),
            node_selector: node_selector.flatten(),
            init_containers: init_containers.flatten(),
            containers: containers.flatten(),
            ..Spec::default()
        })
    }
}

/// Reads a list of containers into one that is empty where it is, and else has one: the first to be kept, or the first.
struct Containers<'k, K>(&'k K);

impl<'de, K: Fn(&str, &str) -> bool> DeserializeSeed<'de> for Containers<'_, K> {
    type Value = List<Container<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, K: Fn(&str, &str) -> bool> Visitor<'de> for Containers<'_, K> {
    type Value = List<Container<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut first, mut kept, mut has_null) = (None, None, false);
        while let Some(element) = seq.next_element::<Option<Names<'de>>>()? {
            has_null |= element.is_none();
            let names = element.unwrap_or_default();
            if kept.is_none() && (self.0)(&names.name, &names.image) {
                kept = Some(names);
            } else if first.is_none() {
                first = Some(names);
            }
        }
        let one =
            kept.or(first).map(|Names { name, image }| Container { name, image, ..Container::default() });
        Ok(List::new(one.into_iter().collect(), has_null))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Names<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
}
