//! The configuration in force: compiled rules behind one swap, compiled anew when what they depend on changes.

use crate::{
    config::Config,
    metrics::{Metrics, ReviewCounters},
    rules::{Rules, Setting},
};
use arc_swap::ArcSwap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// What a review is decided by, and counted with: one snapshot of both, so that a profile's position means the same.
#[derive(Debug)]
pub struct InForce {
    /// The rules.
    pub rules: Rules,
    /// Counters of reviews by these rules' profiles.
    pub counters: ReviewCounters,
}

/// Holds what is in force, and changes it.
#[derive(Debug)]
pub struct Store {
    current: ArcSwap<InForce>,
    /// Held while compiling, so that a new configuration and a new version do not undo each other.
    changing: Mutex<()>,
    changes: watch::Sender<()>,
    metrics: Arc<Metrics>,
}

impl Store {
    /// Starts with this configuration.
    pub fn new(config: Config, setting: Setting, metrics: Arc<Metrics>) -> Self {
        let current = ArcSwap::from_pointee(compile(config, setting, &metrics));
        Self { current, changing: Mutex::new(()), changes: watch::Sender::new(()), metrics }
    }

    /// What is in force now.
    pub fn load(&self) -> Arc<InForce> {
        self.current.load_full()
    }

    /// Hears of whatever is put in force from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Puts another configuration in force.
    pub fn set_config(&self, config: Config) {
        self.change(|rules| (config, rules.setting.clone()));
    }

    /// Compiles for another minor version of the API server; does nothing where it is the same.
    pub fn set_kubernetes_minor(&self, minor: u32) {
        if self.load().rules.setting.kubernetes_minor == minor {
            return;
        }
        self.change(|rules| {
            (rules.config.clone(), Setting { kubernetes_minor: minor, ..rules.setting.clone() })
        });
    }

    fn change(&self, next: impl FnOnce(&Rules) -> (Config, Setting)) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (config, setting) = next(&self.load().rules);
        self.current.store(Arc::new(compile(config, setting, &self.metrics)));
        self.changes.send_replace(());
    }
}

fn compile(config: Config, setting: Setting, metrics: &Metrics) -> InForce {
    let counters = metrics.review_counters(config.profiles.iter().map(|profile| profile.name.as_str()));
    InForce { rules: Rules::compile(config, setting), counters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_version_keeps_the_configuration_and_the_other_way_round() {
        let setting = Setting { own_namespace: "datadog-agent".into(), kubernetes_minor: 35, offline: false };
        let store = Store::new(Config::default(), setting, Arc::new(Metrics::new()));
        store.set_config(Config { site: "datadoghq.eu".into(), ..Config::default() });
        store.set_kubernetes_minor(28);
        let in_force = store.load();
        assert_eq!(in_force.rules.config.site, "datadoghq.eu");
        assert_eq!(in_force.rules.setting.kubernetes_minor, 28);
        store.set_config(Config::default());
        assert_eq!(store.load().rules.setting.kubernetes_minor, 28);
    }
}
