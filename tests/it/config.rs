//! The configuration file: what loads, what does not and how that is told, what is in force.

mod bad;
mod checks;
mod command;
mod fallbacks;
mod good;
mod laws;
mod notices;
mod profiles;
mod propagate;
mod volumes;

use datadog_sidecar_injector::config::{self, Config};

/// The configuration of a text, for any test that needs one.
#[track_caller]
pub(crate) fn values(yaml: &str) -> Config {
    config::load(yaml, "test.yaml").unwrap_or_else(|problems| panic!("{problems}"))
}

/// The configuration of what is written under `agentSidecarInjection`.
#[track_caller]
pub(crate) fn injection(yaml: &str) -> Config {
    values(&under_injection(yaml))
}

/// A file with this text under `agentSidecarInjection`: three lines down, six columns in.
fn under_injection(yaml: &str) -> String {
    let lines = yaml.lines().map(|line| format!("      {line}\n"));
    format!(
        "clusterAgent:\n  admissionController:\n    agentSidecarInjection:\n{}",
        lines.collect::<String>()
    )
}
