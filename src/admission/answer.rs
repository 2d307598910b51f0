//! The answer as JSON text.

use crate::{
    patch::{push_string, string},
    select::{Decision, Outcome, SkipReason},
    sidecar::shorten,
};
use base64::{Engine, engine::general_purpose::STANDARD};

/// What of a review comes back in its answer.
pub(super) struct Envelope {
    pub(super) api_version: &'static str,
    pub(super) uid: String,
}

impl Envelope {
    /// The answer: always `allowed`, with `patch` and `patchType` or neither.
    pub(super) fn answer(&self, decision: &Decision, profile: Option<&str>) -> Vec<u8> {
        let mut text = String::with_capacity(512 + decision.patch.len() * 3 / 2);
        text.push_str(r#"{"kind":"AdmissionReview","apiVersion":""#);
        text.push_str(self.api_version);
        text.push_str(r#"","response":{"uid":"#);
        push_string(&mut text, &self.uid);
        text.push_str(r#","allowed":true"#);
        if !decision.patch.is_empty() {
            text.push_str(r#","patchType":"JSONPatch","patch":""#);
            STANDARD.encode_string(&decision.patch, &mut text);
            text.push('"');
        }
        let warnings = warnings(decision);
        if !warnings.is_empty() {
            let warnings: Vec<_> = warnings.iter().map(|w| string(w)).collect();
            text.push_str(r#","warnings":["#);
            text.push_str(&warnings.join(","));
            text.push(']');
        }
        let annotations = annotations(decision, profile);
        if !annotations.is_empty() {
            let pairs: Vec<_> =
                annotations.iter().map(|(key, value)| format!("{}:{}", string(key), string(value))).collect();
            text.push_str(r#","auditAnnotations":{"#);
            text.push_str(&pairs.join(","));
            text.push('}');
        }
        text.push_str("}}");
        text.into_bytes()
    }
}

/// What the creator of the pod sees.
fn warnings(decision: &Decision) -> Vec<String> {
    let skipped = decision.reason().filter(|&reason| is_told(decision, reason));
    let skipped = skipped.map(|reason| format!("not injected, {}: {}", reason.label(), decision.detail));
    skipped
        .iter()
        .chain(&decision.warnings)
        .map(|warning| shorten(&format!("datadog sidecar: {warning}")))
        .collect()
}

/// What the audit log keeps; nothing of pods that nobody wanted a sidecar for.
fn annotations<'a>(decision: &'a Decision, profile: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let mut annotations = Vec::new();
    match decision.outcome {
        Outcome::Injected | Outcome::Completed => annotations.push(("outcome", decision.outcome.label())),
        Outcome::Skipped(reason) if is_told(decision, reason) => {
            annotations.extend([("outcome", decision.outcome.label()), ("reason", reason.label())]);
        }
        Outcome::Skipped(_) => return annotations,
    }
    annotations.extend(profile.map(|profile| ("profile", profile)));
    if !decision.size.is_empty() {
        annotations.push(("fargate-size", &decision.size));
    }
    annotations
}

/// Whether a person would want to know of a skip: of one they did not ask for, on a pod that should have the sidecar.
fn is_told(decision: &Decision, reason: SkipReason) -> bool {
    match reason {
        SkipReason::NotApplicable | SkipReason::OptedOut | SkipReason::NoMatch => false,
        SkipReason::InternalError => true,
        SkipReason::NamespaceExcluded
        | SkipReason::UnsupportedPod
        | SkipReason::AgentPresent
        | SkipReason::Conflict
        | SkipReason::TooLarge => decision.expected,
    }
}
