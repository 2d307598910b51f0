//! What is known of the cluster around a pod. Reviews read it, watches keep it up to date, and without a cluster nothing is known.

use crate::rules::{Labels, Namespaces};
use std::{collections::HashMap, fmt, sync::Arc};

/// How long after the making of a namespace an object may be on its way there, in seconds. Until then nothing is missing.
pub const SETTLED: u64 = 30;

/// When namespaces were made, in seconds since 1970.
pub type Created = HashMap<String, u64>;

/// A kind of object that sidecars refer to in the namespace of their pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// An object that sidecars refer to in the namespace of their pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// A key of such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRef {
    /// The object.
    pub object: ObjectRef,
    /// The key.
    pub key: String,
}

/// The keys of the objects of one name, by their namespace. Never their values.
pub type Holders = HashMap<Arc<str>, Keys>;

/// The keys of an object.
pub type Keys = Arc<[Box<str>]>;

/// The objects that are watched. One that is not here is not known: pods count as if they had it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objects(HashMap<ObjectRef, Arc<Holders>>);

/// What is known of the cluster: immutable, so that a review sees one state of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The labels of namespaces; `None` where nobody watches them. One that is not here has not been heard of yet.
    pub namespaces: Option<Arc<Namespaces>>,
    /// When those were made.
    pub created: Arc<Created>,
    /// Which namespaces have the Secrets and ConfigMaps that sidecars refer to.
    pub objects: Arc<Objects>,
}

/// What is known at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// What is known.
    pub seen: &'a Seen,
    /// The moment, in seconds since 1970.
    pub now: u64,
}

/// What a namespace is known to be without. Its text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lack<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// What is looked for.
    pub wanted: &'a KeyRef,
    /// Whether there is an object of that name, without the key.
    pub only_key: bool,
}

impl Seen {
    /// The labels of a namespace, where they are known.
    pub fn labels(&self, namespace: &str) -> Option<&Labels> {
        self.namespaces.as_ref()?.get(namespace)
    }

    /// Whether a watch of namespaces has not told of this one, as it will of every one that there is.
    pub fn awaits(&self, namespace: &str) -> bool {
        self.namespaces.as_ref().is_some_and(|known| !known.contains_key(namespace))
    }
}

impl Kind {
    /// As manifests have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

impl ObjectRef {
    /// A Secret of this name.
    pub fn secret(name: impl Into<String>) -> Self {
        Self { kind: Kind::Secret, name: name.into() }
    }

    /// A ConfigMap of this name.
    pub fn config_map(name: impl Into<String>) -> Self {
        Self { kind: Kind::ConfigMap, name: name.into() }
    }
}

impl Objects {
    /// Takes note of all objects of a name.
    pub fn insert(&mut self, object: ObjectRef, holders: Holders) {
        self.0.insert(object, Arc::new(holders));
    }

    /// Forgets what was known of a name.
    pub fn remove(&mut self, object: &ObjectRef) {
        self.0.remove(object);
    }

    /// Forgets what was known of other names.
    pub fn retain(&mut self, keep: impl Fn(&ObjectRef) -> bool) {
        self.0.retain(|object, _| keep(object));
    }

    /// Those of a name; `None` where nothing is known of it.
    pub fn get(&self, object: &ObjectRef) -> Option<&Arc<Holders>> {
        self.0.get(object)
    }

    /// Of how many names something is known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Moment<'_> {
    /// What a namespace is known to lack of an object. `None` where it has it, and where that is not known: its watch has not
    /// seen all, or the namespace is younger than [`SETTLED`] or not known itself.
    pub fn lack<'s>(&self, namespace: &'s str, wanted: &'s KeyRef) -> Option<Lack<'s>> {
        let keys = self.seen.objects.get(&wanted.object)?.get(namespace);
        if keys.is_some_and(|keys| keys.iter().any(|key| **key == *wanted.key)) {
            return None;
        }
        let created = *self.seen.created.get(namespace)?;
        let only_key = keys.is_some();
        (self.now.saturating_sub(created) > SETTLED).then_some(Lack { namespace, wanted, only_key })
    }
}

impl fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, wanted: KeyRef { object: ObjectRef { kind, name }, key }, only_key } = self;
        let kind = kind.as_str();
        if *only_key {
            write!(f, "{kind} {namespace}/{name} lacks key {key}: add it")
        } else {
            write!(f, "no {kind} {namespace}/{name}: create it with key {key}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: u64 = 1_700_000_000;

    fn key(name: &str, key: &str) -> KeyRef {
        KeyRef { object: ObjectRef::secret(name), key: key.into() }
    }

    fn seen() -> Seen {
        let mut objects = Objects::default();
        let holders = [("shop".into(), ["api-key".into()].into())].into();
        objects.insert(ObjectRef::secret("datadog-secret"), holders);
        Seen {
            created: Arc::new([("shop".to_owned(), MADE), ("bare".to_owned(), MADE)].into()),
            objects: Arc::new(objects),
            ..Seen::default()
        }
    }

    fn lack(seen: &Seen, age: u64, namespace: &str, wanted: &KeyRef) -> Option<String> {
        Moment { seen, now: MADE + age }.lack(namespace, wanted).map(|lack| lack.to_string())
    }

    #[test]
    fn what_is_there_is_not_missing_at_any_age() {
        for age in [0, 31, 1_000_000] {
            assert_eq!(lack(&seen(), age, "shop", &key("datadog-secret", "api-key")), None);
        }
    }

    #[test]
    fn what_an_old_namespace_does_not_have_is_missing() {
        assert_eq!(
            lack(&seen(), 31, "bare", &key("datadog-secret", "api-key")).unwrap(),
            "no Secret bare/datadog-secret: create it with key api-key"
        );
        assert_eq!(
            lack(&seen(), 31, "shop", &key("datadog-secret", "token")).unwrap(),
            "Secret shop/datadog-secret lacks key token: add it"
        );
    }

    #[test]
    fn a_config_map_is_no_secret() {
        let mut seen = seen();
        let ca = KeyRef { object: ObjectRef::config_map("datadog-secret"), key: "api-key".into() };
        assert_eq!(lack(&seen, 31, "shop", &ca), None, "not watched");
        Arc::make_mut(&mut seen.objects).insert(ca.object.clone(), Holders::default());
        assert_eq!(
            lack(&seen, 31, "shop", &ca).unwrap(),
            "no ConfigMap shop/datadog-secret: create it with key api-key"
        );
    }

    #[test]
    fn in_a_young_namespace_nothing_is_missing() {
        for age in [0, 1, 30] {
            assert_eq!(lack(&seen(), age, "bare", &key("datadog-secret", "api-key")), None, "{age}");
            assert_eq!(lack(&seen(), age, "shop", &key("datadog-secret", "token")), None, "{age}");
        }
        // A clock that is behind the API server's.
        let behind = Moment { seen: &seen(), now: MADE - 100 };
        assert_eq!(behind.lack("bare", &key("datadog-secret", "api-key")), None);
    }

    #[test]
    fn what_is_not_known_is_not_missing() {
        let mut seen = seen();
        assert_eq!(lack(&seen, 31, "bare", &key("other-secret", "api-key")), None, "not watched");
        assert_eq!(
            lack(&seen, 31, "unheard-of", &key("datadog-secret", "api-key")),
            None,
            "no such namespace"
        );
        Arc::make_mut(&mut seen.objects).remove(&ObjectRef::secret("datadog-secret"));
        assert_eq!(lack(&seen, 31, "bare", &key("datadog-secret", "api-key")), None, "the watch was lost");
    }
}
