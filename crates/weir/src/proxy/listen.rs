//! Listening sockets and the accept loop.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::{UnixListener, UnixStream, lookup_host};
use tracing::{debug, warn};
use weir_core::config::settings::{Listen, ListenAddress};
use weir_wire::build;
use weir_wire::error::SqlState;

use crate::proxy::defer;
use crate::proxy::door::{self, Mood, PAUSE, Shown};
use crate::proxy::login::{self, Doorstep, Peer};
use crate::proxy::refusal::Refusal;
use crate::proxy::socket::Socket;
use crate::proxy::threads::House;

/// One bound address.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(AsyncFd<RawSocket>),
    /// A Unix socket; its file goes when this is dropped.
    Unix(UnixListener, SocketFile),
}

/// The file of a Unix socket, removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Where a listener can be reached, as an operator writes it.
impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(listener) => Shown(listener.get_ref()).fmt(f),
            Self::Unix(_, file) => write!(f, "unix:{}", file.0.display()),
        }
    }
}

/// Binds every configured address.
///
/// # Errors
/// The first address that cannot be bound, and why.
pub async fn bind(settings: &Listen) -> Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for address in &settings.addresses {
        match address {
            ListenAddress::Tcp { host, port } => {
                let bound = bind_tcp(settings, host, *port).await;
                listeners.extend(bound.with_context(|| format!("cannot listen on {address}"))?);
            }
            ListenAddress::Unix { dir, port } => {
                let path = Path::new(dir).join(format!(".s.PGSQL.{port}"));
                let bound = bind_unix(settings, &path);
                listeners.push(bound.with_context(|| format!("cannot listen on {address}"))?);
            }
        }
    }
    Ok(listeners)
}

async fn bind_tcp(settings: &Listen, host: &str, port: u16) -> Result<Vec<Listener>> {
    let targets: Vec<SocketAddr> = match host {
        "*" => vec![SocketAddr::from(([0_u16; 8], port))],
        host => lookup_host((host, port)).await?.collect(),
    };
    let mut listeners = Vec::new();
    for target in targets {
        listeners.push(Listener::Tcp(tcp_listener(settings, target, host == "*")?));
    }
    Ok(listeners)
}

fn tcp_listener(settings: &Listen, target: SocketAddr, every: bool) -> Result<AsyncFd<RawSocket>> {
    match raw_listener(settings, target, every) {
        // A kernel without IPv6.
        Err(_) if every => {
            raw_listener(settings, SocketAddr::from(([0, 0, 0, 0], target.port())), false)
        }
        result => result,
    }
}

fn raw_listener(settings: &Listen, target: SocketAddr, dual: bool) -> Result<AsyncFd<RawSocket>> {
    let socket = RawSocket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    if target.is_ipv6() {
        socket.set_only_v6(!dual)?;
    }
    socket.set_reuse_address(true)?;
    if settings.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&target.into())?;
    socket.listen(i32::try_from(settings.backlog).unwrap_or(i32::MAX))?;
    // A kernel that refuses is no reason not to listen.
    let _ = defer::accept_speakers_only(socket.as_fd());
    #[expect(
        deprecated,
        reason = "the other one is unsafe, for what owns no descriptor; a socket does"
    )]
    let watched = AsyncFd::with_interest(socket, Interest::READABLE)?;
    Ok(watched)
}

fn bind_unix(settings: &Listen, path: &Path) -> Result<Listener> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(settings.unix_socket_mode))?;
    if let Some(group) = &settings.unix_socket_group {
        let gid = group_id(group)?;
        std::os::unix::fs::chown(path, None, Some(gid))?;
    }
    Ok(Listener::Unix(listener, file))
}

/// Removes a socket file that nobody listens on any more.
fn remove_stale(path: &Path) -> Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    anyhow::ensure!(metadata.file_type().is_socket(), "the file exists and is not a socket");
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            warn!(path = %path.display(), "removing a stale socket file");
            Ok(fs::remove_file(path)?)
        }
        _ => anyhow::bail!("another process listens there"),
    }
}

/// Looks a group up in `/etc/group` (`name:password:id:members`); a number stands for itself.
fn group_id(group: &str) -> Result<u32> {
    if let Ok(id) = group.parse() {
        return Ok(id);
    }
    let groups = fs::read_to_string("/etc/group")?;
    let found = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(group)).then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    found.with_context(|| format!("there is no group \"{group}\""))
}

/// Accepts until the task is aborted. A failing accept is logged once for each row of failures
/// and tried again after a pause: other connections will close and free descriptors.
pub async fn accept(house: Arc<House>, listener: Listener) {
    let mut mood = Mood::default();
    if let Listener::Tcp(socket) = &listener {
        mood.prepare(socket.get_ref(), &house.directory.load().settings.listen.keepalive);
    }
    loop {
        match accept_one(&listener).await {
            Ok(newcomer) => {
                if let (Listener::Tcp(listener), Newcomer::Tcp(socket, _)) = (&listener, &newcomer)
                {
                    let keepalive = &house.directory.load().settings.listen.keepalive;
                    mood.tune(listener.get_ref(), socket, keepalive);
                }
                mood.succeeded(&listener);
                greet(&house, newcomer);
            }
            Err(reason) if door::is_the_clients(&reason) => {}
            Err(reason) => {
                mood.failed(&listener, &reason);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// A connection that was just accepted. TCP clients that need not be waited for never meet the
/// runtime.
enum Newcomer {
    Tcp(OwnedFd, SocketAddr),
    Unix(UnixStream),
}

async fn accept_one(listener: &Listener) -> io::Result<Newcomer> {
    match listener {
        Listener::Tcp(listener) => {
            let accept = |listener: &RawSocket| door::accept(listener);
            let (socket, address) = listener.async_io(Interest::READABLE, accept).await?;
            Ok(Newcomer::Tcp(socket, address))
        }
        Listener::Unix(listener, _) => {
            let (stream, _) = listener.accept().await?;
            Ok(Newcomer::Unix(stream))
        }
    }
}

fn greet(house: &Arc<House>, newcomer: Newcomer) {
    match newcomer {
        Newcomer::Unix(stream) => {
            let uid = stream.peer_cred().ok().map(|credentials| credentials.uid());
            begin(house, (Socket::Unix(stream), Vec::new()), Peer::Unix { uid });
        }
        Newcomer::Tcp(socket, address) => {
            let peer = Peer::Tcp(address);
            match login::let_in(house, socket, peer) {
                Doorstep::Served => {}
                Doorstep::Waits(socket, unread) => begin(house, (socket, unread), peer),
            }
        }
    }
}

/// Logs a TCP client in by a task, with the bytes that were read of it already.
pub(super) fn receive(house: &Arc<House>, socket: OwnedFd, unread: &[u8], peer: Peer) {
    match Socket::tcp(socket) {
        Ok(socket) => begin(house, (socket, unread.to_vec()), peer),
        Err(error) => debug!(client = %peer, "cannot watch a new connection: {error}"),
    }
}

fn begin(house: &Arc<House>, (socket, unread): (Socket, Vec<u8>), peer: Peer) {
    let Some(entry) = house.lobby.enter() else { return refuse(&socket) };
    tokio::spawn(login::serve(Arc::clone(house), (socket, unread), peer, entry));
}

/// Says why with one write that may not wait, and closes.
fn refuse(socket: &Socket) {
    let refusal = Refusal::new(
        SqlState::TOO_MANY_CONNECTIONS,
        "too many clients are logging in at the same time",
    )
    .hint("Try again in a moment.");
    let mut error = Vec::new();
    build::error_response(&mut error, &refusal.report());
    let _ = match socket {
        Socket::Tcp(stream) => stream.try_write(&error),
        Socket::Unix(stream) => stream.try_write(&error),
    };
}
