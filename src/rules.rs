//! The configuration as decisions use it: compiled once, immutable, shared by all reviews.

use crate::config::Config;
use std::collections::{BTreeMap, HashMap};

/// The labels of one namespace.
pub type Labels = BTreeMap<String, String>;

/// The labels of the namespaces that are known.
pub type Namespaces = HashMap<String, Labels>;

/// What a decision depends on besides the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The injector's own namespace: never injected, and where the Cluster Agent is looked for.
    pub own_namespace: String,
    /// The API server's minor version, such as 35 in 1.35; native sidecars need 29.
    pub kubernetes_minor: u32,
    /// Whether manifests are injected rather than admission reviews answered.
    pub offline: bool,
}

/// A configuration compiled for deciding.
#[derive(Debug)]
pub struct Rules {
    /// What it was compiled from.
    pub config: Config,
    /// What else it was compiled for.
    pub setting: Setting,
}

impl Rules {
    /// Compiles a checked configuration.
    pub fn compile(config: Config, setting: Setting) -> Self {
        Self { config, setting }
    }
}
