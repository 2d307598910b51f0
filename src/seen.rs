//! What is known of the cluster around a pod. Reviews read it, watches keep it up to date, and without a cluster nothing is known.

use crate::{
    config::SecretKey,
    rules::{Labels, Namespaces},
};
use std::{collections::HashMap, fmt, sync::Arc};

/// How long after the making of a namespace a Secret may be on its way there, in seconds. Until then nothing is missing.
pub const SETTLED: u64 = 30;

/// When namespaces were made, in seconds since 1970.
pub type Created = HashMap<String, u64>;

/// The keys of the Secrets of one name, by their namespace. Never their values.
pub type Holders = HashMap<Arc<str>, Keys>;

/// The keys of a Secret.
pub type Keys = Arc<[Box<str>]>;

/// The Secrets that are watched, by name. One that is not here is not known: pods count as if they had it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets(HashMap<String, Arc<Holders>>);

/// What is known of the cluster: immutable, so that a review sees one state of it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The labels of namespaces; `None` where nobody watches them. One that is not here has not been heard of yet.
    pub namespaces: Option<Arc<Namespaces>>,
    /// When those were made.
    pub created: Arc<Created>,
    /// Which namespaces have the Secrets of the configuration.
    pub secrets: Arc<Secrets>,
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
    pub secret: &'a SecretKey,
    /// Whether there is a Secret of that name, without the key.
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

impl Secrets {
    /// Takes note of all Secrets of a name.
    pub fn insert(&mut self, name: &str, holders: Holders) {
        self.0.insert(name.to_owned(), Arc::new(holders));
    }

    /// Forgets what was known of a name.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Forgets what was known of other names.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }

    /// Those of a name; `None` where nothing is known of it.
    pub fn get(&self, name: &str) -> Option<&Arc<Holders>> {
        self.0.get(name)
    }

    /// The names of which something is known, in no order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Moment<'_> {
    /// What a namespace is known to lack of a Secret. `None` where it has it, and where that is not known: its watch has not
    /// seen all, or the namespace is younger than [`SETTLED`] or not known itself.
    pub fn lack<'s>(&self, namespace: &'s str, secret: &'s SecretKey) -> Option<Lack<'s>> {
        let keys = self.seen.secrets.get(&secret.name)?.get(namespace);
        if keys.is_some_and(|keys| keys.iter().any(|key| **key == *secret.key)) {
            return None;
        }
        let created = *self.seen.created.get(namespace)?;
        let only_key = keys.is_some();
        (self.now.saturating_sub(created) > SETTLED).then_some(Lack { namespace, secret, only_key })
    }
}

impl fmt::Display for Lack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespace, secret: SecretKey { name, key }, only_key } = self;
        if *only_key {
            write!(f, "Secret {namespace}/{name} lacks key {key}: add it")
        } else {
            write!(f, "no Secret {namespace}/{name}: create it with key {key}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: u64 = 1_700_000_000;

    fn key(name: &str, key: &str) -> SecretKey {
        SecretKey { name: name.into(), key: key.into() }
    }

    fn seen() -> Seen {
        let mut secrets = Secrets::default();
        secrets.insert("datadog-secret", [("shop".into(), ["api-key".into()].into())].into());
        Seen {
            created: Arc::new([("shop".to_owned(), MADE), ("bare".to_owned(), MADE)].into()),
            secrets: Arc::new(secrets),
            ..Seen::default()
        }
    }

    fn lack(seen: &Seen, age: u64, namespace: &str, secret: &SecretKey) -> Option<String> {
        Moment { seen, now: MADE + age }.lack(namespace, secret).map(|lack| lack.to_string())
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
        Arc::make_mut(&mut seen.secrets).remove("datadog-secret");
        assert_eq!(lack(&seen, 31, "bare", &key("datadog-secret", "api-key")), None, "the watch was lost");
    }
}
