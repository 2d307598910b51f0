//! How long a connection may stay in which state.
//!
//! hyper's own header timeout also runs while a kept-alive connection waits for its next request, which would close the API
//! server's idle connections after five seconds. So the time is kept here: from the first byte of a request the head must
//! arrive soon, between requests there is plenty.

use super::limits::Timeouts;
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// The state of a connection: waiting for a request, amid the head of one, or answering.
///
/// On HTTP/1 one task does all of this; on HTTP/2, where heads cannot be told from other frames, only waiting and answering
/// are told apart, by several tasks. A wake-up that reads a stale moment looks again before it acts.
#[derive(Debug)]
pub(super) struct Pace {
    epoch: Instant,
    /// When the present state must have ended, in milliseconds after `epoch`.
    due: AtomicU64,
    in_head: AtomicBool,
    in_flight: AtomicUsize,
    idle: AtomicU64,
    head: Option<Duration>,
}

impl Pace {
    /// Starts waiting for a request. `heads`: whether bytes that arrive between requests are the head of one.
    pub(super) fn new(timeouts: &Timeouts, heads: bool) -> Arc<Self> {
        let idle = millis(timeouts.idle);
        Arc::new(Self {
            epoch: Instant::now(),
            due: AtomicU64::new(idle),
            in_head: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            idle: AtomicU64::new(idle),
            head: heads.then_some(timeouts.head),
        })
    }

    /// When the present state must have ended; far away while answering, which has a deadline of its own.
    pub(super) fn due(&self) -> Instant {
        let due = if self.in_flight.load(Relaxed) > 0 { FAR } else { self.due.load(Relaxed).min(FAR) };
        self.epoch + Duration::from_millis(due)
    }

    /// Whether the connection has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0 && !self.in_head.load(Relaxed)
    }

    /// From here on a connection that has nothing to do has it for `linger` at most.
    pub(super) fn hurry(&self, linger: Duration) {
        self.idle.store(millis(linger), Relaxed);
        if self.is_idle() {
            self.end_in(millis(linger));
        }
    }

    /// A request's head is complete: it is being answered until the guard is dropped.
    pub(super) fn answer(self: &Arc<Self>) -> Answering {
        self.in_flight.fetch_add(1, Relaxed);
        self.in_head.store(false, Relaxed);
        Answering(self.clone())
    }

    fn bytes_arrived(&self) {
        if let Some(head) = self.head
            && self.is_idle()
        {
            self.in_head.store(true, Relaxed);
            self.end_in(millis(head));
        }
    }

    fn end_in(&self, after: u64) {
        self.due.store(millis(self.epoch.elapsed()).saturating_add(after), Relaxed);
    }
}

/// Later than any connection lives.
const FAR: u64 = 365 * 24 * 3600 * 1000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(FAR)
}

/// A request is being answered as long as this lives.
#[derive(Debug)]
pub(super) struct Answering(Arc<Pace>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.end_in(self.0.idle.load(Relaxed));
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Tells a [`Pace`] of the bytes that arrive.
#[derive(Debug)]
pub(super) struct Paced<IO> {
    pub(super) io: IO,
    pub(super) pace: Arc<Pace>,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Paced<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pace.bytes_arrived();
        }
        polled
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Paced<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_left(pace: &Pace) -> u64 {
        (pace.due() - Instant::now()).as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_is_due_soon_and_the_next_request_much_later() {
        let timeouts =
            Timeouts { head: Duration::from_secs(5), idle: Duration::from_secs(150), ..Timeouts::default() };
        let pace = Pace::new(&timeouts, true);
        assert_eq!(seconds_left(&pace), 150);
        tokio::time::advance(Duration::from_secs(100)).await;
        pace.bytes_arrived();
        assert_eq!(seconds_left(&pace), 5);
        tokio::time::advance(Duration::from_secs(3)).await;
        pace.bytes_arrived();
        assert_eq!(seconds_left(&pace), 2, "more bytes of the same head bring no more time");
        let answering = pace.answer();
        pace.bytes_arrived();
        assert!(seconds_left(&pace) > 1_000_000, "the body has a deadline of its own");
        drop(answering);
        assert_eq!(seconds_left(&pace), 150);
        pace.hurry(Duration::from_secs(1));
        assert_eq!(seconds_left(&pace), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_of_http2_are_no_heads() {
        let pace = Pace::new(&Timeouts::default(), false);
        pace.bytes_arrived();
        assert_eq!(seconds_left(&pace), 150);
        let (one, two) = (pace.answer(), pace.answer());
        drop(one);
        assert!(seconds_left(&pace) > 1_000_000);
        drop(two);
        assert_eq!(seconds_left(&pace), 150);
    }
}
