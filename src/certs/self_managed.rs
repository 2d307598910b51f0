//! Certificates that look after themselves: CAs in a Secret that all replicas share, a leaf in memory, and `caBundle` in the
//! webhook configuration.

mod round;

use super::{
    BadPair, Served,
    issue::Ca,
    rotation::{Knowledge, Lives},
    store::Store,
};
use crate::{
    cluster::webhook::{InPlace, Webhook},
    metrics::Metrics,
};
use arc_swap::ArcSwap;
use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::{admissionregistration::v1::MutatingWebhookConfiguration, core::v1::Secret};
use kube::{
    Api, Client,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often both objects are read though no watch has told of a change.
const POLL: Duration = Duration::from_secs(300);

/// The same while something is missing.
const POLL_UNTIL_READY: Duration = Duration::from_secs(15);

/// A Secret that is missing is made after this time: on an uninstall our right to make it has gone by then.
const GRACE: Duration = Duration::from_secs(3);

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What the objects in the cluster are called.
#[derive(Clone, Debug)]
pub struct Names {
    /// Where the Service and the Secret are.
    pub namespace: String,
    /// The Service by which the API server comes to us.
    pub service: String,
    /// The Secret that holds the CAs.
    pub secret: String,
    /// The MutatingWebhookConfiguration whose entries have our `caBundle`.
    pub configuration: String,
}

/// What stands between us and being called, in words; none if nothing does.
#[derive(Debug)]
pub struct Status(ArcSwap<Result<(), String>>);

/// Keeps Secret, leaf and `caBundle` right.
pub struct SelfManaged {
    names: Names,
    lives: Lives,
    client: Client,
    store: Store,
    webhook: Webhook,
    served: Arc<Served>,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    knowledge: Knowledge,
    stored: Option<Stored>,
    in_place: Option<InPlace>,
    /// Whether the webhook configuration could be read, be it there or not.
    asked: bool,
    missing_since: Option<Instant>,
    cas_written: Option<Instant>,
    bundle_written: Option<Instant>,
    complaint: Option<String>,
}

/// The version of the Secret that was last taken over.
#[derive(Debug)]
struct Stored {
    version: Option<String>,
    cas: Vec<Arc<Ca>>,
}

/// Why something could not be put right.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot {0}: {1}")]
    Api(String, String),
    #[error("cannot make a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    #[error("cannot use the certificate that was made: {0}")]
    Pair(#[from] BadPair),
    #[error("others kept writing {0}")]
    Raced(String),
}

/// Whether a step has done its work.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Done,
    /// Something was written: it is to be read again.
    Again,
    /// Something is still to be written, but not yet.
    Later,
}

impl Default for Status {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Err("the API server has not been asked yet".into())))
    }
}

impl Status {
    /// Whether the API server can be expected to trust the certificate being served.
    pub fn ready(&self) -> Result<(), String> {
        Result::clone(&self.0.load())
    }
}

impl Names {
    /// Namespace and name of the Secret, for people.
    fn secret_path(&self) -> String {
        format!("{}/{}", self.namespace, self.secret)
    }

    /// The names that the leaf is valid for. The API server asks for the third.
    fn hosts(&self) -> [String; 4] {
        let Self { service, namespace, .. } = self;
        [
            format!("{service}.{namespace}.svc"),
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ]
    }
}

impl SelfManaged {
    /// Nothing is asked yet.
    pub fn new(
        client: Client,
        names: Names,
        lives: Lives,
        served: Arc<Served>,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            store: Store::new(client.clone(), &names.namespace, &names.secret),
            webhook: Webhook::new(client.clone(), &names.configuration, &names.namespace, &names.service),
            knowledge: Knowledge::new(lives),
            names,
            lives,
            client,
            served,
            metrics,
            status,
            stored: None,
            in_place: None,
            asked: false,
            missing_since: None,
            cas_written: None,
            bundle_written: None,
            complaint: None,
        }
    }

    /// Keeps all right until the end.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut changes = changes(&self.client, &self.names);
        let (mut read_at, mut pause) = (None::<Instant>, PAUSE);
        while !stop.is_cancelled() {
            let poll = if self.status.ready().is_ok() { POLL } else { POLL_UNTIL_READY };
            // What has come meanwhile is told by one reading.
            while let Some(Some(())) = changes.next().now_or_never() {
                read_at = None;
            }
            let read = read_at.is_none_or(|at| at.elapsed() >= poll);
            let Some(result) = stop.run_until_cancelled(self.round(read)).await else { break };
            let mut wait = self.lives.tick();
            match result {
                Ok(Progress::Done) => {
                    if read {
                        read_at = Some(Instant::now());
                    }
                    pause = PAUSE;
                    self.content();
                }
                Ok(Progress::Again | Progress::Later) => {
                    read_at = None;
                    wait = wait.min(GRACE / 4);
                }
                Err(problem) => {
                    read_at = None;
                    wait = pause;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    self.complain(&problem.to_string());
                }
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(()) = changes.next() => read_at = None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Says whether the API server can be expected to trust us.
    fn tell(&self) {
        if !self.asked {
            return;
        }
        let Names { configuration, service, namespace, .. } = &self.names;
        let told = match (&self.in_place, self.knowledge.served_ca()) {
            (None, _) => Err(format!("the MutatingWebhookConfiguration {configuration} is missing")),
            (Some(in_place), _) if in_place.entries.is_empty() => Err(format!(
                "no entry of the MutatingWebhookConfiguration {configuration} leads to the Service {namespace}/{service}"
            )),
            (_, None) => Err(format!("the Secret {} holds no CA yet", self.names.secret_path())),
            (_, Some(ca)) if self.bundles().iter().all(|bundle| bundle.contains(ca.certificate())) => Ok(()),
            _ => Err(format!("caBundle of the MutatingWebhookConfiguration {configuration} lacks our CA")),
        };
        if **self.status.0.load() != told {
            match &told {
                Ok(()) => tracing::info!(configuration, "caBundle is in place"),
                Err(why) => tracing::warn!(why, "The API server would not trust us"),
            }
            self.status.0.store(Arc::new(told));
        }
    }

    /// Once for each problem, not at every try.
    fn complain(&mut self, problem: &str) {
        self.metrics.certificate.failed();
        if !self.asked {
            self.status.0.store(Arc::new(Err(problem.into())));
        }
        if self.complaint.as_deref() != Some(problem) {
            tracing::error!(problem, "Could not keep the certificates right");
            self.complaint = Some(problem.into());
        }
    }

    fn content(&mut self) {
        if self.complaint.take().is_some() {
            self.metrics.certificate.succeeded();
            tracing::info!("The certificates are right again");
        }
    }
}

/// An item for each change of the two objects. Only their metadata is sent: what they hold is read when it is needed.
fn changes(client: &Client, names: &Names) -> impl Stream<Item = ()> + Unpin + use<> {
    let only = |name: &str| watcher::Config::default().fields(&format!("metadata.name={name}"));
    let secrets: Api<PartialObjectMeta<Secret>> = Api::namespaced(client.clone(), &names.namespace);
    let configurations: Api<PartialObjectMeta<MutatingWebhookConfiguration>> = Api::all(client.clone());
    let secret = watcher(secrets, only(&names.secret)).default_backoff().map(|event| event.map(drop));
    let configuration =
        watcher(configurations, only(&names.configuration)).default_backoff().map(|event| event.map(drop));
    futures::stream::select(secret.boxed(), configuration.boxed()).filter_map(|event| {
        let told = match event {
            Ok(()) => Some(()),
            Err(error) => {
                tracing::warn!(%error, "Could not watch the Secret of the CAs or the webhook configuration");
                None
            }
        };
        std::future::ready(told)
    })
}
