//! Where a client comes from.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

use crate::proxy::endpoint;

/// The other end of an accepted connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix {
        /// The operating system's user id of the process at the other end, where the kernel says.
        uid: Option<u32>,
    },
}

impl Peer {
    /// Its address without the port; `None` for Unix sockets. IPv4 clients of a dual-stack
    /// socket are IPv4.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Tcp(address) => Some(address.ip().to_canonical()),
            Self::Unix { .. } => None,
        }
    }

    /// Whether nobody but this machine can listen in.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.is_loopback())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => match address.ip().to_canonical() {
                IpAddr::V4(ip) => endpoint::show(SocketAddrV4::new(ip, address.port()), f),
                ip @ IpAddr::V6(_) => SocketAddr::new(ip, address.port()).fmt(f),
            },
            Self::Unix { .. } => f.write_str("unix"),
        }
    }
}
