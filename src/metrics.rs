//! What the process counts, as OpenMetrics text. Labels are closed sets: never the name of a pod or of a namespace.

mod reviews;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};
use reviews::ReviewLabels;
pub use reviews::{ReviewCounters, reason};
use std::time::{SystemTime, UNIX_EPOCH};

/// What every name starts with.
pub const PREFIX: &str = "datadog_sidecar_injector";

/// Everything counted, and the registry that writes it.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reviews: Family<ReviewLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    handshakes_failed: Family<HandshakeLabels, Counter>,
    /// How long reviews took, from the last byte of the request's head to the answer, in seconds.
    pub review_duration: Histogram,
    /// The sizes of reviews.
    pub body_size: Histogram,
    /// Panics caught while deciding.
    pub panics: Counter,
    /// When the last review was answered, in seconds since 1970.
    pub last_review: Gauge,
    /// Connections that gave way to newer ones.
    pub connections_given_up: Counter,
    /// Connections open after their TLS handshake.
    pub connections: Gauge,
    /// Connections that found the limit reached and were answered 503.
    pub connections_refused: Counter,
    /// When the certificate being served ends, in seconds since 1970; 0 without one.
    pub certificate_expiry: Gauge,
    /// When the newest CA in the Secret ends, in seconds since 1970; 0 without self-managed certificates.
    pub ca_expiry: Gauge,
    /// Secrets and ConfigMaps, by name, of which it is to be known which namespaces have them.
    pub objects_watched: Gauge,
    /// Those of them of which it is known.
    pub objects_known: Gauge,
    /// How the last reading of the certificate files went, or the last attempt to keep self-managed ones right.
    pub certificate: Reloads,
    /// How the last reading of the configuration file went.
    pub config: Reloads,
}

/// How the last attempt to read something went.
#[derive(Debug, Default)]
pub struct Reloads {
    successful: Gauge,
    last_success: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    reason: &'static str,
}

/// Why a TLS handshake did not come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// It took too long.
    Timeout,
    /// One side refused the other: often a caller that does not trust our certificate.
    Tls,
    /// The connection broke.
    Io,
}

impl HandshakeFailure {
    /// The word used in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::Io => "io",
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let it = Self {
            reviews: Family::default(),
            refused: Family::default(),
            handshakes_failed: Family::default(),
            review_duration: Histogram::new(exponential_buckets(0.000_025, 2.0, 18)),
            body_size: Histogram::new(exponential_buckets(1024.0, 2.0, 14)),
            panics: Counter::default(),
            last_review: Gauge::default(),
            connections: Gauge::default(),
            connections_refused: Counter::default(),
            connections_given_up: Counter::default(),
            certificate_expiry: Gauge::default(),
            ca_expiry: Gauge::default(),
            objects_watched: Gauge::default(),
            objects_known: Gauge::default(),
            certificate: Reloads::default(),
            config: Reloads::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register("build", "What runs", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
        r.register("reviews", "Reviews answered, by what was decided", it.reviews.clone());
        r.register("requests_refused", "Requests that were not reviews we answer", it.refused.clone());
        r.register_with_unit(
            "review_duration",
            "From the head of a review's request to its answer",
            Unit::Seconds,
            it.review_duration.clone(),
        );
        r.register_with_unit("review_body_size", "Sizes of reviews", Unit::Bytes, it.body_size.clone());
        r.register("panics", "Panics caught while deciding", it.panics.clone());
        r.register_with_unit(
            "last_review_timestamp",
            "When the last review was answered; 0: never, which means that the API server does not reach us",
            Unit::Seconds,
            it.last_review.clone(),
        );
        r.register("connections", "Connections open after their handshake", it.connections.clone());
        r.register(
            "connections_given_up",
            "Connections that ended, the longest waiting first, so that newer ones had a place",
            it.connections_given_up.clone(),
        );
        r.register(
            "connections_refused",
            "Connections beyond the limit, answered 503",
            it.connections_refused.clone(),
        );
        r.register(
            "tls_handshakes_failed",
            "TLS handshakes that failed; tls: often a caller that does not trust our certificate",
            it.handshakes_failed.clone(),
        );
        r.register_with_unit(
            "certificate_expiry_timestamp",
            "When the certificate being served ends; 0: none is served",
            Unit::Seconds,
            it.certificate_expiry.clone(),
        );
        r.register_with_unit(
            "ca_expiry_timestamp",
            "When the newest CA in the Secret ends; 0: certificates are not self-managed",
            Unit::Seconds,
            it.ca_expiry.clone(),
        );
        r.register(
            "objects_watched",
            "Secrets and ConfigMaps that sidecars refer to, by name, of which it is to be known which namespaces have them",
            it.objects_watched.clone(),
        );
        r.register(
            "objects_known",
            "Those of which it is known; fewer than are watched: missing ones are not noticed",
            it.objects_known.clone(),
        );
        it.certificate.register(r, "certificate", "certificate");
        it.config.register(r, "config", "configuration");
        Self { registry, ..it }
    }

    /// The text a scrape gets; its type is `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    /// The counters of reviews under a configuration with these profiles.
    pub fn review_counters<'a>(&self, profiles: impl IntoIterator<Item = &'a str>) -> ReviewCounters {
        ReviewCounters::new(self.reviews.clone(), profiles)
    }

    /// Counts a request answered with an error.
    pub fn count_refused(&self, status: http::StatusCode) {
        self.refused.get_or_create(&RefusedLabels { status: status.as_u16() }).inc();
    }

    /// Counts a connection that never became one.
    pub fn count_handshake(&self, failure: HandshakeFailure) {
        self.handshakes_failed.get_or_create(&HandshakeLabels { reason: failure.label() }).inc();
    }
}

impl Reloads {
    /// Notes an attempt that brought something usable.
    pub fn succeeded(&self) {
        self.successful.set(1);
        self.last_success.set(seconds(SystemTime::now()));
    }

    /// Notes an attempt that left things as they were.
    pub fn failed(&self) {
        self.successful.set(0);
    }

    fn register(&self, registry: &mut Registry, name: &str, what: &str) {
        registry.register(
            format!("{name}_last_reload_successful"),
            format!("1 where the last reading of the {what} succeeded; 0: the last good one is in force"),
            self.successful.clone(),
        );
        registry.register_with_unit(
            format!("{name}_last_reload_success_timestamp"),
            format!("When a {what} was last taken into use"),
            Unit::Seconds,
            self.last_success.clone(),
        );
    }
}

/// Seconds since 1970, as gauges hold a time.
pub fn seconds(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
