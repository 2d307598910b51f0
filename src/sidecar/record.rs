//! The record left on an injected pod: for people, never read to decide.

use crate::{config::Config, pod::Annotations};
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
pub(super) fn status(config: &Config, profile: usize) -> String {
    let profile = config.profiles.get(profile).map_or("", |p| p.name.as_str());
    json!({"profile": profile, "version": env!("CARGO_PKG_VERSION"), "config": config.hash}).to_string()
}
