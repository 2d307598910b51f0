//! What can go wrong when certificates are kept right in the cluster, and how the API server is asked.

use super::{BadPair, store};
use std::time::Duration;

/// How long one answer of the API server may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something could not be put right.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Done,
    /// Something was written: it is to be read again.
    Again,
    /// Something is still to be written, but not yet.
    Later,
}

/// Asks the API server, within bounds.
pub(super) async fn ask<T, E: Into<store::Error>>(
    what: &str,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, Problem> {
    let why = match tokio::time::timeout(PATIENCE, asked).await.map(|asked| asked.map_err(Into::into)) {
        Ok(Ok(answer)) => return Ok(answer),
        // Its own text repeats the status once more as Rust writes it.
        Ok(Err(store::Error::Api(kube::Error::Api(status)))) => status.message.clone(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".into(),
    };
    Err(Problem::Api(what.into(), why))
}
