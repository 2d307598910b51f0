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
    /// Connections, from their handshake on. Where there are more, those that wait longest give way.
    pub connections: usize,
    /// Connections that find none to give way, since all are being answered, and are told 503; those beyond are closed.
    pub overflow: usize,
    /// Connections of the admin pages, likewise.
    pub admin_connections: usize,
    /// Reviews at once, from the end of the body to the answer.
    pub reviews: usize,
    /// The largest review, in bytes. The API server's own objects end at 3 MiB, but JSON is longer than what it stores.
    pub body: usize,
    /// Bytes of reviews at once, counted as they arrive, and of answers until they are written.
    pub bodies: usize,
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A TLS handshake.
    pub handshake: Duration,
    /// The head of a request, from its first byte; its body; and the reading of its answer.
    pub head: Duration,
    /// A connection without a request. The API server keeps idle ones for 90 s: closing earlier than it does would lose
    /// reviews, since it sends none twice.
    pub idle: Duration,
    /// A connection of the admin pages without a request.
    pub admin_idle: Duration,
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
            admin_connections: 64,
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
            admin_idle: Duration::from_secs(10),
            review: Duration::from_secs(10),
            longest_review: Duration::from_secs(30),
            drain_delay: Duration::from_secs(10),
            linger: Duration::from_millis(500),
            finish: Duration::from_secs(25),
            farewell: Duration::from_secs(1),
        }
    }
}

/// Open files that are kept for everything but connections of reviews: the admin pages' and the API server's, files, and sockets
/// that are on their way out.
const OTHER_FILES: usize = 256;

impl Limits {
    /// With as many connections as a process with so many open files can have.
    #[must_use]
    pub fn within_open_files(self, files: u64) -> Self {
        let files = usize::try_from(files).unwrap_or(usize::MAX);
        let most = files.saturating_sub(OTHER_FILES).max(files / 4).max(1);
        Self { connections: self.connections.min(most), ..self }
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

/// One of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub(crate) struct Claim(Budget);

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Inner { limit, taken: AtomicUsize::new(0) }))
    }

    /// One of it; `None` where none is left.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let Inner { limit, taken } = &*self.0;
        let fits = |taken: usize| (taken < *limit).then_some(taken + 1);
        taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Claim(self.clone()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.0.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_more_than_there_is_and_takes_back() {
        let budget = Budget::new(2);
        let (first, second) = (budget.claim().unwrap(), budget.claim().unwrap());
        assert!(budget.claim().is_none());
        drop(first);
        assert!(budget.claim().is_some());
        drop(second);
    }

    #[test]
    fn there_are_no_more_connections_than_open_files() {
        let connections = |files| Limits::default().within_open_files(files).connections;
        assert_eq!(connections(1_048_576), 1024);
        assert_eq!(connections(1024), 768);
        assert_eq!(connections(256), 64);
        assert_eq!(connections(0), 1);
    }
}
