//! How much, and how long: every bound of the servers in one place.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections whose requests are answered. Those beyond are told 503.
    pub connections: usize,
    /// Connections beyond the limit that are told so at once; those beyond these are closed.
    pub overflow: usize,
    /// TLS handshakes at once. While there are that many, nobody else is accepted.
    pub handshakes: usize,
    /// Reviews at once, from head to answer.
    pub reviews: usize,
    /// The largest review, in bytes. The API server's own objects end at 3 MiB, but JSON is longer than what it stores.
    pub body: usize,
    /// Bytes of reviews at once, counted as they arrive.
    pub bodies: usize,
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A TLS handshake.
    pub handshake: Duration,
    /// The head of a request, from its first byte.
    pub head: Duration,
    /// A connection without a request. The API server keeps idle ones for 90 s: closing earlier than it does would lose
    /// reviews, since it sends none twice.
    pub idle: Duration,
    /// A review whose `?timeout=` says nothing.
    pub review: Duration,
    /// The longest that `?timeout=` may ask for.
    pub longest_review: Duration,
    /// Between "not ready" and the end of accepting connections: the time that endpoints need to know.
    pub drain_delay: Duration,
    /// How long a connection without a request is left open thereafter, for a request that is on its way.
    pub linger: Duration,
    /// How long requests in flight are waited for thereafter.
    pub finish: Duration,
    /// How long the last bytes of a connection may take.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            overflow: 256,
            handshakes: 2048,
            reviews: 512,
            body: 7 << 20,
            bodies: 64 << 20,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(5),
            idle: Duration::from_secs(150),
            review: Duration::from_secs(10),
            longest_review: Duration::from_secs(30),
            drain_delay: Duration::from_secs(10),
            linger: Duration::from_millis(500),
            finish: Duration::from_secs(25),
            farewell: Duration::from_secs(1),
        }
    }
}

/// Something of which there is only so much.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    taken: AtomicUsize,
}

/// A part of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Claim {
    budget: Budget,
    amount: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, taken: AtomicUsize::new(0) }))
    }

    /// A part of it; `None` where there is not that much left.
    pub(crate) fn claim(&self, amount: usize) -> Option<Claim> {
        let mut claim = Claim { budget: self.clone(), amount: 0 };
        claim.grow(amount).then_some(claim)
    }
}

impl Claim {
    /// Takes more; `false`, and nothing taken, where there is not that much left.
    pub(crate) fn grow(&mut self, amount: usize) -> bool {
        let Inner { limit, taken } = &*self.budget.0;
        let fits = |taken: usize| taken.checked_add(amount).filter(|sum| sum <= limit);
        let grown = taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok();
        if grown {
            self.amount += amount;
        }
        grown
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.budget.0.taken.fetch_sub(self.amount, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_more_than_there_is_and_takes_back() {
        let budget = Budget::new(10);
        let mut first = budget.claim(4).unwrap();
        assert!(budget.claim(7).is_none());
        assert!(first.grow(6));
        assert!(!first.grow(1));
        assert!(!first.grow(usize::MAX));
        assert!(budget.claim(1).is_none());
        drop(first);
        assert!(budget.claim(10).is_some());
    }
}
