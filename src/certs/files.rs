//! The certificate from files, such as those of a mounted Secret.

use super::{BadPair, Pair, Served, Status, ca_bundle::SETTLE};
use crate::{metrics::Metrics, shutdown};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How often the files are read.
pub const EVERY: Duration = Duration::from_secs(2);

/// How long before the end of the pair that is served it waits no more for `caBundle` to say so.
const MARGIN: Duration = Duration::from_secs(300);

/// The chain's file.
const CHAIN: &str = "tls.crt";

/// The key's file.
const KEY: &str = "tls.key";

/// Where a volume of Kubernetes keeps the files of the moment: a link that is exchanged as a whole.
const CURRENT: &str = "..data";

/// A directory with `tls.crt` and `tls.key`, and what was last found there.
///
/// A volume of Kubernetes is renewed by exchanging a link, of which a watch on the files hears nothing: so they are read again
/// and again, both through the link's one target.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
    served: Arc<Served>,
    metrics: Arc<Metrics>,
    /// What the API server trusts, where that is known.
    trust: Option<Arc<Status>>,
    last: Option<Content>,
    held: Option<Held>,
    complaint: Option<String>,
}

/// A new pair that is not served yet.
#[derive(Debug)]
struct Held {
    content: Content,
    trusted: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Content {
    chain: Vec<u8>,
    key: Vec<u8>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{CHAIN} and {KEY} in {directory}: {source}")]
    Bad { directory: PathBuf, source: BadPair },
}

impl Files {
    /// Nothing is read yet. Where `trust` is given a new pair waits until the API server trusts it, as long as the one of before
    /// is good.
    pub fn new(
        directory: PathBuf,
        served: Arc<Served>,
        metrics: Arc<Metrics>,
        trust: Option<Arc<Status>>,
    ) -> Self {
        Self { directory, served, metrics, trust, last: None, held: None, complaint: None }
    }

    /// Reads the files, and serves what they hold if it is new and good. What was served stays otherwise.
    pub fn poll(&mut self, now: SystemTime) {
        match self.read(now) {
            Ok(None) => {}
            Ok(Some((pair, content))) if self.holds_back(&pair, &content, now) => {}
            Ok(Some((pair, content))) => {
                let until = crate::decisions::timestamp(pair.not_after());
                tracing::info!(directory = %self.directory.display(), until, "Took a certificate into use");
                self.served.install(pair);
                self.last = Some(content);
                self.held = None;
                self.complaint = None;
            }
            Err(problem) => {
                self.metrics.certificate.failed();
                let problem = problem.to_string();
                // Once for each problem, not every two seconds.
                if self.complaint.as_ref() != Some(&problem) {
                    let kept = self.last.is_some();
                    tracing::error!(problem, kept, "Could not use the certificate files");
                    self.complaint = Some(problem);
                }
            }
        }
    }

    /// Whether it is too early for a new pair.
    fn holds_back(&mut self, pair: &Pair, content: &Content, now: SystemTime) -> bool {
        let Some(trust) = self.trust.as_ref().filter(|_| self.served.ready(now + MARGIN).is_ok()) else {
            return false;
        };
        let held = match &mut self.held {
            Some(held) if held.content == *content => held,
            held => held.insert(Held { content: content.clone(), trusted: None }),
        };
        if trust.would_trust(pair) {
            held.trusted.get_or_insert_with(Instant::now).elapsed() < SETTLE
        } else {
            held.trusted = None;
            true
        }
    }

    fn read(&self, now: SystemTime) -> Result<Option<(Pair, Content)>, Problem> {
        let content = read(&self.directory)?;
        // After a complaint the same content is taken again: this is how the metric learns that all is well.
        if self.complaint.is_none() && self.last.as_ref() == Some(&content) {
            return Ok(None);
        }
        let bad = |source| Problem::Bad { directory: self.directory.clone(), source };
        let pair = Pair::from_pem(&content.chain, &content.key).map_err(bad)?;
        pair.valid_at(now).map_err(bad)?;
        Ok(Some((pair, content)))
    }
}

/// Reads the files every so often until the end.
pub async fn watch(files: Files, every: Duration, stop: CancellationToken) {
    let files = Arc::new(std::sync::Mutex::new(files));
    shutdown::repeat(every, stop, || {
        let files = files.clone();
        async move {
            // A slow disk must not hold a thread that answers reviews.
            let read = move || {
                files.lock().unwrap_or_else(std::sync::PoisonError::into_inner).poll(SystemTime::now());
            };
            let _ = tokio::task::spawn_blocking(read).await;
        }
    })
    .await;
}

fn read(directory: &Path) -> Result<Content, Problem> {
    let current = directory.join(CURRENT);
    let base = fs::canonicalize(&current).unwrap_or_else(|_| directory.into());
    let file = |name| {
        let path = base.join(name);
        fs::read(&path).map_err(|source| Problem::Read { path: directory.join(name), source })
    };
    Ok(Content { chain: file(CHAIN)?, key: file(KEY)? })
}
