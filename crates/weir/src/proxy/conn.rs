//! A connection while a login thread holds it: socket, perhaps TLS, and a read buffer.
//!
//! Both roles use it, towards clients and towards servers. It knows messages, not their meaning.

use std::io::{self, Read};
use std::ops::DerefMut;
use std::os::fd::OwnedFd;

use rustls::ConnectionCommon;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsStream;
use weir_wire::frame::{HEADER_LEN, Header, Malformed};

use crate::proxy::socket::Socket;
use crate::proxy::stream::stream_of;

/// Bytes asked of the socket at once. Logins are small.
const READ_BYTES: usize = 4096;

/// Why a connection cannot go on.
#[derive(Debug, Error)]
pub enum Broken {
    /// The peer closed it.
    #[error("the peer closed the connection")]
    Closed,
    /// The kernel or TLS failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The peer broke the protocol.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// A message that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its tag byte.
    pub tag: u8,
    /// What follows the header.
    pub body: Vec<u8>,
}

/// A connection in a login thread's hands.
#[derive(Debug)]
pub struct Conn {
    io: Io,
    unread: Vec<u8>,
    /// What goes with the next bytes that are sent.
    held: Vec<u8>,
}

/// What is left when a login thread lets go of a connection.
#[derive(Debug)]
pub struct Parts<T> {
    /// The socket, non-blocking.
    pub socket: OwnedFd,
    /// TLS state, when TLS is spoken. Ciphertext that was read but not processed is inside.
    pub tls: Option<Box<T>>,
    /// Plain bytes that were read and not used.
    pub leftover: Vec<u8>,
    /// Plain bytes that were [held back](Conn::hold) and not sent.
    pub held: Vec<u8>,
}

impl<T> Parts<T> {
    /// A socket on which no TLS is spoken, and nothing else.
    #[must_use]
    pub fn plain(socket: OwnedFd) -> Self {
        Self { socket, tls: None, leftover: Vec::new(), held: Vec::new() }
    }
}

#[derive(Debug)]
enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

stream_of!(Io: Plain, Tls);

impl Conn {
    /// Wraps a socket in plain text.
    #[must_use]
    pub fn plain(socket: Socket) -> Self {
        Self::with(socket, Vec::new())
    }

    /// The same, of which these bytes have been read already.
    #[must_use]
    pub fn with(socket: Socket, unread: Vec<u8>) -> Self {
        Self { io: Io::Plain(socket), unread, held: Vec::new() }
    }

    /// Wraps a socket after its TLS handshake.
    #[must_use]
    pub fn tls(stream: TlsStream<Socket>) -> Self {
        Self { io: Io::Tls(Box::new(stream)), unread: Vec::new(), held: Vec::new() }
    }

    /// The socket below, whatever is spoken on it.
    #[must_use]
    pub fn socket(&self) -> &Socket {
        match &self.io {
            Io::Plain(socket) => socket,
            Io::Tls(stream) => stream.get_ref().0,
        }
    }

    /// The TLS session; `None` in plain text.
    #[must_use]
    pub fn tls_stream(&self) -> Option<&TlsStream<Socket>> {
        match &self.io {
            Io::Plain(_) => None,
            Io::Tls(stream) => Some(stream),
        }
    }

    /// Bytes that came behind what was asked for.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.unread
    }

    /// The bare socket, to begin TLS on it. `None` when TLS is already spoken or when bytes lie
    /// in the buffer: they came in plain text before the handshake, so someone in between may
    /// have put them there (CVE-2021-23214).
    #[must_use]
    pub fn into_bare(self) -> Option<Socket> {
        match self.io {
            Io::Plain(socket) if self.unread.is_empty() => Some(socket),
            Io::Plain(_) | Io::Tls(_) => None,
        }
    }

    /// Reads what is there, at least one byte, behind what is unread.
    ///
    /// # Errors
    /// [`Broken::Closed`] at the end of the stream.
    pub async fn read_more(&mut self) -> Result<(), Broken> {
        let wanted = self.unread.len() + 1;
        self.fill(wanted).await
    }

    /// Forgets the first `count` unread bytes, which have been dealt with.
    pub fn consume(&mut self, count: usize) {
        self.unread.drain(..count.min(self.unread.len()));
    }

    /// Reads the body of one message, of at most `body_max` bytes, which must have this tag. Any
    /// other is refused by its header, before its body is waited for.
    ///
    /// # Errors
    /// [`Malformed`] when the header lies, claims more, or has another tag.
    pub async fn body_of(&mut self, tag: u8, body_max: u32) -> Result<Vec<u8>, Broken> {
        self.fill(1).await?;
        match self.unread.first() {
            Some(&found) if found != tag => Err(Malformed::Unexpected(found).into()),
            Some(_) | None => Ok(self.message(body_max).await?.body),
        }
    }

    /// Reads one message whose body has at most `body_max` bytes.
    ///
    /// # Errors
    /// [`Malformed::Length`] when the header lies or claims more.
    pub async fn message(&mut self, body_max: u32) -> Result<Message, Broken> {
        self.fill(HEADER_LEN).await?;
        let Some(header) = Header::parse(&self.unread)? else { return Err(Broken::Closed) };
        if header.body_len > body_max {
            return Err(Malformed::Length { tag: header.tag, length: header.body_len }.into());
        }
        self.fill(header.total_len()).await?;
        let mut whole = self.take(header.total_len());
        Ok(Message { tag: header.tag, body: whole.split_off(HEADER_LEN) })
    }

    /// Reads exactly one byte: the answer to a TLS request.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn byte(&mut self) -> Result<u8, Broken> {
        self.fill(1).await?;
        Ok(self.take(1)[0])
    }

    /// Writes all of `bytes`, behind what was held back, and flushes.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.held.is_empty() {
            self.io.write_all(bytes).await?;
        } else {
            self.held.extend_from_slice(bytes);
            self.io.write_all(&self.held).await?;
            self.held.clear();
        }
        self.io.flush().await
    }

    /// Sends `bytes` with the next ones: the peer expects more before it says anything, so it
    /// need not be woken for these alone.
    pub fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Tells the peer that nothing more comes, as far as that is possible.
    pub async fn close(mut self) {
        let _ = self.io.shutdown().await;
    }

    /// Reads and forgets until the peer closes.
    pub async fn drain(&mut self) {
        let mut sink = [0; 256];
        while matches!(self.io.read(&mut sink).await, Ok(count) if count > 0) {}
    }

    /// Lets go of a client connection.
    ///
    /// # Errors
    /// When the runtime cannot let go of the socket.
    pub fn into_client_parts(self) -> io::Result<Parts<rustls::ServerConnection>> {
        self.into_parts(|stream| match stream {
            TlsStream::Server(stream) => Some(stream.into_inner()),
            TlsStream::Client(_) => None,
        })
    }

    /// Lets go of a server connection.
    ///
    /// # Errors
    /// When the runtime cannot let go of the socket.
    pub fn into_server_parts(self) -> io::Result<Parts<rustls::ClientConnection>> {
        self.into_parts(|stream| match stream {
            TlsStream::Client(stream) => Some(stream.into_inner()),
            TlsStream::Server(_) => None,
        })
    }

    /// Takes the connection apart; `split` does so with a TLS stream that has the expected role.
    fn into_parts<T, D>(
        self,
        split: impl FnOnce(TlsStream<Socket>) -> Option<(Socket, T)>,
    ) -> io::Result<Parts<T>>
    where
        T: DerefMut<Target = ConnectionCommon<D>>,
    {
        let mut leftover = self.unread;
        let (socket, tls) = match self.io {
            Io::Plain(socket) => (socket, None),
            Io::Tls(stream) => {
                let (socket, mut state) = split(*stream).ok_or_else(wrong_role)?;
                drain_plaintext(&mut state.reader(), &mut leftover);
                (socket, Some(Box::new(state)))
            }
        };
        leftover.shrink_to_fit();
        Ok(Parts { socket: socket.into_fd()?, tls, leftover, held: self.held })
    }

    async fn fill(&mut self, wanted: usize) -> Result<(), Broken> {
        while self.unread.len() < wanted {
            // Not into an array of its own: it would be part of each future that waits for this,
            // and those are moved several times in a login.
            self.unread.reserve(READ_BYTES);
            if self.io.read_buf(&mut self.unread).await? == 0 {
                return Err(Broken::Closed);
            }
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.unread.split_off(count);
        std::mem::replace(&mut self.unread, rest)
    }
}

fn drain_plaintext(reader: &mut rustls::Reader<'_>, into: &mut Vec<u8>) {
    let mut chunk = [0; READ_BYTES];
    while let Ok(count) = reader.read(&mut chunk) {
        if count == 0 {
            return;
        }
        into.extend_from_slice(&chunk[..count]);
    }
}

fn wrong_role() -> io::Error {
    io::Error::other("a TLS connection changed its role")
}
