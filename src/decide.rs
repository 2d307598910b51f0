//! The decision of one pod: the door that the webhook and the offline commands share.

use crate::{
    rules::Rules,
    select::{Decision, Subject},
};

/// Why a pod cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the pod cannot be read: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

/// Decides one pod (or pod template: an object with `metadata` and `spec`) given as JSON.
pub fn decide(pod: &[u8], _subject: Subject<'_>, _rules: &Rules) -> Result<Decision, Unreadable> {
    let _: serde::de::IgnoredAny = serde_json::from_slice(pod)?;
    Ok(Decision {
        outcome: crate::select::Outcome::Skipped(crate::select::SkipReason::NoMatch),
        profile: None,
        warnings: Vec::new(),
        detail: String::new(),
        patch: Vec::new(),
    })
}
