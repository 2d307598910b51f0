//! The labels of namespaces, and when those were made, from a watch of their metadata.

use super::trouble::Trouble;
use crate::{
    rules::{Labels, Namespaces},
    seen::Created,
    view::View,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    core::{ObjectMeta, PartialObjectMeta},
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_util::sync::CancellationToken;

/// Keeps what reviews know of namespaces up to date.
#[derive(Debug)]
pub struct Known {
    seen: Arc<View>,
    synced: AtomicBool,
}

/// What a list brings.
type Listed = (Namespaces, Created);

impl Known {
    /// Writes into what reviews read. From here on a namespace that is not there has not been heard of.
    pub fn new(seen: Arc<View>) -> Self {
        seen.change(|seen| seen.namespaces = Some(Arc::default()));
        Self { seen, synced: AtomicBool::new(false) }
    }

    /// Whether every namespace has been seen once.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }

    fn change(&self, change: impl Fn(&mut Namespaces, &mut Created)) {
        self.seen.change(|seen| {
            let namespaces = Arc::make_mut(seen.namespaces.get_or_insert_default());
            change(namespaces, Arc::make_mut(&mut seen.created));
        });
    }
}

/// Keeps the labels up to date until the end. While the API server cannot be reached, what is known stays.
pub async fn watch(client: Client, known: Arc<Known>, stop: CancellationToken) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let (mut listed, mut trouble) = (None, Trouble::new("watch namespaces"));
    while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
        match event {
            Ok(event) => {
                trouble.over();
                apply(event, &known, &mut listed);
            }
            Err(error) => trouble.failed(&error),
        }
    }
}

/// `listed` collects a list until it is complete: a half of it is not what there is.
fn apply(event: Event<PartialObjectMeta<Namespace>>, known: &Known, listed: &mut Option<Listed>) {
    match event {
        Event::Init => *listed = Some(Listed::default()),
        Event::InitApply(namespace) => {
            let (namespaces, created) = listed.get_or_insert_default();
            insert(parts(namespace), namespaces, created);
        }
        Event::InitDone => {
            if let Some((namespaces, created)) = listed.take() {
                if !known.is_synced() {
                    tracing::info!(namespaces = namespaces.len(), "Learnt the labels of namespaces");
                }
                let (namespaces, created) = (Arc::new(namespaces), Arc::new(created));
                known.seen.change(|seen| {
                    seen.namespaces = Some(namespaces.clone());
                    seen.created = created.clone();
                });
                known.synced.store(true, Ordering::Relaxed);
            }
        }
        Event::Apply(namespace) => {
            let parts = parts(namespace);
            let (name, labels, made) = &parts;
            let seen = known.seen.load();
            if seen.labels(name) != Some(labels) || seen.created.get(name) != made.as_ref() {
                known.change(|namespaces, created| insert(parts.clone(), namespaces, created));
            }
        }
        Event::Delete(namespace) => {
            let (name, ..) = parts(namespace);
            known.change(|namespaces, created| {
                namespaces.remove(&name);
                created.remove(&name);
            });
        }
    }
}

/// A namespace's name, its labels, and when it was made.
fn parts(namespace: PartialObjectMeta<Namespace>) -> (String, Labels, Option<u64>) {
    let ObjectMeta { name, labels, creation_timestamp, .. } = namespace.metadata;
    let made = creation_timestamp.and_then(|made| made.0.as_second().try_into().ok());
    (name.unwrap_or_default(), labels.unwrap_or_default(), made)
}

fn insert(parts: (String, Labels, Option<u64>), namespaces: &mut Namespaces, created: &mut Created) {
    let (name, labels, made) = parts;
    if let Some(made) = made {
        created.insert(name.clone(), made);
    }
    namespaces.insert(name, labels);
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn namespace(name: &str, team: &str) -> PartialObjectMeta<Namespace> {
        PartialObjectMeta {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: Some([("team".to_owned(), team.to_owned())].into()),
                creation_timestamp: Some(Time("2023-11-14T22:13:20Z".parse().unwrap())),
                ..ObjectMeta::default()
            },
            ..PartialObjectMeta::default()
        }
    }

    fn teams(known: &Known) -> Vec<(String, String)> {
        let seen = known.seen.load();
        let mut all: Vec<_> = seen
            .namespaces
            .iter()
            .flat_map(|known| known.iter())
            .map(|(name, labels)| (name.clone(), labels["team"].clone()))
            .collect();
        assert_eq!(seen.created.len(), all.len());
        assert!(seen.created.values().all(|made| *made == 1_700_000_000));
        all.sort();
        all
    }

    #[test]
    fn a_list_counts_when_it_is_complete() {
        let (known, mut listed) = (Known::new(Arc::default()), None);
        let mut feed = |event| apply(event, &known, &mut listed);
        feed(Event::Init);
        feed(Event::InitApply(namespace("a", "red")));
        assert!(!known.is_synced());
        assert!(teams(&known).is_empty());
        feed(Event::InitDone);
        assert!(known.is_synced());
        feed(Event::Apply(namespace("b", "blue")));
        feed(Event::Apply(namespace("a", "green")));
        assert_eq!(teams(&known), [("a".into(), "green".into()), ("b".into(), "blue".into())]);
        feed(Event::Delete(namespace("a", "green")));
        assert_eq!(teams(&known), [("b".into(), "blue".into())]);
        // The watch starts again: meanwhile "b" has gone, "c" has come.
        feed(Event::Init);
        feed(Event::InitApply(namespace("c", "red")));
        assert_eq!(teams(&known), [("b".into(), "blue".into())]);
        feed(Event::InitDone);
        assert_eq!(teams(&known), [("c".into(), "red".into())]);
    }
}
