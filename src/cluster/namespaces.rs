//! The labels of namespaces, from a watch of their metadata.

use crate::rules::Namespaces;
use arc_swap::ArcSwap;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    core::PartialObjectMeta,
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

/// The labels that are known, and whether those of every namespace are.
#[derive(Debug, Default)]
pub struct Known {
    /// Read by reviews.
    pub labels: Arc<ArcSwap<Namespaces>>,
    synced: AtomicBool,
}

impl Known {
    /// Whether every namespace has been seen once.
    pub fn is_synced(&self) -> bool {
        self.synced.load(Ordering::Relaxed)
    }
}

/// Keeps the labels up to date until the end. While the API server cannot be reached, what is known stays.
pub async fn watch(client: Client, known: Arc<Known>, stop: CancellationToken) {
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let mut events = watcher(api, watcher::Config::default()).default_backoff().boxed();
    let mut listed = None;
    while let Some(Some(event)) = stop.run_until_cancelled(events.next()).await {
        match event {
            Ok(event) => apply(event, &known, &mut listed),
            Err(error) => tracing::warn!(%error, "Could not watch namespaces"),
        }
    }
}

/// `listed` collects a list until it is complete: a half of it is not what there is.
fn apply(event: Event<PartialObjectMeta<Namespace>>, known: &Known, listed: &mut Option<Namespaces>) {
    match event {
        Event::Init => *listed = Some(Namespaces::new()),
        Event::InitApply(namespace) => {
            let (name, labels) = parts(namespace);
            listed.get_or_insert_default().insert(name, labels);
        }
        Event::InitDone => {
            if let Some(all) = listed.take() {
                if !known.is_synced() {
                    tracing::info!(namespaces = all.len(), "Learnt the labels of namespaces");
                }
                known.labels.store(Arc::new(all));
                known.synced.store(true, Ordering::Relaxed);
            }
        }
        Event::Apply(namespace) => {
            let (name, labels) = parts(namespace);
            let now = known.labels.load();
            if now.get(&name) != Some(&labels) {
                let mut next = Namespaces::clone(&now);
                next.insert(name, labels);
                known.labels.store(Arc::new(next));
            }
        }
        Event::Delete(namespace) => {
            let (name, _) = parts(namespace);
            let mut next = Namespaces::clone(&known.labels.load());
            next.remove(&name);
            known.labels.store(Arc::new(next));
        }
    }
}

fn parts(namespace: PartialObjectMeta<Namespace>) -> (String, crate::rules::Labels) {
    let metadata = namespace.metadata;
    (metadata.name.unwrap_or_default(), metadata.labels.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::ObjectMeta;

    fn namespace(name: &str, team: &str) -> PartialObjectMeta<Namespace> {
        PartialObjectMeta {
            metadata: ObjectMeta {
                name: Some(name.into()),
                labels: Some([("team".to_owned(), team.to_owned())].into()),
                ..ObjectMeta::default()
            },
            ..PartialObjectMeta::default()
        }
    }

    fn teams(known: &Known) -> Vec<(String, String)> {
        let mut all: Vec<_> =
            known.labels.load().iter().map(|(name, labels)| (name.clone(), labels["team"].clone())).collect();
        all.sort();
        all
    }

    #[test]
    fn a_list_counts_when_it_is_complete() {
        let (known, mut listed) = (Known::default(), None);
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
