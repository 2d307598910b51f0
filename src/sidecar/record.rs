//! The record left on an injected pod: for people, never read to decide.

use crate::{
    config::{Config, Profile},
    pod::Annotations,
};
use serde_json::json;

/// The annotation that says which profile, version and configuration a pod was injected with.
pub(crate) const STATUS: &str = "agent.datadoghq.com/sidecar.status";

/// The annotations that may be written.
pub(super) const WRITTEN: [&str; 2] = [STATUS, Annotations::SAFE_TO_EVICT];

/// What a probe of the installation comes back with.
pub(super) fn probed(config: &Config) -> String {
    json!({"probe": true, "version": env!("CARGO_PKG_VERSION"), "config": config.hash}).to_string()
}

/// The status annotation's value.
pub(super) fn status(config: &Config, profile: &Profile) -> String {
    json!({"profile": profile.name, "version": env!("CARGO_PKG_VERSION"), "config": config.hash}).to_string()
}
