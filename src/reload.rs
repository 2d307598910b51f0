//! The configuration file: read at the start, and again when its content has changed.

use crate::{config::Config, in_force::Store, metrics::Metrics, shutdown};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the file is read. By content: of the exchanged link of a mounted ConfigMap a watch would hear nothing.
pub const EVERY: Duration = Duration::from_secs(3);

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What it says is wrong: one line for each problem, with its place.
    #[error("{0}")]
    Wrong(String),
}

/// A configuration file, and what was last read from it.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    seen: Option<[u8; 32]>,
    complaint: Option<String>,
}

impl File {
    /// Reads the file for the first time.
    pub fn open(path: &Path) -> Result<(Self, Config), Error> {
        let mut file = Self { path: path.into(), seen: None, complaint: None };
        let (text, digest) = file.read()?;
        let config = file.parse(&text)?;
        file.seen = Some(digest);
        Ok((file, config))
    }

    /// Reads the file again; puts in force what is new and good, and says what is wrong otherwise.
    pub fn poll(&mut self, store: &Store, metrics: &Metrics) {
        let read = match self.read() {
            Ok((_, digest)) if self.seen == Some(digest) && self.complaint.is_none() => return,
            Ok((text, digest)) => self.parse(&text).map(|config| (config, digest)),
            Err(error) => Err(error),
        };
        match read {
            Ok((config, digest)) => {
                let notices = config.notices.clone();
                store.set_config(config);
                metrics.config.succeeded();
                self.seen = Some(digest);
                self.complaint = None;
                tracing::info!(file = %self.path.display(), "Took a new configuration into use");
                tell(&notices);
            }
            Err(error) => {
                metrics.config.failed();
                let problems = error.to_string();
                // Once for each state of the file, not every few seconds.
                if self.complaint.as_ref() != Some(&problems) {
                    tracing::error!(
                        file = %self.path.display(),
                        problems,
                        "The configuration is broken; the last good one stays in force"
                    );
                    self.complaint = Some(problems);
                }
            }
        }
    }

    fn read(&self) -> Result<(String, [u8; 32]), Error> {
        let text = fs::read_to_string(&self.path)
            .map_err(|source| Error::Read { path: self.path.clone(), source })?;
        let digest = Sha256::digest(text.as_bytes()).into();
        Ok((text, digest))
    }

    fn parse(&self, text: &str) -> Result<Config, Error> {
        load(text, &self.path.display().to_string()).map_err(Error::Wrong)
    }
}

/// Reads the file every so often until the end.
pub async fn watch(
    file: File,
    every: Duration,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) {
    let file = Arc::new(Mutex::new(file));
    shutdown::repeat(every, stop, || {
        let (file, store, metrics) = (file.clone(), store.clone(), metrics.clone());
        async move {
            // A slow disk, and the compiling of a large configuration, must not hold a thread that answers reviews.
            let read = move || file.lock().unwrap_or_else(PoisonError::into_inner).poll(&store, &metrics);
            let _ = tokio::task::spawn_blocking(read).await;
        }
    })
    .await;
}

/// Says what a person should know of a configuration in force.
pub fn tell(notices: &[String]) {
    for notice in notices {
        tracing::warn!(notice, "About the configuration");
    }
}

/// Until `config::load` is here: knows nothing but `datadog.site`.
fn load(text: &str, file: &str) -> Result<Config, String> {
    let mut config = Config::default();
    for (i, line) in text.lines().enumerate() {
        match line.trim().split_once(':') {
            Some(("site", site)) => config.site = site.trim().into(),
            Some(("datadog", "")) => {}
            _ => return Err(format!("{file}:{}:1: not understood", i + 1)),
        }
    }
    Ok(config)
}
