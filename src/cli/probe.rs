//! `probe`: whether the API server reaches the injector. The chart runs it after an installation, and so does `helm test`.

use super::{
    Exit,
    parse::{duration, namespace},
};
use crate::{
    cluster::{
        self,
        probe::{self, Unproved, pod},
    },
    reload,
};
use anyhow::Context;
use clap::Args;
use serde_json::Value;
use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(2);

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Example:
  datadog-sidecar-injector probe --own-namespace datadog-agent --timeout 1m

The chart runs it as the last step of an installation.

Exit codes:
  0  the API server reaches the injector
  1  it did not within the time
  2  usage or configuration";

/// Prove that the API server reaches the injector: a pod made dry, which is not stored, comes back changed.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Probe {
    /// The injector's own namespace.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "datadog-agent", value_parser = namespace)]
    own_namespace: String,

    /// The pod that this runs in: the one that is made is like it, so that whatever admits one admits the other. Without it, or
    /// where it cannot be read, a small pod is made.
    #[arg(long, env = "POD_NAME", value_name = "NAME")]
    own_pod: Option<String>,

    /// The ServiceAccount of that small pod, which must exist.
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
        let mut made = None;
        loop {
            let why = match self.try_once(&client, &mut made, hash.as_deref()).await {
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

    async fn try_once(
        &self,
        client: &kube::Client,
        made: &mut Option<Value>,
        hash: Option<&str>,
    ) -> Result<String, Unproved> {
        let pod = match made {
            Some(pod) => pod,
            None => made.insert(self.pod(client).await?),
        };
        match hash {
            Some(hash) => probe::all(client, pod, hash).await,
            None => probe::once(client, pod).await,
        }
    }

    /// The pod to be made. An API server that does not answer yet is asked again; one that refuses is not.
    async fn pod(&self, client: &kube::Client) -> Result<Value, Unproved> {
        let namespace = &self.own_namespace;
        let small = || pod::built_in(namespace, &self.service_account);
        let Some(name) = &self.own_pod else { return Ok(small()) };
        match pod::read(client, namespace, name).await {
            Ok(own) => Ok(pod::like(&own)),
            Err(kube::Error::Api(status)) if [403, 404].contains(&status.code) => {
                let why = &status.message;
                let _ = writeln!(
                    stderr(),
                    "the pod of the probe is a small one, not like its own {namespace}/{name}: {why}"
                );
                Ok(small())
            }
            Err(error) => {
                Err(Unproved::Refused(format!("its own pod {namespace}/{name} cannot be read: {error}")))
            }
        }
    }
}
