//! `serve`: the admission webhook.

mod certificates;

use self::certificates::{Around, Certificates, InCluster, Started};
use super::{
    Exit,
    parse::{address, duration, namespace},
};
use crate::{
    admin::Check,
    certs::Served,
    cluster, config,
    in_force::Store,
    metrics::Metrics,
    reload,
    rules::Setting,
    server::{self, Admission, Limits, Parts, Running, Timeouts},
    shutdown::{Signals, Tasks},
    telemetry,
    view::View,
};
use anyhow::Context;
use clap::{ArgAction, Args};
use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What `--help` ends with.
const AFTER_HELP: &str = "\
Examples:
  datadog-sidecar-injector serve --self-signed /tmp/injector-tls --bind 127.0.0.1:8443 --admin-bind 127.0.0.1:8080
  datadog-sidecar-injector serve --config datadog-values.yaml --self-managed

Exactly one of --cert-dir, --self-signed and --self-managed must be given.

Exit codes:
  0         ended by SIGTERM or SIGINT, after the reviews in hand
  2         usage or configuration, or a start that fails
  130, 143  a second SIGINT or SIGTERM ended it at once";

/// Serve the admission webhook: answer the API server's reviews over TLS.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Serve {
    /// Configuration file, in the shape of Datadog's chart values; read again when it changes. Without it the defaults are
    /// in force.
    #[arg(long, env, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    certificates: Certificates,

    /// Where reviews are taken, over TLS.
    #[arg(long, env, value_name = "ADDRESS", default_value = "[::]:8443", value_parser = |text: &str| address(text, 8443))]
    bind: SocketAddr,

    /// Where /livez, /readyz, /metrics, /config and /decisions are, over plain HTTP.
    #[arg(long, env, value_name = "ADDRESS", default_value = "[::]:8080", value_parser = |text: &str| address(text, 8080))]
    admin_bind: SocketAddr,

    /// The injector's own namespace: never injected, and where the Cluster Agent is looked for.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE", default_value = "datadog-agent", value_parser = namespace)]
    own_namespace: String,

    /// The ConfigMap that the configuration comes from, in the own namespace: it is kept as long as the Deployment, so that an upgrade of
    /// the release takes it from no replica.
    #[arg(long, env, value_name = "NAME", requires = "deployment")]
    config_map: Option<String>,

    /// With --config-map: the Deployment of the own pod.
    #[arg(long, env, value_name = "NAME")]
    deployment: Option<String>,

    /// Assume this Kubernetes version, such as 1.33, rather than asking the API server.
    #[arg(long, env, value_name = "VERSION", value_parser = cluster::version::minor)]
    kubernetes_version: Option<u32>,

    /// Whether to watch, in all namespaces, the Secrets, and the ConfigMap of the Cluster Agent's CA, that sidecars refer to:
    /// without, none counts as missing.
    #[arg(long, env, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    watch_secrets: bool,

    #[command(flatten)]
    in_cluster: InCluster,

    /// How long to go on answering after SIGTERM, so that endpoints can be updated [default: 10s; 0 with --self-signed].
    #[arg(long, env, value_name = "DURATION", value_parser = duration)]
    drain_delay: Option<Duration>,

    /// What to log: off, error, warn, info, debug, trace, or a list such as info,kube=debug.
    #[arg(long, env, value_name = "LEVEL", default_value = "info")]
    log_level: String,
}

/// Serves until a signal comes, and then ends in order; a second signal ends it at once.
pub(super) fn run(arguments: &Serve) -> anyhow::Result<Exit> {
    telemetry::init(&arguments.log_level)?;
    // Whoever installed one before us keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limits = Limits::default().within_open_files(raise_open_files());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(arguments.serve(limits));
    // Does not wait for a read that hangs.
    runtime.shutdown_background();
    served
}

impl Serve {
    async fn serve(&self, limits: Limits) -> anyhow::Result<Exit> {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let mut running = self.start(limits).await?;
        tokio::select! {
            _ = signals.next() => {}
            task = running.broken() => anyhow::bail!("the task {task:?} ended, which must not happen"),
        }
        tokio::select! {
            biased;
            () = running.drain() => Ok(Exit::Done),
            second = signals.next() => Ok(Exit::Signalled(second)),
        }
    }

    async fn start(&self, limits: Limits) -> anyhow::Result<Running> {
        let Self {
            config,
            config_map,
            deployment,
            kubernetes_version,
            watch_secrets,
            own_namespace,
            drain_delay,
            bind,
            admin_bind,
            certificates,
            in_cluster,
            log_level: _,
        } = self;
        certificates.check()?;
        let local = certificates.self_signed.is_some();
        let (file, config) = match config {
            Some(path) => {
                let (file, config) = reload::File::open(path)?;
                (Some(file), config)
            }
            None => (None, config::load("", "the defaults")?),
        };
        reload::tell(&config.notices);

        let timeouts = Timeouts::default();
        let drain_delay = drain_delay.unwrap_or(if local { Duration::ZERO } else { timeouts.drain_delay });
        let timeouts = Timeouts { drain_delay, ..timeouts };
        let bound = server::Args { bind: *bind, admin_bind: *admin_bind, limits, timeouts }.bind().await?;

        let metrics = Arc::new(Metrics::new());
        metrics.config.succeeded();
        let setting = Setting {
            own_namespace: own_namespace.clone(),
            kubernetes_minor: kubernetes_version.unwrap_or_else(cluster::version::pinned),
            offline: false,
        };
        let rules = Arc::new(Store::new(config, setting, metrics.clone()));
        let mut tasks = Tasks::default();
        if let Some(file) = file {
            let (rules, metrics) = (rules.clone(), metrics.clone());
            tasks.spawn("configuration", |stop| reload::watch(file, reload::EVERY, rules, metrics, stop));
        }
        let served = Arc::new(Served::new(metrics.clone()));
        let seen = Arc::<View>::default();
        let client = connect().await?;
        let around = Around { client: client.as_ref(), own_namespace, served: &served, metrics: &metrics };
        let Started { ca, check } = certificates.start(in_cluster, &around, &mut tasks)?;
        let mut checks: Vec<_> = check.into_iter().collect();
        if let Some(client) = client {
            let version_given = kubernetes_version.is_some();
            checks.extend(watch_cluster(&client, version_given, &rules, &seen, &mut tasks));
            if let (Some(config_map), Some(deployment)) = (config_map.clone(), deployment.clone()) {
                let namespace = own_namespace.clone();
                let names = cluster::config_map::Names { namespace, config_map, deployment };
                let client = client.clone();
                tasks.spawn("config map", |stop| cluster::config_map::keep(client, names, stop));
            }
            let (looking, store) = (client.clone(), rules.clone());
            tasks.spawn("cluster agent", |stop| {
                cluster::cluster_agent::watch(looking, store, cluster::cluster_agent::EVERY, stop)
            });
            let (looking, store) = (client.clone(), rules.clone());
            tasks.spawn("overlap", |stop| {
                cluster::overlap::watch(looking, store, cluster::overlap::EVERY, stop)
            });
            if *watch_secrets {
                let known = cluster::objects::Known::new(seen.clone(), metrics.clone());
                let rules = rules.clone();
                tasks.spawn("objects", |stop| cluster::objects::watch(client, rules, known, stop));
            }
        }

        let (address, admin_address) = (bound.address()?, bound.admin_address()?);
        let running = bound
            .run(Parts { reviewer: Admission, rules, seen, certificates: served, checks, metrics }, tasks)?;
        tracing::info!(%address, %admin_address, version = env!("CARGO_PKG_VERSION"), "Listening");
        if std::io::stderr().is_terminal() {
            greet(address, admin_address, ca.as_deref());
        }
        Ok(running)
    }
}

/// A client of the cluster, where there is one.
async fn connect() -> anyhow::Result<Option<kube::Client>> {
    if !cluster::is_there() {
        tracing::info!(
            "There is no cluster to ask: labels of namespaces are unknown, but for their name, and so is which of them have Secrets"
        );
        return Ok(None);
    }
    Ok(Some(cluster::connect().await.context("cannot use the cluster's configuration")?))
}

/// Starts what is learnt from the API server. Returns what must be known to be ready.
fn watch_cluster(
    client: &kube::Client,
    version_given: bool,
    rules: &Arc<Store>,
    seen: &Arc<View>,
    tasks: &mut Tasks,
) -> Vec<Check> {
    let mut checks = Vec::new();
    if !version_given {
        let known = Arc::new(AtomicBool::new(false));
        let (client, rules, told) = (client.clone(), rules.clone(), known.clone());
        tasks.spawn("version", |stop| {
            cluster::version::watch(client, rules, told, cluster::version::EVERY, stop)
        });
        checks.push(Check::new("version", move || {
            if known.load(Ordering::Relaxed) {
                Ok(())
            } else {
                Err("the API server has not told its own".into())
            }
        }));
    }
    let namespaces = Arc::new(cluster::namespaces::Known::new(seen.clone()));
    let (client, known) = (client.clone(), namespaces.clone());
    tasks.spawn("namespaces", |stop| cluster::namespaces::watch(client, known, stop));
    let (known, rules) = (namespaces, rules.clone());
    checks.push(Check::new("namespaces", move || {
        if rules.load().rules.needs_namespace_labels() && !known.is_synced() {
            return Err("their labels, which a selector asks for, are not known yet".into());
        }
        Ok(())
    }));
    checks
}

/// For a person at a terminal.
fn greet(address: SocketAddr, admin_address: SocketAddr, ca: Option<&std::path::Path>) {
    let (port, admin) = (address.port(), admin_address.port());
    let mut text = format!(
        "Reviews: https://localhost:{port}{}. Admin pages: http://localhost:{admin}/readyz.",
        server::PATH
    );
    if let Some(ca) = ca {
        let ca = ca.display();
        text += &format!(" The CA to trust: {ca}; for a caBundle: base64 -w0 {ca}");
    }
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Some runtimes allow 1024 open files unless one asks for more, as Go programs do by themselves. Answers how many there may be.
fn raise_open_files() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        tracing::debug!(?current, ?maximum, ok = raised.is_ok(), "Raised the limit of open files");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
