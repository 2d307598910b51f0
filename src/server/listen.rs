//! Listening on an address.

use super::BindError;
use rustix::net::sockopt::set_ipv6_v6only;
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::net::{TcpListener, TcpSocket};

/// What the kernel holds of the answers of a connection until its peer reads them, in bytes. Left to itself it takes megabytes, and
/// they count against the memory of the container.
const SEND_BUFFER: u32 = 128 << 10;

/// Connections that have come and are not yet accepted.
const BACKLOG: u32 = 1024;

/// Listens; `[::]` means all addresses of IPv4 as well, whatever the machine's `bindv6only` says, and those alone where it has no IPv6.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listened = match bind(address) {
        Err(error) if address.is_ipv6() && address.ip().is_unspecified() && lacks_ipv6(&error) => {
            bind((Ipv4Addr::UNSPECIFIED, address.port()).into())
        }
        other => other,
    };
    listened.map_err(|source| BindError::Address { address, source })
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    if address.is_ipv6() {
        set_ipv6_v6only(&socket, false)?;
    }
    socket.set_reuseaddr(true)?;
    // Connections have it from their listener.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}
