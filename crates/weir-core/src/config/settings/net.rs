//! Addresses and TLS, towards clients and towards PostgreSQL.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use super::Secret;
use crate::config::choices::{TlsMode, TlsVersion};

/// Where clients connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Every address that is bound; at least one.
    pub addresses: Vec<ListenAddress>,
    /// Connections the kernel may hold for us before they are accepted.
    pub backlog: u32,
    /// Permission bits of unix sockets, for example `0o777`.
    pub unix_socket_mode: u32,
    /// The group that owns unix sockets; `None` keeps the process's group.
    pub unix_socket_group: Option<String>,
    /// Whether several processes may bind the same TCP address.
    pub reuse_port: bool,
    /// TCP keep-alive, for clients and servers.
    pub keepalive: Keepalive,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            addresses: vec![ListenAddress::Tcp { host: "127.0.0.1".into(), port: 6432 }],
            backlog: 1024,
            unix_socket_mode: 0o777,
            unix_socket_group: None,
            reuse_port: false,
            keepalive: Keepalive::default(),
        }
    }
}

/// One address that clients connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListenAddress {
    /// A host name, IP address or `*` (every interface), and a port; port 0 lets the kernel
    /// choose.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A directory in which the socket `.s.PGSQL.<port>` is made.
    Unix {
        /// The directory.
        dir: String,
        /// The number in the file's name; the first TCP address's port, else 6432.
        port: u16,
    },
}

impl ListenAddress {
    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { host, .. } => is_loopback(host),
            Self::Unix { .. } => true,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { dir, port } => write!(f, "unix:{dir}/.s.PGSQL.{port}"),
        }
    }
}

/// Whether a host name or address stays on this machine.
pub(in crate::config) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// TCP keep-alive and the time unacknowledged data may wait. `None` leaves the kernel's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keepalive {
    /// Whether keep-alive probes are sent at all.
    pub enabled: bool,
    /// Silence before the first probe.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Probes without an answer before the connection is dead.
    pub count: Option<u32>,
    /// How long sent data may stay unacknowledged (`TCP_USER_TIMEOUT`).
    pub user_timeout: Option<Duration>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { enabled: true, idle: None, interval: None, count: None, user_timeout: None }
    }
}

/// Health, metrics and the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where it is served; always TCP.
    pub address: ListenAddress,
    /// The bearer token requests must carry; `None` only on loopback.
    pub token: Option<Secret>,
}

impl Default for Http {
    fn default() -> Self {
        let address = ListenAddress::Tcp { host: "127.0.0.1".into(), port: 8432 };
        Self { address, token: None }
    }
}

/// TLS towards clients. File names as written; the program reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTls {
    /// How much is demanded. `VerifyCa` and `VerifyFull` demand a client certificate.
    pub mode: TlsMode,
    /// Our certificate chain (PEM).
    pub cert: Option<String>,
    /// Our private key (PEM).
    pub key: Option<String>,
    /// Who may sign clients' certificates (PEM).
    pub ca: Option<String>,
    /// The oldest version accepted.
    pub min_version: TlsVersion,
}

impl Default for ClientTls {
    fn default() -> Self {
        let min_version = TlsVersion::default();
        Self { mode: TlsMode::Disable, cert: None, key: None, ca: None, min_version }
    }
}

/// TLS towards PostgreSQL. File names as written; the program reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerTls {
    /// How much is demanded.
    pub mode: TlsMode,
    /// Who may sign the server's certificate (PEM); `None` means the system's roots.
    pub ca: Option<String>,
    /// Our client certificate chain (PEM).
    pub cert: Option<String>,
    /// Its private key (PEM).
    pub key: Option<String>,
    /// The oldest version accepted.
    pub min_version: TlsVersion,
}

/// One place where a PostgreSQL listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamHost {
    /// A host name or IP address, looked up by the program.
    Tcp {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A directory that holds the socket `.s.PGSQL.<port>`.
    Unix {
        /// The directory, starting with `/`.
        dir: String,
        /// The number in the socket's name.
        port: u16,
    },
}

impl fmt::Display for UpstreamHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { dir, port } => write!(f, "{dir}/.s.PGSQL.{port}"),
        }
    }
}
