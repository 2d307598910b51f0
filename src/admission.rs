//! The AdmissionReview envelope: bytes in, bytes out.

use crate::{
    rules::{Namespaces, Rules},
    select::Decision,
};

/// The answer to a review, and what to tell of it.
#[derive(Debug)]
pub struct Answer {
    /// The AdmissionReview to send back, as JSON.
    pub body: Vec<u8>,
    /// What was decided.
    pub decision: Decision,
    /// Whom it was decided of, for the log.
    pub about: About,
}

/// Whom a review was about.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct About {
    /// The review's uid.
    pub uid: String,
    /// The namespace.
    pub namespace: String,
    /// The pod's name, or its generateName.
    pub name: String,
    /// Whether nothing will be stored.
    pub dry_run: bool,
}

/// Why a body cannot be answered as a review: the caller answers HTTP 400.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// Not JSON, or not the shape of a review.
    #[error("the body is not an AdmissionReview: {0}")]
    Unreadable(String),
    /// Neither v1 nor v1beta1.
    #[error("apiVersion {0:?} is not supported: send admission.k8s.io/v1 or v1beta1")]
    UnknownVersion(String),
    /// Nothing to echo.
    #[error("the review has no request.uid")]
    NoUid,
}

/// Answers a review. A fault of ours is `allowed: true` without a patch, never an error.
pub fn review(_body: &[u8], _rules: &Rules, _namespaces: &Namespaces) -> Result<Answer, Refusal> {
    Err(Refusal::NoUid)
}

/// The answer where deciding failed (a panic, a deadline): `allowed: true`, no patch, a warning that says `why`.
pub fn allow_unchanged(_body: &[u8], _why: &str) -> Result<Answer, Refusal> {
    Err(Refusal::NoUid)
}
