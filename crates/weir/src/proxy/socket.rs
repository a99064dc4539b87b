//! A TCP or Unix socket, as one type.

use std::io;
use std::os::fd::OwnedFd;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use weir_core::config::settings::Keepalive;

use crate::proxy::stream::stream_of;

/// A connected stream socket in the hands of a login thread.
#[derive(Debug)]
pub enum Socket {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix-domain socket.
    Unix(UnixStream),
}

stream_of!(Socket: Tcp, Unix);

impl Socket {
    /// Whether it is a Unix-domain socket, on which TLS is never spoken.
    #[must_use]
    pub fn is_unix(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Sends small messages at once and applies the keep-alive settings; nothing to do on Unix
    /// sockets. A kernel that refuses an option is not a reason to refuse the connection.
    pub fn tune(&self, keepalive: &Keepalive) {
        let Self::Tcp(stream) = self else { return };
        let socket = SockRef::from(stream);
        tune(&socket, keepalive.enabled);
        tune_probes(&socket, keepalive);
    }

    /// Watches a TCP socket that was accepted or connected elsewhere, and does not block.
    ///
    /// # Errors
    /// When the kernel's limit on watches is reached.
    pub fn tcp(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self::Tcp(TcpStream::from_std(socket.into())?))
    }

    /// Waits for the first byte without taking it; `None` when the peer closed or on a Unix
    /// socket, where nobody has to look ahead.
    ///
    /// # Errors
    /// Those of `recv`.
    pub async fn peek(&self) -> io::Result<Option<u8>> {
        let Self::Tcp(stream) = self else { return Ok(None) };
        let mut byte = [0];
        let count = stream.peek(&mut byte).await?;
        Ok((count == 1).then_some(byte[0]))
    }

    /// Takes the descriptor out of the login runtime. It stays non-blocking.
    ///
    /// # Errors
    /// When the runtime cannot let go of it.
    pub fn into_fd(self) -> io::Result<OwnedFd> {
        Ok(match self {
            Self::Tcp(stream) => stream.into_std()?.into(),
            Self::Unix(stream) => stream.into_std()?.into(),
        })
    }
}

/// Sends small messages at once, and probes silent peers if `probed`. A kernel that refuses is no
/// reason to refuse the connection.
pub(super) fn tune(socket: &SockRef<'_>, probed: bool) {
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_keepalive(probed);
}

/// The part of [`Socket::tune`] that an accepted socket does not inherit from the one that was
/// listened on: no system call unless the settings differ from the kernel's.
pub(super) fn tune_probes(socket: &SockRef<'_>, keepalive: &Keepalive) {
    if keepalive.user_timeout.is_some() {
        let _ = socket.set_tcp_user_timeout(keepalive.user_timeout);
    }
    let Keepalive { enabled, idle, interval, count, user_timeout: _ } = keepalive;
    if !enabled || (idle.is_none() && interval.is_none() && count.is_none()) {
        return;
    }
    let mut probes = TcpKeepalive::new();
    if let Some(idle) = *idle {
        probes = probes.with_time(idle);
    }
    if let Some(interval) = *interval {
        probes = probes.with_interval(interval);
    }
    if let Some(count) = *count {
        probes = probes.with_retries(count);
    }
    let _ = socket.set_tcp_keepalive(&probes);
}
