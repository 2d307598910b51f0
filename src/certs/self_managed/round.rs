//! One round: what is in the cluster is read, and what is not right is put right.

use super::{GRACE, SelfManaged, Stored};
use crate::{
    certs::{
        Pair,
        issue::Ca,
        problem::{Problem, Progress, ask},
        rotation::Action,
    },
    metrics,
};
use rustls::pki_types::CertificateDer;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

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
            let progress = if known { self.keep_cas(false).await } else { Ok(Progress::Done) };
            return Ok(self.told(progress?));
        }
        for _ in 0..RACES {
            let progress = self.put_right().await;
            self.look();
            self.serve()?;
            let settled = self.told(Progress::Done);
            match progress? {
                Progress::Again => {}
                Progress::Done => return Ok(settled),
                Progress::Later => return Ok(Progress::Later),
            }
        }
        Err(Problem::Raced(format!("the Secret {} or the webhook configuration", self.secret_path())))
    }

    /// Says whether we are trusted. What has yet to settle is looked at again soon.
    fn told(&mut self, progress: Progress) -> Progress {
        if self.bundle.tell() { Progress::Later } else { progress }
    }

    async fn put_right(&mut self) -> Result<Progress, Problem> {
        // In this order: a bundle is written only over a version read before the CAs it is made of.
        let there = self.bundle.read().await;
        let content = match ask("read the Secret", self.store.read()).await {
            Ok(content) => content,
            // Whoever may no longer read it, since a rollout to other certificates is on, is to be trusted until its end.
            Err(problem) => {
                there?;
                let progress = self.keep_bundle().await?;
                return if progress == Progress::Done { Err(problem) } else { Ok(progress) };
            }
        };
        if content.version.is_none() {
            // Where there is no webhook configuration nobody needs it, and on an uninstall it must not come back.
            if !matches!(there, Ok(true)) {
                self.missing_since = None;
                return there.map(|_| Progress::Done);
            }
            if !self.missing_long() {
                return Ok(Progress::Later);
            }
        }
        let damaged = content.damage.is_some();
        if let Some(damage) = &content.damage {
            tracing::warn!(secret = self.secret_path(), %damage, "The Secret of the CAs is damaged and will be repaired");
        }
        self.stored = Some(Stored { version: content.version, cas: content.cas });
        let progress = self.keep_cas(damaged).await?;
        there?;
        if progress == Progress::Done { self.keep_bundle().await } else { Ok(progress) }
    }

    /// Whether the Secret has been missing for a while.
    fn missing_long(&mut self) -> bool {
        if self.missing_since.is_none() {
            let secret = self.secret_path();
            tracing::warn!(secret, "The Secret of the CAs is missing and will be made");
        }
        let since = *self.missing_since.get_or_insert_with(Instant::now);
        since.elapsed() >= GRACE
    }

    /// Has the CAs stored that ought to be, by what was read last.
    async fn keep_cas(&mut self, damaged: bool) -> Result<Progress, Problem> {
        let now = SystemTime::now();
        let Some(stored) = &self.stored else { return Ok(Progress::Done) };
        let (mut cas, make) = match self.knowledge.plan(now, &stored.cas, damaged) {
            Action::Keep => {
                let before = certificates(self.knowledge.cas());
                self.knowledge.take(stored.cas.clone());
                let now = certificates(self.knowledge.cas());
                self.gone.extend(before.into_iter().filter(|ca| !now.contains(ca)));
                self.gone.retain(|ca| !now.contains(ca));
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
        if ask("write the Secret", writing).await? {
            self.cas_written = Some(Instant::now());
            let until = cas.last().map(|ca| crate::decisions::timestamp(ca.ends()));
            tracing::info!(
                secret = self.secret_path(),
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
        self.bundle.keep(&certificates(self.knowledge.cas()), &self.gone).await
    }

    /// Takes note of the CAs that every entry has.
    fn look(&mut self) {
        let bundles = self.bundle.bundles();
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
}

fn certificates(cas: &[Arc<Ca>]) -> Vec<CertificateDer<'static>> {
    cas.iter().map(|ca| ca.certificate().clone()).collect()
}

fn too_soon(written: Option<Instant>) -> bool {
    written.is_some_and(|at| at.elapsed() < WRITE_PAUSE)
}
