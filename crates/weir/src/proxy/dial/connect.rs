//! From an address to a connection in plain text or TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, TlsStream};
use weir_core::config::settings::Keepalive;
use weir_wire::build;

use super::failure;
use crate::proxy::conn::Conn;
use crate::proxy::mail::DialFailure;
use crate::proxy::names::Resolver;
use crate::proxy::socket::Socket;
use crate::proxy::target::{ServerAddress, ServerTls};

/// How to connect.
pub(super) struct Manner<'a> {
    /// TLS towards the server.
    pub(super) tls: &'a ServerTls,
    /// The time for the addresses of one name to answer.
    pub(super) limit: Duration,
    /// How the socket is tuned; not at all for a connection that lives for one packet.
    pub(super) keepalive: Option<&'a Keepalive>,
}

/// How the address behind a name is found.
pub(super) enum Way<'a> {
    /// What the name stands for.
    Name(Resolver<'a>),
    /// What an earlier connection has reached; none for a Unix socket.
    Reached(Option<SocketAddr>),
}

impl Way<'_> {
    async fn targets(&self, host: &str, port: u16) -> io::Result<Arc<[SocketAddr]>> {
        match self {
            Self::Name(resolver) => resolver.addresses(host, port).await,
            Self::Reached(socket) => Ok(socket.iter().copied().collect()),
        }
    }

    /// Nothing answers there.
    fn is_barred(&self, host: &str, port: u16) {
        match self {
            Self::Name(resolver) => resolver.expire(host, port),
            Self::Reached(_) => {}
        }
    }
}

/// Connects, and speaks TLS where that is asked. Tells the address that answered. Unix sockets
/// never speak TLS, as in libpq.
pub(super) async fn connect(
    address: &ServerAddress,
    way: Way<'_>,
    manner: &Manner<'_>,
) -> Result<(Conn, Option<SocketAddr>), DialFailure> {
    let (host, port) = match address {
        ServerAddress::Tcp { host, port } => (host, *port),
        ServerAddress::Unix(path) => {
            let stream = UnixStream::connect(path).await;
            let stream = stream.map_err(|error| failure::unreachable(address, &error))?;
            return Ok((Conn::plain(Socket::Unix(stream)), None));
        }
    };
    let targets = way.targets(host, port).await;
    let targets = targets.map_err(|error| failure::unresolved(address, &error))?;
    let (stream, reached) = first_that_answers(&targets, manner.limit).await.map_err(|error| {
        way.is_barred(host, port);
        failure::unreachable(address, &error)
    })?;
    let socket = Socket::Tcp(stream);
    if let Some(keepalive) = manner.keepalive {
        socket.tune(keepalive);
    }
    let conn = match manner.tls {
        ServerTls::Disable => Conn::plain(socket),
        ServerTls::Prefer(config) => secure(socket, address, host, config, false).await?,
        ServerTls::Require(config) => secure(socket, address, host, config, true).await?,
    };
    Ok((conn, Some(reached)))
}

/// Tries the addresses in the order the resolver gave (RFC 6724). Each gets an equal share of the
/// time, so that one that swallows packets does not starve the others.
async fn first_that_answers(
    targets: &[SocketAddr],
    limit: Duration,
) -> io::Result<(TcpStream, SocketAddr)> {
    let share = limit / u32::try_from(targets.len().max(1)).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for target in targets {
        match timeout(share, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => return Ok((stream, *target)),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer in time"),
        }
    }
    Err(last)
}

async fn secure(
    socket: Socket,
    address: &ServerAddress,
    host: &str,
    config: &Arc<ClientConfig>,
    mandatory: bool,
) -> Result<Conn, DialFailure> {
    let mut conn = Conn::plain(socket);
    let mut request = Vec::new();
    build::ssl_request(&mut request);
    conn.send(&request).await.map_err(|error| failure::broken(address, &error.into()))?;
    match conn.byte().await.map_err(|error| failure::broken(address, &error))? {
        b'S' => {}
        b'N' if mandatory => return Err(failure::no_tls(address)),
        b'N' => return Ok(conn),
        // An error in plain text could come from anyone in between, so its text is not shown.
        other => return Err(failure::lied(address, &format!("byte {other} to a TLS request"))),
    }
    let socket = conn.into_bare().ok_or_else(|| failure::stuffed(address))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|e| failure::ours(address, &e))?;
    let stream = TlsConnector::from(Arc::clone(config))
        .connect(name, socket)
        .await
        .map_err(|error| failure::handshake(address, &error))?;
    Ok(Conn::tls(TlsStream::Client(stream)))
}
