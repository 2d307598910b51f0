//! The counters of reviews: a cell for each profile and outcome, found without a name.

use crate::select::{Outcome, SkipReason};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
};
use std::sync::{Arc, OnceLock};

/// The label where no profile was chosen.
const NO_PROFILE: &str = "";

/// Injected, completed, and one for each reason of a skip.
const OUTCOMES: usize = 2 + SkipReason::ALL.len();

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReviewLabels {
    outcome: &'static str,
    reason: &'static str,
    profile: Arc<str>,
}

/// The counters of reviews under one configuration, so that counting a review looks nothing up by name.
#[derive(Debug)]
pub struct ReviewCounters {
    family: Family<ReviewLabels, Counter>,
    /// A row for each profile, and a last one for reviews without.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    profile: Arc<str>,
    cells: [OnceLock<Counter>; OUTCOMES],
}

impl ReviewCounters {
    pub(super) fn new<'a>(
        family: Family<ReviewLabels, Counter>,
        profiles: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let row = |name: &str| Row { profile: name.into(), cells: Default::default() };
        Self { family, rows: profiles.into_iter().chain([NO_PROFILE]).map(row).collect() }
    }

    /// Counts a review; `profile` is a position in the configuration.
    pub fn count(&self, outcome: Outcome, profile: Option<usize>) {
        let Some(row) = self.row(profile) else { return };
        let Some(cell) = row.cells.get(column(outcome)) else { return };
        cell.get_or_init(|| {
            let labels = ReviewLabels {
                outcome: outcome.label(),
                reason: reason(outcome),
                profile: row.profile.clone(),
            };
            self.family.get_or_create_owned(&labels)
        })
        .inc();
    }

    /// The name of a profile, shared; empty without one.
    pub fn profile(&self, profile: Option<usize>) -> Arc<str> {
        self.row(profile).map_or_else(|| NO_PROFILE.into(), |row| row.profile.clone())
    }

    fn row(&self, profile: Option<usize>) -> Option<&Row> {
        let (none, profiles) = self.rows.split_last()?;
        Some(profile.and_then(|i| profiles.get(i)).unwrap_or(none))
    }
}

/// The reason of a skip; empty for what is no skip.
pub fn reason(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Injected | Outcome::Completed => "",
        Outcome::Skipped(reason) => reason.label(),
    }
}

fn column(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Injected => 0,
        Outcome::Completed => 1,
        // A reason missing in `ALL` finds no column, and goes uncounted: the test below finds it.
        Outcome::Skipped(reason) => {
            2 + SkipReason::ALL.iter().position(|r| *r == reason).unwrap_or(SkipReason::ALL.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn every_outcome_has_a_counter_of_its_own() {
        let metrics = Metrics::new();
        let counters = metrics.review_counters(["default", "team-a"]);
        let skips = SkipReason::ALL.map(Outcome::Skipped);
        for outcome in [Outcome::Injected, Outcome::Completed].into_iter().chain(skips) {
            counters.count(outcome, Some(1));
        }
        counters.count(Outcome::Skipped(SkipReason::NoMatch), None);
        let text = metrics.text();
        let series: Vec<_> =
            text.lines().filter(|line| line.starts_with("datadog_sidecar_injector_reviews_total{")).collect();
        assert_eq!(series.len(), OUTCOMES + 1, "{text}");
        assert!(series.iter().all(|line| line.ends_with(" 1")), "{series:?}");
        assert!(series.contains(
            &r#"datadog_sidecar_injector_reviews_total{outcome="injected",reason="",profile="team-a"} 1"#
        ));
        assert!(series.contains(
            &r#"datadog_sidecar_injector_reviews_total{outcome="skipped",reason="no_match",profile=""} 1"#
        ));
    }

    #[test]
    fn a_profile_that_is_not_there_counts_as_none() {
        let metrics = Metrics::new();
        metrics.review_counters(["default"]).count(Outcome::Injected, Some(7));
        assert!(metrics.text().contains(r#"{outcome="injected",reason="",profile=""} 1"#));
    }
}
