//! One connection from its first request to its last.

use super::{
    limits::Timeouts,
    pace::{Answering, Pace, Paced},
};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The most that a request's head may be, in bytes. The API server's have a few hundred.
const HEAD: usize = 16 << 10;

/// The most that is read ahead on HTTP/2, in bytes: of one request, and of all of a connection.
const WINDOWS: (u32, u32) = (64 << 10, 256 << 10);

/// Requests at once on a connection of HTTP/2.
const STREAMS: u32 = 16;

/// What a server answers.
pub(crate) type Reply = Response<Full<Bytes>>;

/// Answers requests.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers one. Its time is bounded by itself; `answering` tells where it stands, and is dropped once nothing of it is left.
    fn handle(&self, request: Request<Incoming>, answering: Answering) -> impl Future<Output = Reply> + Send;
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What the connections of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) timeouts: Timeouts,
    /// From when on each answer ends its connection, so that the API server's next request goes to another replica.
    pub(crate) draining: CancellationToken,
    /// From when on connections come to their end.
    pub(crate) closing: CancellationToken,
    /// Counts every task that belongs to a connection.
    pub(crate) tasks: TaskTracker,
}

/// Answers requests until either side has had enough.
pub(crate) async fn serve<IO, H>(
    io: IO,
    protocol: Protocol,
    handler: Arc<H>,
    pace: Arc<Pace>,
    shared: &Shared,
) where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    pace.open(protocol == Protocol::Http1);
    let io = TokioIo::new(Paced { io, pace: pace.clone() });
    let draining = shared.draining.clone();
    let service = {
        let pace = pace.clone();
        service_fn(move |request: Request<Incoming>| {
            let answering = pace.answer();
            let (handler, draining) = (handler.clone(), draining.clone());
            async move {
                let version = request.version();
                let mut reply = handler.handle(request, answering).await;
                if version < Version::HTTP_2 && draining.is_cancelled() {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(reply)
            }
        })
    };
    match protocol {
        Protocol::Http1 => {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .max_header_size(HEAD)
                .serve_connection(io, service);
            Supervised::new(connection, pace, shared, protocol).run().await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(Spawn(shared.tasks.clone()))
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(HEAD as u32)
                .initial_stream_window_size(WINDOWS.0)
                .initial_connection_window_size(WINDOWS.1)
                .max_send_buf_size(WINDOWS.0 as usize)
                .serve_connection(io, service);
            Supervised::new(connection, pace, shared, protocol).run().await;
        }
    }
}

/// Lets the tasks of HTTP/2 streams be waited for.
#[derive(Clone, Debug)]
struct Spawn(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Spawn {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// A connection and its alarm.
struct Supervised<'a, C> {
    connection: C,
    pace: Arc<Pace>,
    shared: &'a Shared,
    protocol: Protocol,
    closing: bool,
    farewell: bool,
}

impl<'a, C: GracefulConnection> Supervised<'a, C> {
    fn new(connection: C, pace: Arc<Pace>, shared: &'a Shared, protocol: Protocol) -> Self {
        Self { connection, pace, shared, protocol, closing: false, farewell: false }
    }

    async fn run(self) {
        let Self { connection, pace, shared, protocol, mut closing, mut farewell } = self;
        let mut connection = pin!(connection);
        let mut closed = pin!(shared.closing.cancelled());
        let mut alarm = pin!(sleep_until(pace.due()));
        std::future::poll_fn(|cx| {
            loop {
                // An error is the peer's: it left, or spoke no HTTP. hyper has answered what can be answered.
                if connection.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                if !closing && closed.as_mut().poll(cx).is_ready() {
                    closing = true;
                    pace.hurry(shared.timeouts.linger);
                    if protocol == Protocol::Http2 {
                        // Says which requests will be answered, so there is nothing to linger for.
                        connection.as_mut().graceful_shutdown();
                        continue;
                    }
                }
                if !pace.poll_ended(cx) {
                    ready!(ring(alarm.as_mut(), &pace, cx));
                }
                if farewell || !pace.is_idle() {
                    return Poll::Ready(());
                }
                farewell = true;
                connection.as_mut().graceful_shutdown();
                pace.hurry(shared.timeouts.farewell);
                if connection.as_mut().poll(cx).is_ready() || pace.poll_ended(cx) {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

/// Ready when the present state has lasted too long. Usually the timer is only read: it is set anew where it must ring
/// earlier than it would, and when it rang too early.
fn ring(mut alarm: Pin<&mut Sleep>, pace: &Pace, cx: &mut Context<'_>) -> Poll<()> {
    loop {
        let due = pace.due();
        if due < alarm.deadline() {
            alarm.as_mut().reset(due);
        }
        ready!(alarm.as_mut().poll(cx));
        let due = pace.due();
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(due);
    }
}
