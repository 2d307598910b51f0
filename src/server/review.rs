//! `POST /inject`: from a request to the answer of a review. Whatever fails on the way, a pod is never refused.

use super::{
    body,
    connection::{Handler, Reply},
    holdings::{Holding, Holdings},
    limits::{Budget, Limits, Timeouts},
    news::{News, PATIENCE},
    pace::Answering,
    refuse::{Refused, closing, typed},
    skips::Skips,
};
use crate::{
    admission::{self, Answer, Refusal},
    decisions::Decisions,
    in_force::{InForce, Store},
    metrics::{self, Metrics},
    rules::Rules,
    seen::Seen,
    select::SkipReason,
    view::View,
};
use bytes::Bytes;
use futures::FutureExt;
use hyper::{
    Method, Request, StatusCode,
    body::{Body, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, USER_AGENT},
};
use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

/// Where reviews are taken.
pub const PATH: &str = "/inject";

/// What the API server calls itself when it calls webhooks.
const API_SERVER: &str = "kube-apiserver-admission";

/// The unread rest of a refused body up to which the connection stays open for the next request, in bytes.
const SMALL: u64 = 64 << 10;

/// Decides reviews.
pub trait Reviewer: Send + Sync + 'static {
    /// Answers the review in `body`. A future that is not ready at once is given up at the review's deadline.
    fn review(
        &self,
        body: &[u8],
        rules: &Rules,
        seen: &Seen,
    ) -> impl Future<Output = Result<Answer, Refusal>> + Send;
}

/// Decides with [`admission::review`], at once and on the spot: handing over to another thread costs as much as deciding.
#[derive(Clone, Copy, Debug)]
pub struct Admission;

impl Reviewer for Admission {
    async fn review(&self, body: &[u8], rules: &Rules, seen: &Seen) -> Result<Answer, Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        admission::review(body, rules, seen, now.as_secs())
    }
}

/// Answers the requests of the API server.
#[derive(Debug)]
pub(crate) struct Reviews<R> {
    pub(crate) reviewer: R,
    pub(crate) rules: Arc<Store>,
    pub(crate) seen: Arc<View>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) decisions: Arc<Decisions>,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) in_flight: Budget,
    pub(crate) bytes: Holdings,
    pub(crate) tasks: TaskTracker,
    pub(super) skips: Skips,
    pub(super) news: News,
}

impl<R: Reviewer> Handler for Reviews<R> {
    async fn handle(&self, request: Request<Incoming>, answering: Answering) -> Reply {
        let start = Instant::now();
        let deadline = start + time_for(request.uri().query(), &self.timeouts);
        // The sender decides how long it waits for the answer, and not how long we wait for the question.
        let arrived = deadline.min(start + self.timeouts.head);
        let accepted = self.check(&request);
        let asked_by_api_server = comes_from_the_api_server(&request);
        let mut body = request.into_body();
        let refused = match accepted {
            Err(refused) => refused,
            Ok(()) => match self.answer(&mut body, start, arrived, deadline, answering).await {
                Ok(answer) => {
                    if asked_by_api_server {
                        self.metrics.last_review.set(metrics::seconds(SystemTime::now()));
                    }
                    return typed(StatusCode::OK, "application/json", answer);
                }
                Err(refused) => refused,
            },
        };
        self.metrics.count_refused(refused.status());
        tracing::debug!(status = refused.status().as_u16(), reason = %refused, "Refused a request");
        self.refuse(&refused, body, arrived).await
    }
}

impl<R: Reviewer> Reviews<R> {
    /// What the head alone tells.
    fn check(&self, request: &Request<Incoming>) -> Result<(), Refused> {
        if request.uri().path() != PATH {
            return Err(Refused::NotFound("reviews are sent to /inject"));
        }
        if request.method() != Method::POST {
            return Err(Refused::Method(Method::POST));
        }
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media_type.is_some_and(is_json) {
            return Err(Refused::MediaType);
        }
        let length =
            request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > self.limits.body) {
            return Err(Refused::TooLarge(self.limits.body));
        }
        Ok(())
    }

    async fn answer(
        &self,
        body: &mut Incoming,
        start: Instant,
        arrived: Instant,
        deadline: Instant,
        mut answering: Answering,
    ) -> Result<Bytes, Refused> {
        let holding = self.bytes.hold(answering.pace());
        let read = body::read(body, self.limits.body, &holding);
        let whole = timeout_at(arrived, read).await.map_err(|_| Refused::TooSlow)??;
        let mut answer = self.take_turn(&whole, &answering, deadline).await?;
        if answer.1.decision.reason() == Some(SkipReason::NamespaceUnknown) {
            let namespace = &answer.1.about.namespace;
            self.news.wait(&self.seen, namespace, deadline.min(start + PATIENCE)).await;
            match self.take_turn(&whole, &answering, deadline).await {
                // What was decided before is an answer too.
                Err(Refused::Overloaded) => {}
                other => answer = other?,
            }
        }
        let (in_force, answer) = answer;
        let answer = self.record(answer, &in_force, whole.len(), start);
        drop(whole);
        if !holding.resize(answer.len()) {
            return Err(Refused::Overloaded);
        }
        answering.made();
        Ok(Bytes::from_owner(Unread { answer, _holding: holding, _answering: answering }))
    }

    /// Decides when it is this review's turn, by what is in force and known then.
    async fn take_turn(
        &self,
        body: &[u8],
        answering: &Answering,
        deadline: Instant,
    ) -> Result<(Arc<InForce>, Answer), Refused> {
        let _slot = self.in_flight.claim().ok_or(Refused::Overloaded)?;
        let _deciding = answering.decide();
        let in_force = self.rules.load();
        let answer = self.decide(body, &in_force.rules, deadline).await?;
        Ok((in_force, answer))
    }

    /// The decision, or "as it is" where deciding fails.
    async fn decide(&self, body: &[u8], rules: &Rules, deadline: Instant) -> Result<Answer, Refused> {
        let seen = self.seen.load();
        let review = async { self.reviewer.review(body, rules, &seen).await };
        // What a panic leaves half done is only what belonged to this review.
        let review = AssertUnwindSafe(review).catch_unwind();
        let why = match timeout_at(deadline, review).await {
            Ok(Ok(answered)) => return answered.map_err(Refused::from),
            Ok(Err(_panic)) => {
                self.metrics.panics.inc();
                "the decision failed with an internal error"
            }
            Err(_) => "the decision took too long",
        };
        tracing::error!(why, "Left a pod as it is");
        let unchanged = || admission::allow_unchanged(body, why);
        match std::panic::catch_unwind(AssertUnwindSafe(unchanged)) {
            Ok(answered) => answered.map_err(Refused::from),
            Err(_panic) => {
                self.metrics.panics.inc();
                Err(Refused::Internal)
            }
        }
    }

    fn record(&self, answer: Answer, in_force: &InForce, bytes: usize, start: Instant) -> Vec<u8> {
        let Answer { body, decision, about } = answer;
        let took = start.elapsed();
        in_force.counters.count(decision.outcome, decision.profile);
        self.metrics.body_size.observe(bytes as f64);
        self.metrics.review_duration.observe(took.as_secs_f64());
        let now = SystemTime::now();
        let profile = in_force.counters.profile(decision.profile);
        tracing::debug!(
            uid = about.uid,
            namespace = about.namespace,
            name = about.name,
            dry_run = about.dry_run,
            outcome = decision.outcome.label(),
            reason = metrics::reason(decision.outcome),
            profile = &*profile,
            bytes,
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            "Answered a review"
        );
        self.skips.tell(&about, &decision);
        self.decisions.push(now, about, decision, profile);
        body
    }

    /// Answers with an error. What remains of the body is read, since closing on unread bytes would reset the connection
    /// and with it the answer.
    async fn refuse(&self, refused: &Refused, mut body: Incoming, arrived: Instant) -> Reply {
        let reply = refused.reply();
        if body.is_end_stream() {
            return reply;
        }
        if body.size_hint().upper().is_some_and(|rest| rest <= SMALL)
            && let Ok(true) = timeout_at(arrived, body::discard(&mut body, SMALL as usize)).await
        {
            return reply;
        }
        let (limit, patience) = (2 * self.limits.body, self.timeouts.head);
        self.tasks.spawn(async move {
            let _ = tokio::time::timeout(patience, body::discard(&mut body, limit)).await;
        });
        closing(reply)
    }
}

/// An answer that is not yet written: its bytes count, and its connection is not idle.
struct Unread {
    answer: Vec<u8>,
    _holding: Holding,
    _answering: Answering,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.answer
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::BadRequest(refusal.to_string())
    }
}

/// Whether the head is one of the API server's. Whoever wants to can write the same: this tells it from scanners and people who try.
fn comes_from_the_api_server(request: &Request<Incoming>) -> bool {
    request.headers().get(USER_AGENT).is_some_and(|agent| agent == API_SERVER)
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// The time there is for a review: a tenth less than the caller waits, so that the answer still reaches it.
fn time_for(query: Option<&str>, timeouts: &Timeouts) -> Duration {
    let asked = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("timeout="))
        .and_then(duration)
        .unwrap_or(timeouts.review);
    asked.min(timeouts.longest_review) * 9 / 10
}

/// A positive duration as the API server writes it (`3s`), or in milliseconds (`500ms`).
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    match unit {
        "s" => Some(Duration::from_secs(number.into())),
        "ms" => Some(Duration::from_millis(number.into())),
        "m" => Some(Duration::from_secs(u64::from(number) * 60)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_honoured_with_a_margin_and_a_cap() {
        let of = |query| time_for(query, &Timeouts::default()).as_millis();
        assert_eq!(of(Some("timeout=3s")), 2_700);
        assert_eq!(of(Some("a=b&timeout=500ms")), 450);
        assert_eq!(of(Some("timeout=5m")), 27_000);
        for nonsense in
            [None, Some(""), Some("timeout=0s"), Some("timeout=-1s"), Some("timeout=99999999999s")]
        {
            assert_eq!(of(nonsense), 9_000, "{nonsense:?}");
        }
    }

    #[test]
    fn parameters_of_the_media_type_do_not_matter() {
        for yes in ["application/json", "Application/JSON; charset=utf-8", "application/json ;a=b"] {
            assert!(is_json(yes), "{yes}");
        }
        for no in ["", "text/json", "application/json-patch+json", "application/jsonx"] {
            assert!(!is_json(no), "{no}");
        }
    }
}
