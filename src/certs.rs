//! The certificate that the server shows, and where it comes from.

mod ca_bundle;
pub mod files;
pub mod given;
pub mod issue;
mod problem;
pub mod rotation;
pub mod self_managed;
pub mod self_signed;
pub mod store;
mod strangers;
mod trust;

pub use ca_bundle::{Names, Status};

use crate::metrics::{self, Metrics};
use arc_swap::ArcSwapOption;
use rustls::{
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A chain and its key, fit for use.
#[derive(Clone, Debug)]
pub struct Pair {
    key: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// Why a chain and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPair {
    /// No certificate, or no PEM.
    #[error("the chain holds no certificate in PEM")]
    Chain,
    /// No key, or no PEM.
    #[error("the key is not a private key in PEM")]
    Key,
    /// A certificate that is none.
    #[error("the first certificate cannot be read")]
    Certificate,
    /// A key of another certificate, or one we cannot sign with.
    #[error("key and certificate cannot be used together: {0}")]
    Mismatch(rustls::Error),
    /// Its time has passed.
    #[error("the certificate ended at {0}")]
    Expired(String),
    /// Its time has not come.
    #[error("the certificate begins at {0}")]
    Early(String),
}

impl Pair {
    /// A chain and a key in PEM, the leaf first.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, BadPair> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(|_| BadPair::Chain)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadPair::Key)?;
        Self::new(chain, key)
    }

    /// A chain and a key, the leaf first.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, BadPair> {
        let leaf = chain.first().ok_or(BadPair::Chain)?;
        let (_, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(|_| BadPair::Certificate)?;
        let validity = leaf.validity();
        let [not_before, not_after] =
            [validity.not_before, validity.not_after].map(|time| system_time(time.timestamp()));
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(BadPair::Mismatch)?;
        Ok(Self { key: Arc::new(key), not_before, not_after })
    }

    /// Whether a caller would accept it at that time.
    pub fn valid_at(&self, now: SystemTime) -> Result<(), BadPair> {
        let text = crate::decisions::timestamp;
        if now < self.not_before {
            Err(BadPair::Early(text(self.not_before)))
        } else if now > self.not_after {
            Err(BadPair::Expired(text(self.not_after)))
        } else {
            Ok(())
        }
    }

    /// The chain, the leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// The leaf, in DER.
    pub fn leaf(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |leaf| leaf)
    }

    /// When it ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }
}

/// The pair being served: each handshake takes the one of the moment.
#[derive(Debug)]
pub struct Served {
    pair: ArcSwapOption<Pair>,
    metrics: Arc<Metrics>,
}

impl Served {
    /// Serves nothing yet: handshakes fail.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { pair: ArcSwapOption::empty(), metrics }
    }

    /// Serves this pair from the next handshake on.
    pub fn install(&self, pair: Pair) {
        self.metrics.certificate_expiry.set(metrics::seconds(pair.not_after));
        self.metrics.certificate.succeeded();
        self.pair.store(Some(Arc::new(pair)));
    }

    /// What is served now.
    pub fn pair(&self) -> Option<Arc<Pair>> {
        self.pair.load_full()
    }

    /// Whether a caller would accept what is served.
    pub fn ready(&self, now: SystemTime) -> Result<(), String> {
        let pair = self.pair().ok_or("there is none yet")?;
        pair.valid_at(now).map_err(|error| error.to_string())
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.pair.load().as_ref().map(|pair| pair.key.clone())
    }
}

fn system_time(timestamp: i64) -> SystemTime {
    u64::try_from(timestamp).map_or(UNIX_EPOCH, |seconds| UNIX_EPOCH + Duration::from_secs(seconds))
}
