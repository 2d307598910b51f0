//! Keeps `caBundle` in the entries of ours, and says whether the API server would trust what is served. The bundle holds every CA
//! that a replica may be serving a certificate of, also one whose certificates are of another kind, so that a change of kinds loses
//! no pod.

use super::{
    Pair, Served,
    issue::pem,
    problem::{Problem, Progress, ask},
    strangers::Strangers,
    trust,
};
use crate::cluster::{
    trouble::Trouble,
    webhook::{InPlace, Owner, Webhook},
};
use arc_swap::ArcSwap;
use futures::{Stream, StreamExt};
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use kube::{
    Api, Client, Resource,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::de::DeserializeOwned;
use std::{
    fmt::Debug,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// The least time between two of our writes: somebody who undoes each one must not make it a race.
const WRITE_PAUSE: Duration = Duration::from_secs(1);

/// How long a bundle has trusted a certificate before API servers count as having learnt of it.
pub(super) const SETTLE: Duration = Duration::from_secs(5);

/// What the objects in the cluster are called.
#[derive(Clone, Debug)]
pub struct Names {
    /// Where the Service is.
    pub namespace: String,
    /// The Service by which the API server comes to us.
    pub service: String,
    /// The MutatingWebhookConfiguration whose entries have our `caBundle`.
    pub configuration: String,
    /// Whether the namespace owns that configuration, which then goes with it.
    pub owned: bool,
}

/// What stands between us and being called, in words; none if nothing does.
#[derive(Debug)]
pub struct Status {
    told: ArcSwap<Result<(), String>>,
    /// What each entry trusts.
    bundles: ArcSwap<Vec<Vec<CertificateDer<'static>>>>,
    host: String,
}

/// `caBundle`, as it was last read and as it ought to be.
pub(super) struct CaBundle {
    webhook: Webhook,
    names: Names,
    served: Arc<Served>,
    status: Arc<Status>,
    in_place: Option<InPlace>,
    /// Whether the webhook configuration could be read, be it there or not.
    asked: bool,
    written: Option<Instant>,
    strangers: Strangers,
    owner: Option<Owner>,
    /// Whether the cluster lets us write an owner.
    may_own: bool,
    /// Whether an owner of before was taken out, where there is to be none.
    disowned: bool,
    /// Whether there are CAs of ours: without any nothing is written.
    keeps: bool,
    /// Since when every entry trusts what is served.
    trusted: Option<Instant>,
}

impl Status {
    /// Of these objects; nothing is known yet.
    pub fn new(names: &Names) -> Self {
        Self {
            told: ArcSwap::from_pointee(Err("the API server has not been asked yet".into())),
            bundles: ArcSwap::default(),
            host: names.host(),
        }
    }

    /// Whether the API server can be expected to trust the certificate being served.
    pub fn ready(&self) -> Result<(), String> {
        Result::clone(&self.told.load())
    }

    /// Whether the API server can be expected to trust another one.
    pub(super) fn would_trust(&self, pair: &Pair) -> bool {
        let now = SystemTime::now();
        self.bundles.load().iter().all(|bundle| trust::check(pair, bundle, &self.host, now).is_ok())
    }
}

impl Names {
    /// The name by which the API server calls.
    fn host(&self) -> String {
        format!("{}.{}.svc", self.service, self.namespace)
    }

    /// All the names that a certificate of ours is for, that one first.
    pub(super) fn hosts(&self) -> [String; 4] {
        let Self { service, namespace, .. } = self;
        [
            self.host(),
            service.clone(),
            format!("{service}.{namespace}"),
            format!("{service}.{namespace}.svc.cluster.local"),
        ]
    }
}

impl CaBundle {
    /// Nothing is asked yet.
    pub(super) fn new(client: Client, names: Names, served: Arc<Served>, status: Arc<Status>) -> Self {
        Self {
            webhook: Webhook::new(client, &names.configuration, &names.namespace, &names.service),
            names,
            served,
            status,
            in_place: None,
            asked: false,
            written: None,
            strangers: Strangers::default(),
            owner: None,
            may_own: true,
            disowned: false,
            keeps: false,
            trusted: None,
        }
    }

    /// Reads the webhook configuration. Whether it is there.
    pub(super) async fn read(&mut self) -> Result<bool, Problem> {
        let read = ask("read the webhook configuration", self.webhook.read()).await?;
        let foreign = |in_place: &Option<InPlace>| {
            in_place.as_ref().map(|found| found.foreign.join(", ")).unwrap_or_default()
        };
        let (entries, configuration) = (foreign(&read), &self.names.configuration);
        if !entries.is_empty() && entries != foreign(&self.in_place) {
            tracing::warn!(
                configuration,
                entries,
                "These entries do not lead here and are not looked after: take them out"
            );
        }
        self.in_place = read;
        self.asked = true;
        if self.names.owned && self.may_own && self.owner.is_none() && self.in_place.is_some() {
            // Without an owner all works but that the configuration outlives its namespace.
            match ask("read the namespace", self.webhook.owner()).await {
                Ok(owner) => self.owner = Some(owner),
                Err(problem) => tracing::debug!(%problem, "The webhook configuration gets no owner"),
            }
        }
        Ok(self.in_place.is_some())
    }

    /// Has it written where it is not what it should be: these CAs, and those of others that stay.
    /// Those that are `gone`, ours of before, don't.
    pub(super) async fn keep(
        &mut self,
        own: &[CertificateDer<'static>],
        gone: &[CertificateDer<'static>],
    ) -> Result<Progress, Problem> {
        self.keeps = !own.is_empty();
        let Some(in_place) = &self.in_place else { return Ok(Progress::Done) };
        if in_place.entries.is_empty() || !self.keeps {
            return Ok(Progress::Done);
        }
        let (now, bundles) = (Instant::now(), self.bundles());
        let others = bundles.iter().flatten().filter(|ca| !own.contains(ca) && !gone.contains(ca));
        self.strangers.look(now, others);
        if bundles.iter().any(|bundle| own.iter().any(|ca| !bundle.contains(ca))) {
            self.strangers.renew(now);
        }
        let wanted: Vec<_> = own.iter().chain(self.strangers.staying(now)).collect();
        let right = |bundle: &Vec<CertificateDer<'_>>| {
            bundle.len() == wanted.len() && wanted.iter().all(|ca| bundle.contains(ca))
        };
        let owned = match (self.names.owned, &self.owner) {
            // Nothing is known of the namespace, or we may not make it the owner.
            (true, None) => true,
            (true, Some(owner)) => in_place.has_owner(owner),
            // What somebody else has written stays: it is tried once.
            (false, _) => self.disowned || !in_place.is_owned_by(&self.names.namespace),
        };
        if bundles.iter().all(right) && owned {
            return Ok(Progress::Done);
        }
        if self.written.is_some_and(|at| at.elapsed() < WRITE_PAUSE) {
            return Ok(Progress::Later);
        }
        let text: String = wanted.iter().map(|ca| pem(ca)).collect();
        let mut written =
            ask("write caBundle", self.webhook.write(in_place, &text, self.owner.as_ref())).await;
        let refused = |written: &Result<_, Problem>| matches!(written, Err(Problem::Api(_, why)) if why.contains("ownerRef"));
        if refused(&written) {
            // Where admission plugin OwnerReferencesPermissionEnforcement is on, who may not delete an object gives it no owner.
            written = ask("write caBundle", self.webhook.write(in_place, &text, None)).await;
            if written.is_ok() {
                let configuration = &self.names.configuration;
                tracing::info!(
                    configuration,
                    "The webhook configuration gets no owner: the cluster does not allow it"
                );
                self.owner = None;
                self.may_own = false;
            }
        }
        let Some(written) = written? else { return Ok(Progress::Again) };
        self.disowned = true;
        let (configuration, entries) = (&self.names.configuration, written.entries.len());
        tracing::info!(configuration, entries, cas = wanted.len(), "Wrote caBundle");
        self.in_place = Some(written);
        self.written = Some(now);
        Ok(Progress::Done)
    }

    /// The certificates in each entry of ours.
    pub(super) fn bundles(&self) -> Vec<Vec<CertificateDer<'static>>> {
        let entries = self.in_place.iter().flat_map(|in_place| &in_place.entries);
        let certificates = |pem: &[u8]| CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect();
        entries.map(|entry| certificates(&entry.bundle)).collect()
    }

    /// Says whether the API server can be expected to trust us. Answers whether that has yet to settle.
    pub(super) fn tell(&mut self) -> bool {
        if !self.asked {
            return false;
        }
        let bundles = Arc::new(self.bundles());
        self.status.bundles.store(bundles.clone());
        let mut told = self.trusts(&bundles);
        if told.is_err() {
            self.trusted = None;
        } else if self.trusted.get_or_insert_with(Instant::now).elapsed() < self.settle() {
            // Whoever is ready goes on being asked.
            told = self.status.ready();
            if told.is_err() {
                told = Err("API servers are learning of caBundle".into());
            }
            self.set(told);
            return true;
        }
        self.set(told);
        false
    }

    /// Where nothing could be read yet, this is why.
    pub(super) fn complain(&self, problem: &str) {
        if !self.asked {
            self.status.told.store(Arc::new(Err(problem.into())));
        }
    }

    fn set(&self, told: Result<(), String>) {
        if **self.status.told.load() == told {
            return;
        }
        match &told {
            Ok(()) => tracing::info!(configuration = self.names.configuration, "caBundle is in place"),
            Err(why) => tracing::warn!(why, "The API server would not trust the certificate"),
        }
        self.status.told.store(Arc::new(told));
    }

    /// Where other replicas serve, a moment without this one costs nothing.
    fn settle(&self) -> Duration {
        if self.strangers.staying(Instant::now()).next().is_some() { SETTLE } else { Duration::ZERO }
    }

    fn trusts(&self, bundles: &[Vec<CertificateDer<'static>>]) -> Result<(), String> {
        let Names { configuration, service, namespace, .. } = &self.names;
        let Some(in_place) = &self.in_place else {
            return Err(format!("the MutatingWebhookConfiguration {configuration} is missing"));
        };
        if in_place.entries.is_empty() {
            return Err(format!(
                "no entry of the MutatingWebhookConfiguration {configuration} leads to the Service {namespace}/{service}"
            ));
        }
        let pair = self.served.pair().ok_or("no certificate is served yet")?;
        for (entry, bundle) in in_place.entries.iter().zip(bundles) {
            if bundle.is_empty() && !self.keeps {
                return Err(format!(
                    "caBundle of {} in the MutatingWebhookConfiguration {configuration} is empty, and there is no CA to write there",
                    entry.name
                ));
            }
            trust::check(&pair, bundle, &self.status.host, SystemTime::now()).map_err(|why| {
                format!(
                    "caBundle of {} in the MutatingWebhookConfiguration {configuration}: {why}",
                    entry.name
                )
            })?;
        }
        Ok(())
    }
}

/// An item for each change of the webhook configuration.
pub(super) fn changes(client: &Client, names: &Names) -> impl Stream<Item = ()> + Send + Unpin + use<> {
    let configurations: Api<PartialObjectMeta<MutatingWebhookConfiguration>> = Api::all(client.clone());
    changes_of(configurations, &names.configuration, "watch the webhook configuration")
}

/// An item for each change of an object; what goes wrong is told. Only its metadata is sent: what it holds is read when it is needed.
pub(super) fn changes_of<K>(
    api: Api<PartialObjectMeta<K>>,
    name: &str,
    what: &'static str,
) -> impl Stream<Item = ()> + Send + Unpin + use<K>
where
    PartialObjectMeta<K>: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut trouble = Trouble::new(what);
    let only = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let changes = watcher(api, only).default_backoff().filter_map(move |event| {
        match &event {
            Ok(_) => trouble.over(),
            Err(error) => trouble.failed(error),
        }
        std::future::ready(event.ok().map(drop))
    });
    changes.boxed()
}
