//! The configuration file: read at the start, and again when its content has changed.

use crate::{
    config::{Change, Config, Watched},
    in_force::Store,
    metrics::Metrics,
    shutdown,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How often the file is read. By content: of the exchanged link of a mounted ConfigMap a watch would hear nothing.
pub const EVERY: Duration = Duration::from_secs(3);

/// A configuration that cannot be used: what is wrong with it, one line for each problem, with its place.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

/// A configuration file, and what was last read from it.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    watched: Watched,
}

impl File {
    /// Reads the file for the first time.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is wrong.
    pub fn open(path: &Path) -> Result<(Self, Config), Broken> {
        let mut file = Self { path: path.into(), watched: Watched::new(path.display().to_string()) };
        match file.look() {
            Change::Loaded(config) => Ok((file, *config)),
            Change::Broken(problems) => Err(Broken(problems)),
            // A first look finds no content that was seen before.
            Change::Unchanged => Ok((file, Config::default())),
        }
    }

    /// Reads the file again; puts in force what is new and good, and says what is wrong otherwise.
    pub fn poll(&mut self, store: &Store, metrics: &Metrics) {
        match self.look() {
            Change::Unchanged => {}
            Change::Loaded(config) => {
                let notices = config.notices.clone();
                store.set_config(*config);
                metrics.config.succeeded();
                tracing::info!(file = %self.path.display(), "Took a new configuration into use");
                tell(&notices);
            }
            Change::Broken(problems) => {
                metrics.config.failed();
                tracing::error!(problems, "The configuration is broken; the last good one stays in force");
            }
        }
    }

    fn look(&mut self) -> Change {
        match fs::read(&self.path) {
            Ok(bytes) => self.watched.look(Ok(&bytes)),
            Err(error) => self.watched.look(Err(&error.to_string())),
        }
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
