//! `probe`: whether the API server reaches the injector. The chart runs it after an installation, and so does `helm test`.

use super::{Exit, namespace, serve::duration};
use crate::{
    cluster::{
        self,
        probe::{self, Unproved},
    },
    reload,
};
use anyhow::Context;
use clap::Args;
use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// Proves that the API server reaches the injector: a pod made dry, which is not stored, comes back changed.
#[derive(Debug, Args)]
pub(super) struct Probe {
    /// The injector's own namespace.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "datadog-agent", value_parser = namespace)]
    own_namespace: String,

    /// The ServiceAccount of the pod, which must exist.
    #[arg(long, value_name = "NAME", default_value = "default")]
    service_account: String,

    /// Go on until only injectors with the configuration in this file answer, and none from before an upgrade.
    #[arg(long, env, value_name = "FILE")]
    config: Option<PathBuf>,

    /// How long to go on trying.
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "3m")]
    timeout: Duration,
}

/// Tries until it succeeds or the time is over; each new reason is told once.
pub(super) fn run(arguments: &Probe) -> anyhow::Result<Exit> {
    // Whoever installed one before us keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(arguments.probe())
}

impl Probe {
    async fn probe(&self) -> anyhow::Result<Exit> {
        let opened = self.config.as_deref().map(reload::File::open).transpose()?;
        let hash = opened.map(|(_, config)| config.hash);
        let client = cluster::connect().await.context("cannot use the cluster's configuration")?;
        let end = Instant::now() + self.timeout;
        let mut told: Option<Unproved> = None;
        loop {
            let (namespace, account) = (&self.own_namespace, &self.service_account);
            let proved = match hash.as_deref() {
                Some(hash) => probe::all(&client, namespace, account, hash).await,
                None => probe::once(&client, namespace, account).await,
            };
            let why = match proved {
                Ok(status) => {
                    writeln!(stdout(), "the API server reaches the injector: {status}")?;
                    return Ok(Exit::Done);
                }
                Err(why) => why,
            };
            if told.as_ref() != Some(&why) {
                writeln!(stderr(), "{why}")?;
            }
            if Instant::now() + PAUSE > end {
                writeln!(stderr(), "gave up after {:?}: {why}", self.timeout)?;
                return Ok(Exit::NotProved);
            }
            told = Some(why);
            sleep(PAUSE).await;
        }
    }
}
