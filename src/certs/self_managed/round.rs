//! One round: what is in the cluster is read, and what is not right is put right.

use super::{GRACE, Problem, Progress, SelfManaged, Stored};
use crate::{
    certs::{Pair, issue::Ca, rotation::Action},
    metrics,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// How long one answer of the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often others may be faster in a row before it is called a problem.
const RACES: u32 = 8;

/// The least time between two of our writes of the same object: somebody who undoes each one must not make it a race.
const WRITE_PAUSE: Duration = Duration::from_secs(3);

impl SelfManaged {
    /// Puts right what is not, after a reading or by what is known.
    pub(super) async fn round(&mut self, read: bool) -> Result<Progress, Problem> {
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
        Err(Problem::Raced(format!("the Secret {} or the webhook configuration", self.names.secret_path())))
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
            tracing::warn!(secret = self.names.secret_path(), %damage, "The Secret of the CAs is damaged and will be repaired");
        }
        self.stored = Some(Stored { version: content.version, cas: content.cas });
        let progress = self.keep_cas(damaged).await?;
        in_place?;
        if progress == Progress::Done { self.keep_bundle().await } else { Ok(progress) }
    }

    /// Whether the Secret has been missing for a while.
    fn missing_long(&mut self) -> bool {
        let since = *self.missing_since.get_or_insert_with(|| {
            tracing::warn!(
                secret = self.names.secret_path(),
                "The Secret of the CAs is missing and will be made"
            );
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
            tracing::info!(
                secret = self.names.secret_path(),
                made = make,
                cas = cas.len(),
                until,
                "Stored the CAs"
            );
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

    /// The certificates in each entry of ours.
    pub(super) fn bundles(&self) -> Vec<Vec<CertificateDer<'static>>> {
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
}

fn too_soon(written: Option<Instant>) -> bool {
    written.is_some_and(|at| at.elapsed() < WRITE_PAUSE)
}
