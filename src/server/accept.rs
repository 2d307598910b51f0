//! Accepting connections, also when the machine runs out of something.

use std::{io, net::SocketAddr, time::Duration};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// The pause after the first failure; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(5);

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts connections until `stop` is cancelled, and then those that the kernel has accepted for us already.
pub(crate) struct Acceptor {
    listener: TcpListener,
    stop: CancellationToken,
}

impl Acceptor {
    pub(crate) fn new(listener: TcpListener, stop: CancellationToken) -> Self {
        Self { listener, stop }
    }

    /// The next connection; `None` at the end.
    pub(crate) async fn next(&self) -> Option<(TcpStream, SocketAddr)> {
        let mut pause = PAUSE;
        loop {
            let accepted = match self.stop.run_until_cancelled(self.listener.accept()).await {
                Some(accepted) => accepted,
                None => futures::FutureExt::now_or_never(self.listener.accept())?,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Without it answers wait for acknowledgements; a stream that fails this is dead anyway.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, peer));
                }
                Err(_) if self.stop.is_cancelled() => return None,
                Err(error) if concerns_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "Could not accept a connection");
                    let _ = self.stop.run_until_cancelled(tokio::time::sleep(pause)).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
