//! Where `serve` takes its certificate from.

use crate::{
    admin::Check,
    certs::{Served, files, rotation::Lives, self_managed, self_signed},
    metrics::Metrics,
    shutdown::Tasks,
};
use anyhow::Context;
use clap::Args;
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Exactly one of these.
// Not a group of clap's: to that `SELF_MANAGED=false` is one of them as well.
#[derive(Debug, Args)]
pub(super) struct Certificates {
    /// Directory with tls.crt and tls.key, read again when they change.
    #[arg(long, env, value_name = "DIR")]
    cert_dir: Option<PathBuf>,

    /// Make a CA and a certificate for localhost, and write the CA's certificate to ca.crt in this directory.
    #[arg(long, env, value_name = "DIR")]
    pub(super) self_signed: Option<PathBuf>,

    /// Keep a CA in a Secret that all replicas share, make certificates of it, and keep caBundle right.
    #[arg(long, env)]
    pub(super) self_managed: bool,
}

/// What --self-managed works with.
#[derive(Debug, Args)]
pub(super) struct SelfManaged {
    /// With --self-managed: the Service, in the own namespace, by which the API server comes.
    #[arg(long, env, value_name = "NAME", default_value = "datadog-sidecar-injector")]
    service: String,

    /// With --self-managed: the Secret, in the own namespace, that holds the CA.
    #[arg(long, env, value_name = "NAME", default_value = "datadog-sidecar-injector-ca")]
    ca_secret: String,

    /// With --self-managed: the MutatingWebhookConfiguration in whose entries for the Service caBundle is written.
    #[arg(long, env, value_name = "NAME", default_value = "datadog-sidecar-injector")]
    webhook_configuration: String,

    /// With --self-managed: how long a CA lives, at least three times as long as a leaf; the next one is made after two thirds of it.
    #[arg(long, env, value_name = "DURATION", default_value = "8760h", value_parser = super::duration)]
    ca_lifetime: Duration,

    /// With --self-managed: how long a certificate lives; the next one is made after two thirds of it.
    #[arg(long, env, value_name = "DURATION", default_value = "168h", value_parser = super::duration)]
    leaf_lifetime: Duration,
}

impl Certificates {
    /// Whether exactly one was chosen.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let Self { cert_dir, self_signed, self_managed } = self;
        let given = [cert_dir.is_some(), self_signed.is_some(), *self_managed];
        anyhow::ensure!(
            given.into_iter().filter(|given| *given).count() == 1,
            "exactly one of --cert-dir, --self-signed and --self-managed must be given"
        );
        Ok(())
    }

    /// Serves a certificate from here on, if there is one already. Returns where the CA's lies, if we made it.
    pub(super) fn start(
        &self,
        served: &Arc<Served>,
        metrics: &Arc<Metrics>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Option<PathBuf>> {
        let now = SystemTime::now();
        if let Some(directory) = &self.self_signed {
            let made = self_signed::create(directory, now)?;
            served.install(made.pair);
            return Ok(Some(made.ca_file));
        }
        if let Some(directory) = &self.cert_dir {
            let mut files = files::Files::new(directory.clone(), served.clone(), metrics.clone());
            // Before the first handshake, so that a good pair serves it.
            files.poll(now);
            tasks.spawn("certificate", |stop| files::watch(files, files::EVERY, stop));
        }
        Ok(None)
    }
}

impl SelfManaged {
    /// Keeps the certificates right from here on. Returns what must be so to be ready.
    pub(super) fn start(
        &self,
        client: Option<kube::Client>,
        own_namespace: &str,
        served: &Arc<Served>,
        metrics: &Arc<Metrics>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Check> {
        let Self { service, ca_secret, webhook_configuration, ca_lifetime, leaf_lifetime } = self;
        let lives = Lives::new(*ca_lifetime, *leaf_lifetime).context("--ca-lifetime and --leaf-lifetime")?;
        let client = client.context("--self-managed needs a cluster, and there is none to ask")?;
        let names = self_managed::Names {
            namespace: own_namespace.into(),
            service: service.clone(),
            secret: ca_secret.clone(),
            configuration: webhook_configuration.clone(),
        };
        let status = Arc::new(self_managed::Status::default());
        let certificates = self_managed::SelfManaged::new(
            client,
            names,
            lives,
            served.clone(),
            metrics.clone(),
            status.clone(),
        );
        tasks.spawn("certificates", |stop| certificates.watch(stop));
        Ok(Check::new("caBundle", move || status.ready()))
    }
}
