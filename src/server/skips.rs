//! Tells the log of pods that were selected and got no sidecar: once for each namespace, owner and reason in a while, however
//! many there are.

use crate::{
    admission::About,
    metrics,
    select::{Decision, SkipReason},
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a reason is not told again.
const QUIET: Duration = Duration::from_secs(10 * 60);

/// The most that are told apart; what comes on top is told together, by its reason alone.
const MOST: usize = 1024;

/// What was told lately.
#[derive(Debug, Default)]
pub(super) struct Skips(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    told: HashMap<Skip, Told>,
    /// When what is old was last forgotten.
    swept: Option<Instant>,
}

/// Namespace, owner and reason. The pods of a workload have no name yet, and the same generateName.
type Skip = (String, String, SkipReason);

#[derive(Debug)]
struct Told {
    at: Instant,
    /// How often it has come since.
    since: u64,
}

impl Skips {
    /// Writes a line for a pod that was to have the sidecar, where it is time for one.
    pub(super) fn tell(&self, about: &About, decision: &Decision) {
        let Some(reason) = decision.reason().filter(|_| decision.expected && !about.dry_run) else { return };
        let Some(more) = self.is_due(about, reason) else { return };
        tracing::warn!(
            namespace = about.namespace,
            pod = about.name,
            reason = metrics::reason(decision.outcome),
            why = decision.detail,
            more,
            "A selected pod was left without the sidecar"
        );
    }

    /// How many were not told since the last line; `None` where it is too early for another.
    fn is_due(&self, about: &About, reason: SkipReason) -> Option<u64> {
        let (mut lately, now) = (self.lock(), Instant::now());
        let Lately { told, swept } = &mut *lately;
        let mut skip = (about.namespace.clone(), about.name.clone(), reason);
        if told.len() >= MOST && !told.contains_key(&skip) {
            if swept.is_none_or(|swept| now - swept >= QUIET) {
                told.retain(|_, told| now - told.at < QUIET);
                *swept = Some(now);
            }
            if told.len() >= MOST {
                skip = (String::new(), String::new(), reason);
            }
        }
        let Some(there) = told.get_mut(&skip) else {
            told.insert(skip, Told { at: now, since: 0 });
            return Some(0);
        };
        if now - there.at < QUIET {
            there.since += 1;
            return None;
        }
        there.at = now;
        Some(std::mem::take(&mut there.since))
    }

    fn lock(&self) -> MutexGuard<'_, Lately> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(namespace: &str, name: &str) -> About {
        About { namespace: namespace.into(), name: name.into(), ..About::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_is_told_once_in_a_while_with_a_count() {
        let skips = Skips::default();
        let due = |name: &str, reason| skips.is_due(&about("shop", name), reason);
        assert_eq!(due("web-", SkipReason::SecretMissing), Some(0));
        for _ in 0..5 {
            assert_eq!(due("web-", SkipReason::SecretMissing), None);
        }
        assert_eq!(due("web-", SkipReason::Conflict), Some(0), "another reason");
        assert_eq!(due("api-", SkipReason::SecretMissing), Some(0), "another owner");
        tokio::time::advance(QUIET).await;
        assert_eq!(due("web-", SkipReason::SecretMissing), Some(5));
        assert_eq!(due("web-", SkipReason::SecretMissing), None);
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_owners_are_told_together() {
        let skips = Skips::default();
        let lines = |from: usize| {
            let all = (from..from + 100_000).map(|i| about("shop", &i.to_string()));
            all.filter(|about| skips.is_due(about, SkipReason::Conflict).is_some()).count()
        };
        assert_eq!(lines(0), MOST + 1);
        assert!(skips.lock().told.len() <= MOST + SkipReason::ALL.len());
        tokio::time::advance(QUIET).await;
        assert!(lines(2_000_000) <= MOST + 1, "what is old is forgotten");
    }
}
