//! The AdmissionReview envelope: bytes in, bytes out.
//!
//! `admission.k8s.io/v1` and `v1beta1` are read through a borrowed view and answered in kind. kube's own types write the patch as a
//! list of numbers and read the pod into a tree, so the few fields of the envelope are ours.

mod answer;
mod envelope;
mod object;

use crate::{
    decide::{Selection, decide_pod, too_many, wrong},
    pod::{Mapping, NAME, budget, cut},
    rules::Rules,
    seen::{Moment, Seen},
    select::{Decision, SkipReason, Subject},
};
use answer::Envelope;
use envelope::{ReadObject, ReadReview, Request, Review};
use object::{AsPod, AsUnread, Name};
use serde::de::DeserializeSeed;

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

/// The longest uid, in bytes.
const LONGEST_UID: usize = 256;

/// Whom a review was about. Names are cut to what Kubernetes takes.
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
    /// Not JSON, or not the shape of a review; the text names the place, never a value.
    #[error("the body is not an AdmissionReview: {0}")]
    Unreadable(String),
    /// Neither v1 nor v1beta1.
    #[error("apiVersion {0:?} is not supported: send admission.k8s.io/v1 or admission.k8s.io/v1beta1")]
    UnknownVersion(String),
    /// Nothing to echo.
    #[error("the review has no request.uid")]
    NoUid,
    /// Too much to echo: the API server's are UUIDs.
    #[error("request.uid has more than {LONGEST_UID} bytes")]
    LongUid,
}

/// Answers a review by what is known of the cluster `now`, in seconds since 1970. A fault of ours is `allowed: true` without a
/// patch, never an error.
///
/// # Errors
///
/// There is no review to answer.
pub fn review(body: &[u8], rules: &Rules, seen: &Seen, now: u64) -> Result<Answer, Refusal> {
    let text = utf8(body)?;
    let (moment, mut selection) = (Moment { seen, now }, None);
    let review = match read(text, AsPod { rules, moment, selection: &mut selection }) {
        Ok(review) => review,
        Err(_) if budget::is_spent() => {
            return unread(body, || too_many(selection));
        }
        Err(error) => return unreadable_pod(body, &error),
    };
    let (envelope, request) = opened(review)?;
    let decision = match &request.object {
        Some(pod) if request.creates_a_pod() => {
            let subject = Subject::seen(&request.namespace, moment);
            let selection = selection.unwrap_or_else(|| Selection::of(pod.metadata(), subject, rules));
            decide_pod(pod, selection, subject, rules)
        }
        _ => not_applicable(),
    };
    let profile = decision.profile.and_then(|p| rules.config.profiles.get(p)).map(|p| p.name.as_str());
    Ok(Answer { body: envelope.answer(&decision, profile), about: request.about(), decision })
}

/// The answer where deciding failed (a panic, a deadline): `allowed: true`, no patch, a warning that says `why`.
///
/// # Errors
///
/// There is no review to answer.
pub fn allow_unchanged(body: &[u8], why: &str) -> Result<Answer, Refusal> {
    unread(body, || Decision::skip(SkipReason::InternalError, why))
}

fn not_applicable() -> Decision {
    Decision::skip(SkipReason::NotApplicable, "")
}

/// The answer whose object is not read: what `decide` says where the review is of the creation of a pod.
fn unread(body: &[u8], decide: impl FnOnce() -> Decision) -> Result<Answer, Refusal> {
    let text = utf8(body)?;
    let review = read(text, AsUnread).map_err(|e| Refusal::Unreadable(wrong(&e)))?;
    let (envelope, request) = opened(review)?;
    let decision = if request.creates_a_pod() { decide() } else { not_applicable() };
    Ok(Answer { body: envelope.answer(&decision, None), about: request.about(), decision })
}

/// A body that is no review of a pod as we read pods: perhaps of something else, perhaps no review at all.
fn unreadable_pod(body: &[u8], error: &serde_json::Error) -> Result<Answer, Refusal> {
    allow_unchanged(body, &format!("the pod cannot be read: {}", wrong(error)))
}

/// Checked once, not string by string: JSON is UTF-8.
fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    str::from_utf8(body).map_err(|_| Refusal::Unreadable("it is not UTF-8".into()))
}

fn read<'de, R: ReadObject<'de>>(text: &'de str, object: R) -> serde_json::Result<Review<'de, R::Object>> {
    let mut json = serde_json::Deserializer::from_str(text);
    let review = Mapping(ReadReview(object)).deserialize(&mut json)?;
    json.end()?;
    Ok(review)
}

fn opened<O>(review: Review<'_, O>) -> Result<(Envelope<'_>, Request<'_, O>), Refusal> {
    let request = review.request.ok_or(Refusal::NoUid)?;
    let api_version = match &*review.api_version {
        "admission.k8s.io/v1" => "admission.k8s.io/v1",
        "admission.k8s.io/v1beta1" => "admission.k8s.io/v1beta1",
        other => return Err(Refusal::UnknownVersion(other.chars().take(100).collect())),
    };
    if request.uid.is_empty() {
        return Err(Refusal::NoUid);
    }
    if request.uid.len() > LONGEST_UID {
        return Err(Refusal::LongUid);
    }
    Ok((Envelope { api_version, uid: request.uid.clone() }, request))
}

impl<O: Name> Request<'_, O> {
    fn about(&self) -> About {
        let name = || self.object.as_ref().map(Name::name).unwrap_or_default();
        About {
            uid: self.uid.to_string(),
            namespace: cut(&self.namespace, NAME).to_owned(),
            name: if self.name.is_empty() { name() } else { cut(&self.name, NAME).to_owned() },
            dry_run: self.dry_run,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, pod::Pod, rules::Setting, select::Outcome};
    use serde_json::{Value, json};

    fn answered(review: &Value) -> Result<(Answer, Value), Refusal> {
        let setting = Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
        let rules = Rules::compile(Config::default(), setting);
        let answer = super::review(review.to_string().as_bytes(), &rules, &Seen::default(), 0)?;
        let body = serde_json::from_slice(&answer.body).unwrap();
        Ok((answer, body))
    }

    fn creation(object: &Value) -> Value {
        json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u\"1", "operation": "CREATE", "namespace": "shop", "dryRun": true,
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "object": object,
        }})
    }

    fn labelled() -> Value {
        json!({"metadata": {"generateName": "a-", "labels": {"agent.datadoghq.com/sidecar": "fargate"}},
               "spec": {"containers": [{"name": "a"}]}})
    }

    #[test]
    fn both_versions_are_answered_in_kind() {
        for version in ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] {
            let mut review = creation(&labelled());
            review["apiVersion"] = json!(version);
            let (answer, body) = answered(&review).unwrap();
            assert_eq!(answer.decision.outcome, Outcome::Injected);
            assert_eq!(body["apiVersion"], version);
            assert_eq!(body["response"]["uid"], "u\"1");
            assert_eq!(body["response"]["patchType"], "JSONPatch");
            assert_eq!(answer.about.name, "a-");
            assert!(answer.about.dry_run);
        }
    }

    #[test]
    fn without_a_change_there_is_neither_patch_nor_patch_type() {
        let (_, body) = answered(&creation(&json!({"spec": {"containers": [{}]}}))).unwrap();
        assert_eq!(body["response"], json!({"uid": "u\"1", "allowed": true}));
    }

    #[test]
    fn only_the_creation_of_a_pod_is_decided() {
        for (pointer, value) in [
            ("/request/operation", json!("UPDATE")),
            ("/request/kind/kind", json!("ConfigMap")),
            ("/request/kind/group", json!("apps")),
            ("/request/kind", Value::Null),
            ("/request/object", Value::Null),
        ] {
            let mut review = creation(&labelled());
            *review.pointer_mut(pointer).unwrap() = value;
            let (answer, _) = answered(&review).unwrap();
            assert_eq!(answer.decision.outcome, Outcome::Skipped(SkipReason::NotApplicable), "{pointer}");
        }
        let mut review = creation(&labelled());
        review["request"]["subResource"] = json!("ephemeralcontainers");
        assert_eq!(
            answered(&review).unwrap().0.decision.outcome,
            Outcome::Skipped(SkipReason::NotApplicable)
        );
    }

    #[test]
    fn a_pod_that_cannot_be_read_is_allowed_and_its_values_are_not_quoted() {
        let (answer, body) = answered(&creation(&json!({"spec": {"hostNetwork": "s3cret"}}))).unwrap();
        assert_eq!(answer.decision.outcome, Outcome::Skipped(SkipReason::InternalError));
        assert_eq!(body["response"]["allowed"], true);
        assert!(!body.to_string().contains("s3cret"));
    }

    #[test]
    fn of_a_pod_that_no_selector_matches_only_what_is_asked_for_is_read() {
        let spec = json!({"containers": [{"name": "a", "env": "s3cret"}]});
        let (answer, body) =
            answered(&creation(&json!({"metadata": {"name": "a"}, "spec": spec.clone()}))).unwrap();
        assert_eq!(answer.decision.outcome, Outcome::Skipped(SkipReason::NoMatch));
        assert_eq!(body["response"], json!({"uid": "u\"1", "allowed": true}));
        let mut selected = labelled();
        selected["spec"] = spec;
        let (answer, _) = answered(&creation(&selected)).unwrap();
        assert_eq!(answer.decision.outcome, Outcome::Skipped(SkipReason::InternalError));
    }

    #[test]
    fn a_part_that_comes_twice_is_refused() {
        for twice in ["metadata", "spec"] {
            let object = format!(r#"{{"{twice}":{{}},"{twice}":{{}}}}"#);
            assert!(serde_json::from_str::<Pod<'_>>(&object).is_err());
        }
        for twice in [r#""uid":"1""#, r#""namespace":"a""#, r#""operation":"CREATE""#, r#""object":null"#] {
            let request = format!(r#"{{{twice},"kind":null,{twice}}}"#);
            let review = format!(r#"{{"apiVersion":"admission.k8s.io/v1","request":{request}}}"#);
            assert!(matches!(allow_unchanged(review.as_bytes(), ""), Err(Refusal::Unreadable(_))), "{twice}");
        }
        let request = r#""request":{"uid":"1"}"#;
        let review = format!(r#"{{"apiVersion":"admission.k8s.io/v1",{request},{request}}}"#);
        assert!(matches!(allow_unchanged(review.as_bytes(), ""), Err(Refusal::Unreadable(_))));
    }

    #[test]
    fn an_unreadable_pod_still_has_its_name() {
        let object = json!({"metadata": {"generateName": "shop-"}, "spec": {"hostNetwork": "yes"}});
        assert_eq!(answered(&creation(&object)).unwrap().0.about.name, "shop-");
    }

    #[test]
    fn an_object_of_another_shape_and_kind_is_not_applicable() {
        let mut review = creation(&json!({"spec": {"containers": "none"}}));
        review["request"]["kind"]["kind"] = json!("Widget");
        assert_eq!(
            answered(&review).unwrap().0.decision.outcome,
            Outcome::Skipped(SkipReason::NotApplicable)
        );
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let setting = Setting { own_namespace: "datadog".into(), kubernetes_minor: 35, offline: false };
        let rules = Rules::compile(Config::default(), setting);
        let body = creation(&labelled()).to_string().into_bytes();
        let broken: Vec<_> = body.into_iter().map(|b| if b == b'-' { 0xff } else { b }).collect();
        let refusal = super::review(&broken, &rules, &Seen::default(), 0).unwrap_err();
        assert_eq!(refusal, Refusal::Unreadable("it is not UTF-8".into()));
    }

    #[test]
    fn what_is_no_review_is_refused() {
        assert_eq!(answered(&json!({})).unwrap_err(), Refusal::NoUid);
        assert_eq!(
            answered(&json!({"apiVersion": "admission.k8s.io/v1", "request": {}})).unwrap_err(),
            Refusal::NoUid
        );
        let version = json!({"apiVersion": "v2", "request": {"uid": "1"}});
        assert_eq!(answered(&version).unwrap_err(), Refusal::UnknownVersion("v2".into()));
        assert!(matches!(answered(&json!([])).unwrap_err(), Refusal::Unreadable(_)));
    }
}
