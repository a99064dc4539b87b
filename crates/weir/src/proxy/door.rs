//! A listening TCP socket, and how what comes through it is made ready. Whoever watches it, a login
//! thread or a worker, accepts in the same way.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::SocketFlags;
use socket2::{SockRef, Socket as RawSocket};
use tracing::{error, info};
use weir_core::config::settings::Keepalive;

use crate::proxy::socket;

/// The pause after a failed accept; the kernel has no descriptor or no memory for us.
pub const PAUSE: Duration = Duration::from_millis(100);

/// A listening TCP socket that does not block.
#[derive(Debug)]
pub struct Door {
    socket: RawSocket,
    mood: Mood,
}

/// What is remembered from one accept to the next.
#[derive(Debug, Default)]
pub(super) struct Mood {
    /// The last accept failed.
    failing: bool,
    /// Accepted sockets inherit keep-alive probes.
    probed: bool,
}

/// Who came through a door.
#[derive(Debug)]
pub enum Caller {
    /// A client.
    Client(OwnedFd, SocketAddr),
    /// Nobody waits any more.
    Nobody,
    /// The kernel fails: it is to be asked again after [`PAUSE`].
    Failure,
}

impl Door {
    /// A door at this socket, which listens.
    #[must_use]
    pub fn new(socket: RawSocket, keepalive: &Keepalive) -> Self {
        let mut mood = Mood::default();
        mood.prepare(&socket, keepalive);
        Self { socket, mood }
    }

    /// Accepts the next client, with the probes that are configured now. A failure is logged once
    /// for each row of failures.
    pub fn accept(&mut self, keepalive: &Keepalive) -> Caller {
        let Self { socket, mood } = self;
        loop {
            match accept(socket) {
                Ok((client, peer)) => {
                    mood.tune(socket, &client, keepalive);
                    mood.succeeded(&Shown(socket));
                    return Caller::Client(client, peer);
                }
                Err(reason) if reason.kind() == io::ErrorKind::WouldBlock => {
                    return Caller::Nobody;
                }
                Err(reason) if is_the_clients(&reason) => {}
                Err(reason) => {
                    mood.failed(&Shown(socket), &reason);
                    return Caller::Failure;
                }
            }
        }
    }

    /// Whether somebody waits. Asked before a second accept: one in vain costs seven times as much,
    /// because the kernel makes the socket before it looks for a client.
    #[must_use]
    pub fn is_waited_at(&self) -> bool {
        let mut door = [PollFd::new(&self.socket, PollFlags::IN)];
        // A failure is for the accept to find.
        poll(&mut door, Some(&Timespec::default())).map_or(true, |ready| ready > 0)
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Mood {
    /// Sets what each accepted socket inherits, so that it need not be set on each.
    pub(super) fn prepare(&mut self, listener: &RawSocket, keepalive: &Keepalive) {
        self.probed = keepalive.enabled;
        socket::tune(&SockRef::from(listener), keepalive.enabled);
    }

    /// Sets what this one has not inherited: all of it after a reload that changed that.
    pub(super) fn tune(&mut self, listener: &RawSocket, client: &OwnedFd, keepalive: &Keepalive) {
        if self.probed != keepalive.enabled {
            self.prepare(listener, keepalive);
            socket::tune(&SockRef::from(client), keepalive.enabled);
        }
        socket::tune_probes(&SockRef::from(client), keepalive);
    }

    /// A client was accepted.
    pub(super) fn succeeded(&mut self, listener: &dyn fmt::Display) {
        if std::mem::take(&mut self.failing) {
            info!(%listener, "accepting again");
        }
    }

    /// None could be.
    pub(super) fn failed(&mut self, listener: &dyn fmt::Display, reason: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            error!(%listener, "cannot accept connections: {reason}");
        }
    }
}

/// A listening socket, as an operator writes it.
pub(super) struct Shown<'a>(pub(super) &'a RawSocket);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.local_addr().ok().and_then(|address| address.as_socket()) {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("tcp"),
        }
    }
}

/// Accepts a client, whose socket does not block.
pub(super) fn accept(listener: &RawSocket) -> io::Result<(OwnedFd, SocketAddr)> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let (socket, address) = rustix::net::acceptfrom_with(listener, flags)?;
    let address = address.and_then(|address| SocketAddr::try_from(address).ok());
    // The kernel has no address for one that is gone already.
    Ok((socket, address.ok_or(io::ErrorKind::ConnectionAborted)?))
}

/// Errors of one connection that died while it waited to be accepted (accept(2)).
pub(super) fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
            | io::ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn it_is_known_whether_somebody_waits() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let keepalive = Keepalive::default();
        let mut door = Door::new(RawSocket::from(listener), &keepalive);
        assert!(!door.is_waited_at());
        let _clients = [TcpStream::connect(address).unwrap(), TcpStream::connect(address).unwrap()];
        for others in [true, false] {
            assert!(door.is_waited_at());
            assert!(matches!(door.accept(&keepalive), Caller::Client(..)));
            assert_eq!(door.is_waited_at(), others);
        }
        assert!(matches!(door.accept(&keepalive), Caller::Nobody));
    }
}
