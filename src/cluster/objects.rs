//! Which namespaces have the Secrets and ConfigMaps that sidecars refer to: a watch for each name in the configuration, across all
//! namespaces.
//! Of what comes in only namespaces and keys are kept.

mod answer;

use crate::{
    in_force::Store,
    metrics::Metrics,
    seen::{Holders, Kind, ObjectRef, Objects},
    view::View,
};
use answer::{Change, List};
use futures::{AsyncBufReadExt, StreamExt, future};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Client, Resource,
    api::{ListParams, Request, WatchParams},
};
use std::{collections::BTreeSet, convert::Infallible, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// For how many seconds the API server is asked to keep a watch: a right that was taken away is noticed no later.
const WATCH: u32 = 40;

/// How long a watch may be silent before its connection counts as dead.
const SILENCE: Duration = Duration::from_secs(WATCH as u64 + 10);

/// How long any other answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`]. Also the least time from one watch to the next.
const PAUSE: Duration = Duration::from_secs(1);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How many changes that came in together are published together.
const TOGETHER: usize = 256;

/// The watches of all objects.
#[derive(Clone, Debug)]
pub struct Known {
    seen: Arc<View>,
    metrics: Arc<Metrics>,
}

/// Why nothing is known of an object. It never shows what came in.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The API server refused, or could not be asked.
    #[error(transparent)]
    Api(#[from] kube::Error),
    /// The answer is something else.
    #[error("the answer is not about such objects")]
    Answer,
    /// There was none.
    #[error("no answer in time")]
    Late,
}

impl Known {
    /// Writes into what reviews read.
    pub fn new(seen: Arc<View>, metrics: Arc<Metrics>) -> Self {
        Self { seen, metrics }
    }

    fn change(&self, change: impl Fn(&mut Objects)) {
        self.seen.change(|seen| change(Arc::make_mut(&mut seen.objects)));
        self.metrics.objects_known.set(count(self.seen.load().objects.len()));
    }
}

/// Watches the objects that the rules in force name until the end, whichever these are.
pub async fn watch(client: Client, rules: Arc<Store>, known: Known, stop: CancellationToken) {
    let mut changes = rules.changes();
    let objects = || -> BTreeSet<ObjectRef> { rules.load().rules.objects().into_iter().cloned().collect() };
    while !stop.is_cancelled() {
        changes.mark_unchanged();
        let now = objects();
        known.metrics.objects_watched.set(count(now.len()));
        known.change(|objects| objects.retain(|object| now.contains(object)));
        let watches = now.iter().map(|object| Watch::new(&client, object, &known).run());
        let others = async { while changes.changed().await.is_ok() && objects() == now {} };
        tokio::select! {
            () = stop.cancelled() => {}
            () = others => {}
            // They never end, but there may be none.
            _ = async { future::join_all(watches).await; future::pending::<()>().await } => {}
        }
    }
}

/// The watch of one name.
struct Watch<'a> {
    client: &'a Client,
    object: &'a ObjectRef,
    known: &'a Known,
    /// Whether the last failure was told, and how long to wait after the next one.
    told: bool,
    pause: Duration,
}

impl<'a> Watch<'a> {
    fn new(client: &'a Client, object: &'a ObjectRef, known: &'a Known) -> Self {
        Self { client, object, known, told: false, pause: PAUSE }
    }

    /// Watches for ever. While that fails nothing is known.
    async fn run(mut self) {
        loop {
            let Err(error) = self.follow().await;
            self.known.change(|objects| objects.remove(self.object));
            if !std::mem::replace(&mut self.told, true) {
                let ObjectRef { kind, name } = self.object;
                let kind = kind.as_str();
                tracing::warn!(kind, name, %error, "Cannot tell which namespaces have an object: none counts as missing");
            }
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Lists and watches until something fails.
    async fn follow(&mut self) -> Result<Infallible, Error> {
        loop {
            let List { mut holders, mut version } = self.list().await?;
            while let Some(reached) = self.watch(&mut holders, version).await? {
                version = reached;
            }
        }
    }

    /// All objects of the name, and the version of that state: as the API server has them in memory, since in its store it would
    /// have to look at every one there is. If that is old, the watch makes up for it.
    async fn list(&self) -> Result<List, Error> {
        let params = ListParams::default().match_any().fields(&self.selector());
        let request = self.requests().list(&params).map_err(kube::Error::BuildRequest)?;
        let text = timeout(PATIENCE, self.client.request_text(request)).await.map_err(|_| Error::Late)??;
        List::read(&text)
    }

    /// Follows changes from a version on. Returns the version reached when the watch is over; `None` where its changes are no
    /// longer kept.
    async fn watch(&mut self, holders: &mut Holders, mut version: String) -> Result<Option<String>, Error> {
        let soonest = Instant::now() + PAUSE;
        let params = WatchParams { timeout: Some(WATCH), bookmarks: true, ..WatchParams::default() }
            .fields(&self.selector());
        let request = self.requests().watch(&params, &version).map_err(kube::Error::BuildRequest)?;
        let lines =
            match timeout(PATIENCE, self.client.request_stream(request)).await.map_err(|_| Error::Late)? {
                Ok(stream) => stream.lines(),
                Err(kube::Error::Api(status)) if status.code == 410 => return Ok(None),
                Err(error) => return Err(error.into()),
            };
        self.publish(holders);
        let mut lines = pin!(lines.ready_chunks(TOGETHER));
        // A connection that breaks, or is silent, is followed by another one; if that one can't be had nothing is known.
        while let Ok(Some(chunk)) = timeout(SILENCE, lines.next()).await {
            let (mut changed, mut broken) = (false, false);
            for line in chunk {
                let Ok(line) = line else {
                    broken = true;
                    break;
                };
                match Change::read(&line)? {
                    Change::Put { namespace, keys, version: reached } => {
                        changed |= holders.insert(namespace, keys.clone()) != Some(keys);
                        version = reached;
                    }
                    Change::Removed { namespace, version: reached } => {
                        changed |= holders.remove(&namespace).is_some();
                        version = reached;
                    }
                    Change::None { version: reached } => version = reached,
                    Change::Gone => return Ok(None),
                }
            }
            if changed {
                self.publish(holders);
            }
            if broken {
                break;
            }
        }
        sleep_until(soonest).await;
        Ok(Some(version))
    }

    fn publish(&mut self, holders: &Holders) {
        if self.known.seen.load().objects.get(self.object).is_none() {
            let ObjectRef { kind, name } = self.object;
            let (kind, namespaces) = (kind.as_str(), holders.len());
            tracing::info!(kind, name, namespaces, "Learnt which namespaces have an object");
        }
        self.known.change(|objects| objects.insert(self.object.clone(), holders.clone()));
        self.told = false;
        self.pause = PAUSE;
    }

    fn selector(&self) -> String {
        format!("metadata.name={}", self.object.name)
    }

    /// Across all namespaces.
    fn requests(&self) -> Request {
        Request::new(match self.object.kind {
            Kind::Secret => Secret::url_path(&(), None),
            Kind::ConfigMap => ConfigMap::url_path(&(), None),
        })
    }
}

fn count(number: usize) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
