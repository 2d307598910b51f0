//! The last decisions, for a person who looks.

use crate::{
    admission::About,
    metrics,
    select::{Decision, Outcome},
};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// How many are kept.
pub const KEPT: usize = 256;

/// The last [`KEPT`] decisions.
#[derive(Debug, Default)]
pub struct Decisions {
    ring: Mutex<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    time: SystemTime,
    about: About,
    outcome: Outcome,
    profile: Arc<str>,
    warnings: Vec<String>,
    detail: String,
}

impl Decisions {
    /// Keeps a decision, and forgets the oldest where there is no room.
    pub fn push(&self, time: SystemTime, about: About, decision: Decision, profile: Arc<str>) {
        let Decision { outcome, profile: _, warnings, detail, patch: _, expected: _, size: _ } = decision;
        let entry = Entry { time, about, outcome, profile, warnings, detail };
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = if ring.len() < KEPT { None } else { ring.pop_front() };
        ring.push_back(entry);
        drop(ring);
        // Freed where nobody waits for the lock.
        drop(oldest);
    }

    /// The newest first.
    pub fn to_json(&self) -> Value {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.iter().rev().map(Entry::to_json).collect()
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        json!({
            "time": timestamp(self.time),
            "uid": self.about.uid,
            "namespace": self.about.namespace,
            "name": self.about.name,
            "dryRun": self.about.dry_run,
            "outcome": self.outcome.label(),
            "reason": metrics::reason(self.outcome),
            "profile": &*self.profile,
            "detail": self.detail,
            "warnings": self.warnings,
        })
    }
}

/// `2026-01-31T12:34:56Z`.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let t = time::OffsetDateTime::from(time);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::SkipReason;

    fn push(decisions: &Decisions, name: &str) {
        let about = About { name: name.into(), ..About::default() };
        let mut decision = Decision::skip(SkipReason::Conflict, "why");
        decision.patch = b"never shown".to_vec();
        decision.warnings = vec!["a warning".into()];
        decisions.push(SystemTime::UNIX_EPOCH, about, decision, "default".into());
    }

    #[test]
    fn keeps_the_last_ones_newest_first() {
        let decisions = Decisions::default();
        for i in 0..KEPT + 3 {
            push(&decisions, &i.to_string());
        }
        let json = decisions.to_json();
        let all = json.as_array().unwrap();
        assert_eq!(all.len(), KEPT);
        assert_eq!(all[0]["name"], (KEPT + 2).to_string());
        assert_eq!(all[KEPT - 1]["name"], "3");
        assert_eq!(all[0]["reason"], "conflict");
        assert_eq!(all[0]["profile"], "default");
        assert!(!json.to_string().contains("never shown"));
    }

    #[test]
    fn writes_times_as_kubernetes_does() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        assert_eq!(timestamp(time), "2023-11-14T22:13:20Z");
    }
}
