//! The servers: reviews over TLS, and the admin pages. `Args` → `Bound` → `Running`.

mod accept;
mod body;
pub(crate) mod connection;
mod holdings;
mod limits;
mod listen;
mod news;
pub(crate) mod pace;
mod places;
pub(crate) mod refuse;
mod review;
mod skips;
mod thread;
mod tls;

pub use limits::{Limits, Timeouts};
pub use review::{Admission, PATH, Reviewer};
pub(crate) use thread::Heart;

use crate::{
    admin::{Admin, Check},
    certs::Served,
    decisions::Decisions,
    in_force::Store,
    metrics::{HandshakeFailure, Metrics},
    shutdown::Tasks,
    view::View,
};
use accept::Acceptor;
use connection::{Protocol, Shared};
use holdings::Holdings;
use limits::Budget;
use listen::listen;
use pace::Pace;
use places::{Found, Place, Places};
use review::Reviews;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use thread::Thread;
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long tasks may take to end once they are told to.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is read of a socket at once, in bytes: a whole TLS record, so most reviews. rustls alone reads 4 kB.
const READ_AHEAD: usize = 16 << 10;

/// What of an answer may wait behind the socket, encrypted, in bytes; the rest waits where it is counted.
const WRITTEN_AHEAD: usize = 32 << 10;

/// Where to listen, and within which bounds.
#[derive(Clone, Copy, Debug)]
pub struct Args {
    /// Reviews, over TLS.
    pub bind: SocketAddr,
    /// Admin pages, plain HTTP.
    pub admin_bind: SocketAddr,
    /// How much at once.
    pub limits: Limits,
    /// How long.
    pub timeouts: Timeouts,
}

/// Why nothing can be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process has the address, or it is not ours to take.
    #[error("cannot listen on {address}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start the thread that answers reviews")]
    Thread(#[source] io::Error),
}

/// Both addresses are ours; nothing is answered yet.
#[derive(Debug)]
pub struct Bound {
    args: Args,
    reviews: TcpListener,
    admin: TcpListener,
    thread: Thread,
}

/// What the servers answer with.
#[derive(Debug)]
pub struct Parts<R> {
    /// Decides reviews.
    pub reviewer: R,
    /// The configuration in force.
    pub rules: Arc<Store>,
    /// What is known of the cluster.
    pub seen: Arc<View>,
    /// The certificate.
    pub certificates: Arc<Served>,
    /// What else must be so to be ready.
    pub checks: Vec<Check>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// The servers answer.
#[derive(Debug)]
pub struct Running {
    tasks: Tasks,
    shared: Shared,
    admin: Shared,
    thread: Thread,
}

impl Args {
    /// Takes both addresses, so that a server that cannot listen fails before anything has started.
    pub async fn bind(self) -> Result<Bound, BindError> {
        let thread = Thread::start("reviews").map_err(BindError::Thread)?;
        let reviews = listen(self.bind)?;
        let reviews =
            thread.take(reviews).map_err(|source| BindError::Address { address: self.bind, source })?;
        let admin = listen(self.admin_bind)?;
        Ok(Bound { args: self, reviews, admin, thread })
    }
}

impl Bound {
    /// Where reviews are taken.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.reviews.local_addr()
    }

    /// Where the admin pages are.
    pub fn admin_address(&self) -> io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Starts answering. `tasks` are those that keep the parts up to date; the servers' own join them.
    pub fn run<R: Reviewer>(self, parts: Parts<R>, mut tasks: Tasks) -> Result<Running, rustls::Error> {
        let Self { args: Args { bind: _, admin_bind: _, limits, timeouts }, reviews, admin, thread } = self;
        let Parts { reviewer, rules, seen, certificates, checks, metrics } = parts;
        let decisions = Arc::new(Decisions::default());
        let draining = CancellationToken::new();
        let shared = |timeouts| Shared {
            timeouts,
            draining: draining.clone(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let admin_timeouts = Timeouts { idle: timeouts.admin_idle, ..timeouts };
        let (shared, admin_shared) = (shared(timeouts), shared(admin_timeouts));
        let heart = Arc::new(Heart::new(timeouts.longest_review));

        let pages = Arc::new(Admin {
            rules: rules.clone(),
            seen: seen.clone(),
            certificates: certificates.clone(),
            checks,
            metrics: metrics.clone(),
            decisions: decisions.clone(),
            heart: heart.clone(),
            draining: draining.clone(),
        });
        let tls = TlsAcceptor::from(Arc::new(tls::config(certificates)?));
        let reviews_server = Arc::new(ReviewServer {
            handler: Arc::new(Reviews {
                reviewer,
                rules,
                seen,
                metrics: metrics.clone(),
                decisions,
                limits,
                timeouts,
                in_flight: Budget::new(limits.reviews),
                bytes: Holdings::new(limits.bodies),
                tasks: shared.tasks.clone(),
                skips: skips::Skips::default(),
                news: news::News::default(),
            }),
            tls,
            metrics,
            places: Places::new(limits.connections),
            overflow: Budget::new(limits.overflow),
            shared: shared.clone(),
        });
        let acceptor = Acceptor::new(reviews, shared.closing.clone());
        tasks.spawn("reviews", |_| thread.run(reviews_server.accept(acceptor)));
        tasks.spawn("heart", |stop| thread.run(heart.beat(stop)));
        let acceptor = Acceptor::new(admin, admin_shared.closing.clone());
        let places = Places::new(limits.admin_connections);
        tasks.spawn("admin", |_| accept_admin(acceptor, pages, places, admin_shared.clone()));
        Ok(Running { tasks, shared, admin: admin_shared, thread })
    }
}

impl Running {
    /// Waits until a task ends that should not, and says which.
    pub async fn broken(&mut self) -> &'static str {
        self.tasks.ended().await
    }

    /// Ends everything in order: not ready, endpoints learn of it while answers end their connections, no new connections, what is
    /// in flight is answered.
    pub async fn drain(self) {
        let Self { tasks, shared, admin, thread } = self;
        let Timeouts { drain_delay, finish, .. } = shared.timeouts;
        shared.draining.cancel();
        tracing::info!(delay = ?drain_delay, "Draining");
        tokio::time::sleep(drain_delay).await;
        shared.closing.cancel();
        shared.tasks.close();
        if tokio::time::timeout(finish, shared.tasks.wait()).await.is_err() {
            tracing::warn!(left = shared.tasks.len(), "Connections did not end in time");
        }
        admin.closing.cancel();
        tasks.stop(PATIENCE).await;
        drop(thread);
        tracing::info!("Drained");
    }
}

struct ReviewServer<R> {
    handler: Arc<Reviews<R>>,
    tls: TlsAcceptor,
    metrics: Arc<Metrics>,
    places: Places,
    overflow: Budget,
    shared: Shared,
}

impl<R: Reviewer> ReviewServer<R> {
    async fn accept(self: Arc<Self>, acceptor: Acceptor) {
        // Keeps "all connections have ended" from being true while some are still in the queue.
        let _accepting = self.shared.tasks.token();
        while let Some((stream, peer)) = acceptor.next().await {
            let pace = Pace::new(&self.shared.timeouts);
            let place = self.place(peer.ip(), &pace);
            self.shared.tasks.spawn(self.clone().connection(stream, place, pace));
        }
    }

    fn place(&self, peer: IpAddr, pace: &Arc<Pace>) -> Option<Place> {
        match self.places.take(peer, pace) {
            Found::Free(place) => Some(place),
            Found::GivenUp(place) => {
                self.metrics.connections_given_up.inc();
                Some(place)
            }
            Found::Nothing => {
                self.metrics.connections_refused.inc();
                None
            }
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream, place: Option<Place>, pace: Arc<Pace>) {
        let overflow = if place.is_none() { self.overflow.claim() } else { None };
        if place.is_none() && overflow.is_none() {
            return;
        }
        let accepted = self.tls.accept(BufReader::with_capacity(READ_AHEAD, stream));
        let accepted = tokio::time::timeout(self.shared.timeouts.handshake, accepted);
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = pace.ended() => return,
        };
        let mut stream = match accepted {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                // rustls' errors come as invalid data; other kinds are the socket's.
                let tls = error.kind() == io::ErrorKind::InvalidData;
                return self.failed(if tls { HandshakeFailure::Tls } else { HandshakeFailure::Io }, error);
            }
            Err(elapsed) => return self.failed(HandshakeFailure::Timeout, elapsed),
        };
        stream.get_mut().1.set_buffer_limit(Some(WRITTEN_AHEAD));
        let protocol = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Protocol::Http2,
            _ => Protocol::Http1,
        };
        if place.is_some() {
            let open = self.metrics.connections.clone();
            open.inc();
            let _open = Defer(|| {
                open.dec();
            });
            connection::serve(stream, protocol, self.handler.clone(), pace, &self.shared).await;
        } else {
            let timeouts = Timeouts { idle: self.shared.timeouts.head, ..self.shared.timeouts };
            let shared = Shared { timeouts, ..self.shared.clone() };
            let pace = Pace::new(&timeouts);
            connection::serve(stream, protocol, Arc::new(refuse::Busy), pace, &shared).await;
        }
    }

    fn failed(&self, failure: HandshakeFailure, error: impl std::fmt::Display) {
        self.metrics.count_handshake(failure);
        tracing::debug!(reason = failure.label(), %error, "A TLS handshake failed");
    }
}

async fn accept_admin(acceptor: Acceptor, pages: Arc<Admin>, places: Places, shared: Shared) {
    while let Some((stream, peer)) = acceptor.next().await {
        let pace = Pace::new(&shared.timeouts);
        // Pages are made at once, so there is always one that waits.
        let (Found::Free(place) | Found::GivenUp(place)) = places.take(peer.ip(), &pace) else { continue };
        let (handler, of) = (Arc::new(pages.for_peer(peer)), shared.clone());
        shared.tasks.spawn(async move {
            connection::serve(stream, Protocol::Http1, handler, pace, &of).await;
            drop(place);
        });
    }
}

/// Does something at the end, whatever the end.
struct Defer<F: FnMut()>(F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
