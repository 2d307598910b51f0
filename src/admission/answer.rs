//! The answer as JSON text.

use crate::{
    patch::{push_joined, push_string},
    pod::Text,
    select::{Decision, SkipReason},
    sidecar::shorten,
};
use base64_simd::STANDARD;

/// What of a review comes back in its answer.
pub(super) struct Envelope<'a> {
    pub(super) api_version: &'static str,
    pub(super) uid: Text<'a>,
}

impl Envelope<'_> {
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
            STANDARD.encode_append(&decision.patch, &mut text);
            text.push('"');
        }
        let warnings = warnings(decision);
        if !warnings.is_empty() {
            text.push_str(r#","warnings":["#);
            push_joined(&mut text, warnings, |text, warning| push_string(text, &warning));
            text.push(']');
        }
        let mut annotations = annotations(decision, profile).peekable();
        if annotations.peek().is_some() {
            text.push_str(r#","auditAnnotations":{"#);
            push_joined(&mut text, annotations, |text, (key, value)| {
                push_string(text, key);
                text.push(':');
                push_string(text, value);
            });
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
fn annotations<'a>(
    decision: &'a Decision,
    profile: Option<&'a str>,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let reason = decision.reason();
    let told = reason.is_none_or(|reason| is_told(decision, reason));
    let outcome = ("outcome", Some(decision.outcome.label()));
    let size = ("fargate-size", Some(decision.size.as_str()).filter(|size| !size.is_empty()));
    let all = [outcome, ("reason", reason.map(SkipReason::label)), ("profile", profile), size];
    all.into_iter().filter(move |_| told).filter_map(|(key, value)| Some((key, value?)))
}

/// Whether a person would want to know of a skip: of one they did not ask for, on a pod that should have the sidecar.
fn is_told(decision: &Decision, reason: SkipReason) -> bool {
    match reason {
        SkipReason::NotApplicable | SkipReason::OptedOut | SkipReason::NoMatch => false,
        SkipReason::InternalError => true,
        SkipReason::NamespaceExcluded
        | SkipReason::UnsupportedPod
        | SkipReason::AgentPresent
        | SkipReason::NamespaceUnknown
        | SkipReason::SecretMissing
        | SkipReason::Conflict
        | SkipReason::TooLarge
        | SkipReason::TooComplex => decision.expected,
    }
}
