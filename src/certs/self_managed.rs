//! Certificates that look after themselves: CAs in a Secret that all replicas share, a leaf in memory, and `caBundle` in the
//! webhook configuration.

mod round;

use super::{
    Served,
    ca_bundle::{self, CaBundle, Names, Status},
    issue::Ca,
    problem::Progress,
    rotation::{Knowledge, Lives},
    store::Store,
};
use crate::metrics::Metrics;
use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, core::PartialObjectMeta};
use rustls::pki_types::CertificateDer;
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

/// Keeps Secret, leaf and `caBundle` right.
pub struct SelfManaged {
    names: Names,
    /// The Secret that holds the CAs.
    secret: String,
    lives: Lives,
    client: Client,
    store: Store,
    bundle: CaBundle,
    served: Arc<Served>,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    knowledge: Knowledge,
    stored: Option<Stored>,
    /// CAs that were ours, and of which no certificate is left.
    gone: Vec<CertificateDer<'static>>,
    missing_since: Option<Instant>,
    cas_written: Option<Instant>,
    complaint: Option<String>,
}

/// The version of the Secret that was last taken over.
#[derive(Debug)]
struct Stored {
    version: Option<String>,
    cas: Vec<Arc<Ca>>,
}

impl SelfManaged {
    /// Nothing is asked yet.
    pub fn new(
        client: Client,
        names: Names,
        secret: String,
        lives: Lives,
        served: Arc<Served>,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            store: Store::new(client.clone(), &names.namespace, &secret),
            bundle: CaBundle::new(client.clone(), names.clone(), served.clone(), status.clone()),
            knowledge: Knowledge::new(lives),
            names,
            secret,
            lives,
            client,
            served,
            metrics,
            status,
            stored: None,
            gone: Vec::new(),
            missing_since: None,
            cas_written: None,
            complaint: None,
        }
    }

    /// Keeps all right until the end.
    pub async fn watch(mut self, stop: CancellationToken) {
        let mut changes = changes(&self.client, &self.names, &self.secret);
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

    /// Namespace and name of the Secret, for people.
    fn secret_path(&self) -> String {
        format!("{}/{}", self.names.namespace, self.secret)
    }

    /// Once for each problem, not at every try.
    fn complain(&mut self, problem: &str) {
        self.metrics.certificate.failed();
        self.bundle.complain(problem);
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

/// An item for each change of the two objects.
fn changes(client: &Client, names: &Names, secret: &str) -> impl Stream<Item = ()> + Unpin + use<> {
    let secrets: Api<PartialObjectMeta<Secret>> = Api::namespaced(client.clone(), &names.namespace);
    let secret = ca_bundle::changes_of(secrets, secret, "watch the Secret of the CAs");
    futures::stream::select(secret, ca_bundle::changes(client, names))
}
