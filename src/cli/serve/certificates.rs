//! Where `serve` takes its certificate from.

use crate::{
    admin::Check,
    certs::{Names, Served, Status, files, given, rotation::Lives, self_managed, self_signed},
    cli::parse::duration,
    metrics::Metrics,
    shutdown::Tasks,
};
use anyhow::Context;
use clap::{ArgAction, Args};
use std::{
    path::{Path, PathBuf},
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
    self_managed: bool,
}

/// What caBundle is kept with.
#[derive(Debug, Args)]
pub(super) struct InCluster {
    /// The MutatingWebhookConfiguration in whose entries for the Service caBundle is kept. With --cert-dir it is kept where this is
    /// given [default with --self-managed: datadog-sidecar-injector].
    #[arg(long, env, value_name = "NAME")]
    webhook_configuration: Option<String>,

    /// The Service, in the own namespace, by which the API server comes.
    #[arg(long, env, value_name = "NAME", default_value = NAME)]
    service: String,

    /// Whether the own namespace becomes the owner of the webhook configuration, so that it goes with it.
    #[arg(long, env, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    own_webhook_configuration: bool,

    /// With --cert-dir: the CA that belongs into caBundle [default: ca.crt in that directory]. Without the file nothing is written.
    #[arg(long, env, value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// With --self-managed: the Secret, in the own namespace, that holds the CA.
    #[arg(long, env, value_name = "NAME", default_value = "datadog-sidecar-injector-ca")]
    ca_secret: String,

    /// With --self-managed: how long a CA lives, at least three times as long as a leaf; the next one is made after two thirds of it.
    #[arg(long, env, value_name = "DURATION", default_value = "8760h", value_parser = duration)]
    ca_lifetime: Duration,

    /// With --self-managed: how long a certificate lives; the next one is made after two thirds of it.
    #[arg(long, env, value_name = "DURATION", default_value = "168h", value_parser = duration)]
    leaf_lifetime: Duration,
}

/// What Service and webhook configuration are called where nothing says otherwise.
const NAME: &str = "datadog-sidecar-injector";

/// What the certificates have to do with.
pub(super) struct Around<'a> {
    pub(super) client: Option<&'a kube::Client>,
    pub(super) own_namespace: &'a str,
    pub(super) served: &'a Arc<Served>,
    pub(super) metrics: &'a Arc<Metrics>,
}

/// What became of it.
pub(super) struct Started {
    /// Where the CA's certificate lies, if we made it for this machine.
    pub(super) ca: Option<PathBuf>,
    /// What must be so to be ready.
    pub(super) check: Option<Check>,
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

    /// Serves a certificate from here on, if there is one already, and keeps it and caBundle right.
    pub(super) fn start(
        &self,
        cluster: &InCluster,
        around: &Around<'_>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Started> {
        let now = SystemTime::now();
        let Around { served, metrics, .. } = around;
        if let Some(directory) = &self.self_signed {
            let made = self_signed::create(directory, now)?;
            served.install(made.pair);
            return Ok(Started { ca: Some(made.ca_file), check: None });
        }
        let Some(directory) = &self.cert_dir else { return cluster.manage(around, tasks) };
        let kept = cluster.keep(directory, around, tasks)?;
        let trust = kept.clone();
        let mut files = files::Files::new(directory.clone(), (*served).clone(), (*metrics).clone(), trust);
        // Before the first handshake, so that a good pair serves it.
        files.poll(now);
        tasks.spawn("certificate", |stop| files::watch(files, files::EVERY, stop));
        Ok(Started { ca: None, check: kept.map(check) })
    }
}

impl InCluster {
    fn names(&self, configuration: &str, own_namespace: &str) -> Names {
        Names {
            namespace: own_namespace.into(),
            service: self.service.clone(),
            configuration: configuration.into(),
            owned: self.own_webhook_configuration,
        }
    }

    /// Keeps a CA of our own.
    fn manage(&self, around: &Around<'_>, tasks: &mut Tasks) -> anyhow::Result<Started> {
        let lives =
            Lives::new(self.ca_lifetime, self.leaf_lifetime).context("--ca-lifetime and --leaf-lifetime")?;
        let client = around.client.context("--self-managed needs a cluster, and there is none to ask")?;
        let configuration = self.webhook_configuration.as_deref().unwrap_or(NAME);
        let names = self.names(configuration, around.own_namespace);
        let status = Arc::new(Status::new(&names));
        let certificates = self_managed::SelfManaged::new(
            client.clone(),
            names,
            self.ca_secret.clone(),
            lives,
            around.served.clone(),
            around.metrics.clone(),
            status.clone(),
        );
        tasks.spawn("certificates", |stop| certificates.watch(stop));
        Ok(Started { ca: None, check: Some(check(status)) })
    }

    /// Keeps the CA of certificates that others make, where there is a webhook configuration to keep it in.
    fn keep(
        &self,
        directory: &Path,
        around: &Around<'_>,
        tasks: &mut Tasks,
    ) -> anyhow::Result<Option<Arc<Status>>> {
        let Some(configuration) = &self.webhook_configuration else { return Ok(None) };
        let client =
            around.client.context("--webhook-configuration needs a cluster, and there is none to ask")?;
        let names = self.names(configuration, around.own_namespace);
        let status = Arc::new(Status::new(&names));
        let file = self.ca_file.clone().unwrap_or_else(|| directory.join("ca.crt"));
        let given = given::Given::new(client.clone(), names, file, around.served.clone(), status.clone());
        tasks.spawn("caBundle", |stop| given.watch(stop));
        Ok(Some(status))
    }
}

fn check(status: Arc<Status>) -> Check {
    Check::new("caBundle", move || status.ready())
}
