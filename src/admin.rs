//! The admin pages: `/livez`, `/readyz` and `/metrics` for everybody, `/config` and `/decisions` for callers on this machine.

mod view;

use crate::{
    certs::Served,
    decisions::Decisions,
    in_force::Store,
    metrics::Metrics,
    server::{
        Heart,
        connection::{Handler, Reply},
        pace::Answering,
        refuse::{Refused, text, typed},
    },
    view::View,
};
use hyper::{Method, Request, StatusCode, body::Incoming};
use std::{fmt, net::SocketAddr, sync::Arc, time::SystemTime};
use tokio_util::sync::CancellationToken;

/// Something that must be so to be ready.
pub struct Check {
    name: &'static str,
    test: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Check {
    /// `test` must answer at once, from memory; its error says in words what is missing.
    pub fn new(name: &'static str, test: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { name, test: Box::new(test) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

/// What the pages show.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(crate) rules: Arc<Store>,
    pub(crate) seen: Arc<View>,
    pub(crate) certificates: Arc<Served>,
    pub(crate) checks: Vec<Check>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) heart: Arc<Heart>,
    pub(crate) draining: CancellationToken,
}

impl Admin {
    /// The pages as this peer sees them.
    pub(crate) fn for_peer(self: &Arc<Self>, peer: SocketAddr) -> Pages {
        // On a socket for both families 127.0.0.1 comes as ::ffff:127.0.0.1.
        Pages { admin: self.clone(), local: peer.ip().to_canonical().is_loopback() }
    }

    fn ready(&self) -> Reply {
        let serving = if self.draining.is_cancelled() { Err("draining".into()) } else { Ok(()) };
        // A process whose configuration was broken at its start has ended.
        let fixed = [
            ("serving", serving),
            ("reviews", self.heart.ready()),
            ("certificate", self.certificates.ready(SystemTime::now())),
            ("configuration", Ok(())),
        ];
        let others = self.checks.iter().map(|check| (check.name, (check.test)()));
        let (mut lines, mut status) = (String::new(), StatusCode::OK);
        for (name, result) in fixed.into_iter().chain(others) {
            match result {
                Ok(()) => lines += &format!("[+] {name}: ok\n"),
                Err(why) => {
                    status = StatusCode::SERVICE_UNAVAILABLE;
                    lines += &format!("[-] {name}: {why}\n");
                }
            }
        }
        text(status, lines)
    }

    /// Whether the process does its work at all. What it works on, such as certificates, no restart would mend.
    fn alive(&self) -> Reply {
        match self.heart.alive() {
            Ok(()) => text(StatusCode::OK, "ok\n"),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
        }
    }

    fn metrics(&self) -> Reply {
        typed(
            StatusCode::OK,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            self.metrics.text(),
        )
    }
}

/// The pages as one peer sees them.
#[derive(Debug)]
pub(crate) struct Pages {
    admin: Arc<Admin>,
    local: bool,
}

impl Pages {
    fn page(&self, path: &str) -> Result<Reply, Refused> {
        let json = |value: serde_json::Value| {
            if self.local {
                Ok(typed(StatusCode::OK, "application/json", format!("{value:#}\n")))
            } else {
                Err(Refused::NotLocal)
            }
        };
        match path {
            "/livez" => Ok(self.admin.alive()),
            "/readyz" => Ok(self.admin.ready()),
            "/metrics" => Ok(self.admin.metrics()),
            "/config" => json(view::of(&self.admin.rules.load().rules, &self.admin.seen.load().objects)),
            "/decisions" => json(self.admin.decisions.to_json()),
            _ => Err(Refused::NotFound("there are /livez, /readyz, /metrics, /config and /decisions")),
        }
    }
}

impl Handler for Pages {
    async fn handle(&self, request: Request<Incoming>, _: Answering) -> Reply {
        match self.page(request.uri().path()) {
            Ok(_) if request.method() != Method::GET && request.method() != Method::HEAD => {
                Refused::Method(Method::GET).reply()
            }
            Ok(reply) => reply,
            Err(refused) => refused.reply(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, rules::Setting};

    fn admin(checks: Vec<Check>) -> Arc<Admin> {
        let metrics = Arc::new(Metrics::new());
        let setting = Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
        Arc::new(Admin {
            rules: Arc::new(Store::new(Config::default(), setting, metrics.clone())),
            seen: Arc::default(),
            certificates: Arc::new(Served::new(metrics.clone())),
            checks,
            metrics,
            decisions: Arc::default(),
            heart: Arc::new(Heart::new(std::time::Duration::from_secs(30))),
            draining: CancellationToken::new(),
        })
    }

    #[test]
    fn what_names_pods_is_for_this_machine_only() {
        let admin = admin(Vec::new());
        for (peer, local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("10.0.0.1:1", false),
            ("[::ffff:10.0.0.1]:1", false),
        ] {
            let pages = admin.for_peer(peer.parse().unwrap());
            for path in ["/config", "/decisions"] {
                assert_eq!(pages.page(path).is_ok(), local, "{path} from {peer}");
            }
            for path in ["/livez", "/readyz", "/metrics"] {
                assert!(pages.page(path).is_ok(), "{path} from {peer}");
            }
        }
    }

    #[test]
    fn one_failing_check_is_not_ready() {
        let admin = admin(vec![Check::new("namespaces", || Err("not yet".into()))]);
        assert_eq!(admin.ready().status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}
