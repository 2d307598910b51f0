//! How long a connection may stay in which state, and who may end it early.
//!
//! hyper's own header timeout also runs while a kept-alive connection waits for its next request, which would close the API
//! server's idle connections after five seconds. So the time is kept here: from the first byte of a request the head must
//! arrive soon, between requests there is plenty, and an answer is to be read soon.

use super::limits::Timeouts;
use futures::task::AtomicWaker;
use std::{
    future::poll_fn,
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

/// The state of a connection: in its handshake, waiting for a request, amid the head or the body of one, being decided, or
/// waiting for its answers to be read.
///
/// On HTTP/1 one task does all of this; on HTTP/2, where heads cannot be told from other frames, requests are counted by several
/// tasks. A wake-up that reads a stale moment looks again before it acts.
#[derive(Debug)]
pub(crate) struct Pace {
    epoch: Instant,
    /// When the present state must have ended, in milliseconds after `epoch`.
    due: AtomicU64,
    /// When the present state began, likewise.
    since: AtomicU64,
    in_head: AtomicBool,
    /// Requests whose head is complete and whose answer is not yet written.
    in_flight: AtomicUsize,
    /// Requests that are being decided: the only time that the connection does not wait for its peer.
    busy: AtomicUsize,
    /// What waits to be read by the peer: answers, and bytes below them.
    unread: AtomicUsize,
    /// When that must have been read.
    unread_due: AtomicU64,
    /// Bytes of an answer are on their way, and the peer takes no more.
    stalled: AtomicBool,
    idle: AtomicU64,
    head: u64,
    /// Whether bytes that arrive between requests are the head of one.
    heads: AtomicBool,
    ended: AtomicBool,
    waker: AtomicWaker,
}

impl Pace {
    /// Starts with a handshake, or with waiting for a request where there is none.
    pub(crate) fn new(timeouts: &Timeouts) -> Arc<Self> {
        let idle = millis(timeouts.idle);
        Arc::new(Self {
            epoch: Instant::now(),
            due: AtomicU64::new(idle),
            since: AtomicU64::new(0),
            in_head: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            unread: AtomicUsize::new(0),
            unread_due: AtomicU64::new(0),
            stalled: AtomicBool::new(false),
            idle: AtomicU64::new(idle),
            head: millis(timeouts.head),
            heads: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    /// From here on requests are waited for. `heads`: whether bytes that arrive between requests are the head of one.
    pub(super) fn open(&self, heads: bool) {
        self.heads.store(heads, Relaxed);
        self.end_in(self.idle.load(Relaxed));
    }

    /// When the present state must have ended; far away while a body arrives or is decided, which has a deadline of its own.
    pub(super) fn due(&self) -> Instant {
        let due = if self.unread.load(Relaxed) > 0 {
            self.unread_due.load(Relaxed)
        } else if self.in_flight.load(Relaxed) > 0 {
            FAR
        } else {
            self.due.load(Relaxed)
        };
        self.epoch + Duration::from_millis(due.min(FAR))
    }

    /// Whether the connection has nothing to do.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Relaxed) == 0 && self.unread.load(Relaxed) == 0 && !self.in_head.load(Relaxed)
    }

    /// Since when the connection waits for its peer; `None` while it is we who work.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let since = Duration::from_millis(self.since.load(Relaxed));
        (self.busy.load(Relaxed) == 0).then(|| self.epoch + since)
    }

    /// Makes the connection give way to others.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
        self.waker.wake();
    }

    /// Whether it is to give way; wakes the task that asks once that is so.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> bool {
        if !self.ended.load(Relaxed) {
            self.waker.register(cx.waker());
        }
        self.ended.load(Relaxed)
    }

    /// Until it is to give way.
    pub(super) async fn ended(&self) {
        poll_fn(|cx| if self.poll_ended(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
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
        self.begin();
        Answering { pace: self.clone(), unread: false }
    }

    fn bytes_arrived(&self) {
        if self.heads.load(Relaxed) && self.is_idle() {
            self.in_head.store(true, Relaxed);
            self.begin();
            self.end_in(self.head);
        }
    }

    fn stall(&self, stalled: bool) {
        if self.stalled.load(Relaxed) != stalled {
            self.stalled.store(stalled, Relaxed);
            if stalled { self.unread_more() } else { self.unread_less() }
        }
    }

    fn unread_more(&self) {
        // What comes on top brings no more time for what is there.
        if self.unread.fetch_add(1, Relaxed) == 0 {
            self.begin();
            self.unread_due.store(self.now().saturating_add(self.head), Relaxed);
        }
    }

    fn unread_less(&self) {
        if self.unread.fetch_sub(1, Relaxed) == 1 {
            self.rest();
        }
    }

    /// Waits for the next request.
    fn rest(&self) {
        self.begin();
        self.end_in(self.idle.load(Relaxed));
    }

    /// A state begins.
    fn begin(&self) {
        self.since.store(self.now(), Relaxed);
    }

    fn end_in(&self, after: u64) {
        self.due.store(self.now().saturating_add(after), Relaxed);
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

/// Later than any connection lives.
const FAR: u64 = 365 * 24 * 3600 * 1000;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(FAR)
}

/// A request is being answered as long as this lives: until its answer is written, where that keeps it.
#[derive(Debug)]
pub(crate) struct Answering {
    pace: Arc<Pace>,
    unread: bool,
}

/// A request is being decided as long as this lives.
#[derive(Debug)]
pub(super) struct Deciding<'a>(&'a Pace);

impl Answering {
    /// The state of the connection.
    pub(super) fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// The request is here as a whole: now it is our turn.
    pub(super) fn decide(&self) -> Deciding<'_> {
        self.pace.busy.fetch_add(1, Relaxed);
        Deciding(&self.pace)
    }

    /// The answer is made: now it is the peer's turn to read it.
    pub(super) fn made(&mut self) {
        if !std::mem::replace(&mut self.unread, true) {
            self.pace.unread_more();
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.pace.rest();
        self.pace.in_flight.fetch_sub(1, Relaxed);
        if self.unread {
            self.pace.unread_less();
        }
    }
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Relaxed);
    }
}

/// Tells a [`Pace`] of the bytes that arrive, and of those that do not leave.
#[derive(Debug)]
pub(super) struct Paced<IO> {
    pub(super) io: IO,
    pub(super) pace: Arc<Pace>,
}

impl<IO> Paced<IO> {
    /// Bytes that the peer does not take; what is taken tells nothing, since more may be below.
    fn written<T>(&self, polled: Poll<T>) -> Poll<T> {
        if polled.is_pending() {
            self.pace.stall(true);
        }
        polled
    }
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
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.written(polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.pace.stall(polled.is_pending());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.written(polled)
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

    fn open(heads: bool) -> Arc<Pace> {
        let pace = Pace::new(&Timeouts {
            head: Duration::from_secs(5),
            idle: Duration::from_secs(150),
            ..Timeouts::default()
        });
        pace.open(heads);
        pace
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_is_due_soon_and_the_next_request_much_later() {
        let pace = open(true);
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
        let pace = open(false);
        pace.bytes_arrived();
        assert_eq!(seconds_left(&pace), 150);
        let (one, two) = (pace.answer(), pace.answer());
        drop(one);
        assert!(seconds_left(&pace) > 1_000_000);
        drop(two);
        assert_eq!(seconds_left(&pace), 150);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_to_be_read_soon_and_more_of_them_bring_no_more_time() {
        let pace = open(true);
        let (mut one, mut two) = (pace.answer(), pace.answer());
        one.made();
        assert_eq!(seconds_left(&pace), 5);
        tokio::time::advance(Duration::from_secs(3)).await;
        two.made();
        pace.stall(true);
        assert_eq!(seconds_left(&pace), 2);
        drop((one, two));
        assert_eq!(seconds_left(&pace), 2, "bytes are left below");
        assert!(!pace.is_idle());
        pace.stall(false);
        assert_eq!(seconds_left(&pace), 150);
        assert!(pace.is_idle());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_waits_for_its_peer_but_while_we_decide() {
        let pace = open(true);
        let began = Instant::now();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(pace.waits_since(), Some(began), "since it was opened");
        pace.bytes_arrived();
        let head = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        pace.bytes_arrived();
        assert_eq!(pace.waits_since(), Some(head), "bytes of the same head do not make it younger");
        let answering = pace.answer();
        let deciding = answering.decide();
        assert_eq!(pace.waits_since(), None);
        drop(deciding);
        assert_eq!(pace.waits_since(), Some(Instant::now()));
    }

    #[tokio::test]
    async fn who_is_to_give_way_is_woken() {
        let pace = open(true);
        let other = pace.clone();
        let waiting = tokio::spawn(async move { other.ended().await });
        tokio::task::yield_now().await;
        pace.end();
        waiting.await.unwrap();
    }
}
