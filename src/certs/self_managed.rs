//! Certificates that look after themselves: CAs in a Secret that all replicas share, a leaf in memory, and `caBundle` in the
//! webhook configuration.

use super::{
    BadPair, Pair, Served,
    issue::Ca,
    rotation::{Action, Knowledge, Lives},
    store::Store,
};
use crate::{
    cluster::webhook::{InPlace, Webhook},
    metrics::{self, Metrics},
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
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often both objects are read though no watch has told of a change.
const POLL: Duration = Duration::from_secs(300);

/// The same while something is missing.
const POLL_UNTIL_READY: Duration = Duration::from_secs(15);

/// A Secret that is missing is made after this time: on an uninstall our right to make it has gone by then.
const GRACE: Duration = Duration::from_secs(3);

/// How long one answer of the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often others may be faster in a row before it is called a problem.
const RACES: u32 = 8;

/// The least time between two of our writes of the same object: somebody who undoes each one must not make it a race.
const WRITE_PAUSE: Duration = Duration::from_secs(3);

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

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.secret)
    }
}

impl Names {
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

    /// Puts right what is not, after a reading or by what is known.
    async fn round(&mut self, read: bool) -> Result<Progress, Problem> {
        // Whatever becomes of the rest: leaves are renewed without the API server.
        self.serve()?;
        if !read {
            // It is written only over the version known, so an old one does no harm.
            let known = self.stored.as_ref().is_some_and(|stored| stored.version.is_some());
            return if known { self.keep_cas(false).await } else { Ok(Progress::Done) };
        }
        for _ in 0..RACES {
            let progress = self.put_right().await;
            self.look();
            self.serve()?;
            self.tell();
            let progress = progress?;
            if progress != Progress::Again {
                return Ok(progress);
            }
        }
        Err(Problem::Raced(format!("the Secret {} or the webhook configuration", self.names)))
    }

    async fn put_right(&mut self) -> Result<Progress, Problem> {
        // In this order: a bundle is written only over a version read before the CAs it is made of.
        let in_place = self.ask("read the webhook configuration", self.webhook.read()).await;
        let content = self.ask("read the Secret", self.store.read()).await?;
        if let Ok(found) = &in_place {
            self.in_place.clone_from(found);
            self.asked = true;
        }
        if content.version.is_none() {
            // Where there is no webhook configuration nobody needs it, and on an uninstall it must not come back.
            if !matches!(in_place, Ok(Some(_))) {
                self.missing_since = None;
                return in_place.map(|_| Progress::Done);
            }
            if !self.missing_long() {
                return Ok(Progress::Later);
            }
        }
        let damaged = content.damage.is_some();
        if let Some(damage) = &content.damage {
            tracing::warn!(secret = %self.names, %damage, "The Secret of the CAs is damaged and will be repaired");
        }
        self.stored = Some(Stored { version: content.version, cas: content.cas });
        let progress = self.keep_cas(damaged).await?;
        in_place?;
        if progress == Progress::Done { self.keep_bundle().await } else { Ok(progress) }
    }

    /// Whether the Secret has been missing for a while.
    fn missing_long(&mut self) -> bool {
        let since = *self.missing_since.get_or_insert_with(|| {
            tracing::warn!(secret = %self.names, "The Secret of the CAs is missing and will be made");
            Instant::now()
        });
        since.elapsed() >= GRACE
    }

    /// Has the CAs stored that ought to be, by what was read last.
    async fn keep_cas(&mut self, damaged: bool) -> Result<Progress, Problem> {
        let now = SystemTime::now();
        let Some(stored) = &self.stored else { return Ok(Progress::Done) };
        let (mut cas, make) = match self.knowledge.plan(now, &stored.cas, damaged) {
            Action::Keep => {
                self.knowledge.take(stored.cas.clone());
                let ends = stored.cas.last().map_or(0, |ca| metrics::seconds(ca.ends()));
                self.metrics.ca_expiry.set(ends);
                self.missing_since = None;
                return Ok(Progress::Done);
            }
            Action::Store { .. } if too_soon(self.cas_written) => return Ok(Progress::Later),
            Action::Store { cas, make } => (cas, make),
        };
        if make {
            cas.push(Arc::new(Ca::new("datadog-sidecar-injector CA", now, self.lives.ca())?));
        }
        let writing = self.store.write(stored.version.as_deref(), &cas);
        if self.ask("write the Secret", writing).await? {
            self.cas_written = Some(Instant::now());
            let until = cas.last().map(|ca| crate::decisions::timestamp(ca.ends()));
            tracing::info!(secret = %self.names, made = make, cas = cas.len(), until, "Stored the CAs");
        }
        Ok(Progress::Again)
    }

    /// Has `caBundle` written where it is not what it should be.
    async fn keep_bundle(&mut self) -> Result<Progress, Problem> {
        let bundle = self.knowledge.bundle();
        let Some(in_place) = &self.in_place else { return Ok(Progress::Done) };
        if in_place.entries.is_empty() || in_place.carries(&bundle) {
            return Ok(Progress::Done);
        }
        if too_soon(self.bundle_written) {
            return Ok(Progress::Later);
        }
        let writing = self.webhook.write(in_place, &bundle);
        let Some(written) = self.ask("write caBundle", writing).await? else { return Ok(Progress::Again) };
        let (configuration, entries) = (&self.names.configuration, written.entries.len());
        tracing::info!(configuration, entries, cas = self.knowledge.cas().len(), "Wrote caBundle");
        self.in_place = Some(written);
        self.bundle_written = Some(Instant::now());
        Ok(Progress::Done)
    }

    /// Takes note of the CAs that every entry has.
    fn look(&mut self) {
        let bundles = self.bundles();
        let Some((first, rest)) = bundles.split_first() else { return };
        let mut common = first.clone();
        common.retain(|ca| rest.iter().all(|bundle| bundle.contains(ca)));
        self.knowledge.look(SystemTime::now(), &common);
    }

    /// Serves a new leaf if one is due.
    fn serve(&mut self) -> Result<(), Problem> {
        let now = SystemTime::now();
        let Some(ca) = self.knowledge.leaf_due(now).cloned() else { return Ok(()) };
        let life = self.knowledge.leaf_ends(now, &ca).duration_since(now).unwrap_or_default();
        let hosts = self.names.hosts();
        let leaf = ca.leaf(&hosts.each_ref().map(String::as_str), now, life)?;
        let pair = Pair::new(vec![leaf.certificate], leaf.key)?;
        let until = crate::decisions::timestamp(pair.not_after());
        tracing::info!(until, "Took a new certificate into use");
        self.served.install(pair);
        self.knowledge.served(now, ca);
        Ok(())
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
            (_, None) => Err(format!("the Secret {} holds no CA yet", self.names)),
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

    /// The certificates in each entry of ours.
    fn bundles(&self) -> Vec<Vec<CertificateDer<'static>>> {
        let entries = self.in_place.iter().flat_map(|in_place| &in_place.entries);
        let certificates = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
        entries.map(|entry| certificates(&entry.bundle)).collect()
    }

    async fn ask<T>(
        &self,
        what: &str,
        asked: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Problem> {
        let why = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(answer)) => return Ok(answer),
            // Its own text repeats the status once more as Rust writes it.
            Ok(Err(kube::Error::Api(status))) => status.message.clone(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".into(),
        };
        Err(Problem::Api(what.into(), why))
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

fn too_soon(written: Option<Instant>) -> bool {
    written.is_some_and(|at| at.elapsed() < WRITE_PAUSE)
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
