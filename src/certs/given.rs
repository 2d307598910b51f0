//! The CA of certificates that others make, from a file: kept in `caBundle`, so that whoever exchanges certificates, or their kind,
//! does not have to do both at once.

use super::{
    Served,
    ca_bundle::{CaBundle, Names, Status, changes},
    problem::{Problem, Progress},
};
use futures::{FutureExt, StreamExt};
use kube::Client;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the file is read, and what is known judged again.
pub const EVERY: Duration = Duration::from_secs(2);

/// How often the webhook configuration is read though no watch has told of a change.
const POLL: Duration = Duration::from_secs(60);

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps `caBundle` by a file.
pub struct Given {
    client: Client,
    names: Names,
    /// Where the CA's certificates are, in PEM; without the file somebody else has to write `caBundle`.
    file: PathBuf,
    bundle: CaBundle,
    cas: Vec<CertificateDer<'static>>,
    complaint: Option<String>,
    /// Whether the file holds no certificate.
    bad_file: bool,
}

impl Given {
    /// Nothing is read yet.
    pub fn new(
        client: Client,
        names: Names,
        file: PathBuf,
        served: Arc<Served>,
        status: Arc<Status>,
    ) -> Self {
        let bundle = CaBundle::new(client.clone(), names.clone(), served, status);
        Self { client, names, file, bundle, cas: Vec::new(), complaint: None, bad_file: false }
    }

    /// Keeps it right until the end.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut changes = changes(&self.client, &self.names);
        let (mut read_at, mut retry_at, mut pause) = (None::<Instant>, Instant::now(), PAUSE);
        while !stop.is_cancelled() {
            while let Some(Some(())) = changes.next().now_or_never() {
                read_at = None;
            }
            let (changed, mut wait) = (self.read_file().await, EVERY);
            let due = read_at.is_none_or(|at| at.elapsed() >= POLL) || changed;
            if due && retry_at <= Instant::now() {
                let Some(kept) = stop.run_until_cancelled(self.keep()).await else { break };
                match kept {
                    Ok(Progress::Done) => {
                        (read_at, pause) = (Some(Instant::now()), PAUSE);
                        self.complaint = None;
                    }
                    Ok(Progress::Again | Progress::Later) => {
                        read_at = None;
                        wait = PAUSE;
                    }
                    Err(problem) => {
                        read_at = None;
                        retry_at = Instant::now() + pause;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        self.complain(&problem.to_string());
                    }
                }
            }
            self.bundle.tell();
            tokio::select! {
                () = stop.cancelled() => {}
                Some(()) = changes.next() => read_at = None,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn keep(&mut self) -> Result<Progress, Problem> {
        self.bundle.read().await?;
        self.bundle.keep(&self.cas, &[]).await
    }

    /// Whether the file holds other CAs than before. One that cannot be read holds those of before.
    async fn read_file(&mut self) -> bool {
        let Ok(text) = tokio::fs::read(&self.file).await else { return false };
        let mut cas: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
        cas.sort_by(|a, b| a.as_ref().cmp(b.as_ref()));
        cas.dedup();
        let told = std::mem::replace(&mut self.bad_file, cas.is_empty());
        if self.bad_file {
            if !told {
                tracing::error!(file = %self.file.display(), "The file of the CA holds no certificate in PEM");
            }
            return false;
        }
        let changed = cas != self.cas;
        self.cas = cas;
        changed
    }

    /// Once for each problem, not at every try.
    fn complain(&mut self, problem: &str) {
        self.bundle.complain(problem);
        if self.complaint.as_deref() != Some(problem) {
            tracing::error!(problem, "Could not keep caBundle right");
            self.complaint = Some(problem.into());
        }
    }
}
