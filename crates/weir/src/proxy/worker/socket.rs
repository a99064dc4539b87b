//! One connection of a worker: its link to the driver and its TLS state, if any.

use std::io::{BufRead, ErrorKind, Write};
use std::net::SocketAddr;

use rustix::net::getsockname;
use weir_core::time::Instant;

use crate::proxy::driver::{Chunk, Driver, Farewell, Link, Received, Token};
use crate::proxy::endpoint::Endpoint;

/// TLS state of either side.
#[derive(Debug)]
pub(super) enum Tls {
    /// Towards a client.
    Client(Box<rustls::ServerConnection>),
    /// Towards a server.
    Server(Box<rustls::ClientConnection>),
}

/// A connection. An idle one keeps no buffer.
#[derive(Debug)]
pub(super) struct Socket {
    link: Link,
    tls: Option<Secured>,
}

#[derive(Debug)]
struct Secured {
    tls: Tls,
    /// The peer has broken TLS: nothing that comes now is taken.
    over: bool,
}

impl Socket {
    /// A connection that may have bytes waiting.
    pub(super) fn new(link: Link, tls: Option<Tls>) -> Self {
        Self { link, tls: tls.map(|tls| Secured { tls, over: false }) }
    }

    /// Has news of it come under another name.
    pub(super) fn rename(&self, driver: &mut Driver, token: Token) {
        driver.rename(&self.link, token);
    }

    /// Whether TLS is on.
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Our end of the connection. Asked of the kernel each time: it is seldom shown.
    pub(super) fn local_end(&self, driver: &Driver) -> Endpoint {
        let name = driver.descriptor(&self.link).and_then(|fd| getsockname(fd).ok());
        let name = name.and_then(|name| SocketAddr::try_from(name).ok());
        name.map_or(Endpoint::Unix, Endpoint::from)
    }

    /// Bytes that could not be sent yet.
    pub(super) fn unsent_len(&self, driver: &Driver) -> usize {
        driver.unsent(&self.link)
    }

    /// Reads what is waiting.
    #[inline(always)]
    pub(super) fn receive(&mut self, driver: &mut Driver) -> Received {
        match &mut self.tls {
            None => driver.receive(&self.link),
            Some(secured) => secured.receive(&self.link, driver),
        }
    }

    /// Has the driver tell nothing of its bytes in the next wait.
    pub(super) fn pause(&self, driver: &mut Driver) {
        driver.pause(&self.link);
    }

    /// Sends, and keeps what the kernel does not take. Returns what is not sent yet.
    #[inline]
    pub(super) fn send(&mut self, driver: &mut Driver, bytes: &[u8]) -> usize {
        match &mut self.tls {
            None => driver.send(&self.link, bytes),
            Some(secured) => driver.send_with(&self.link, |out| secured.tls.encrypt(bytes, out)),
        }
    }

    /// Closes the connection once the peer has taken what was sent, or at that time.
    pub(super) fn close_by(mut self, driver: &mut Driver, deadline: Instant) {
        self.say_goodbye(driver);
        driver.close(self.link, Farewell::Until(deadline));
    }

    /// Closes the connection. What the kernel does not take now is not sent.
    pub(super) fn close(mut self, driver: &mut Driver) {
        self.say_goodbye(driver);
        driver.close(self.link, Farewell::AtOnce);
    }

    /// Says goodbye on the TLS layer.
    fn say_goodbye(&mut self, driver: &mut Driver) {
        if let Some(Secured { tls, .. }) = &mut self.tls {
            tls.send_close_notify();
            driver.send_with(&self.link, |out| tls.drain(out));
        }
    }
}

impl Secured {
    fn receive(&mut self, link: &Link, driver: &mut Driver) -> Received {
        let mut plain = Vec::new();
        loop {
            if self.over {
                return Received::End;
            }
            let chunk = match driver.receive(link) {
                Received::Bytes(chunk) => chunk,
                Received::Nothing => return Received::Nothing,
                Received::End => return Received::End,
            };
            plain.reserve(chunk.len());
            let last = chunk.is_last();
            self.over = !self.tls.decrypt(&chunk, &mut plain);
            driver.give_back(chunk);
            if self.tls.wants_write() {
                // Answers of the TLS layer itself: key updates, alerts.
                driver.send_with(link, |out| self.tls.drain(out));
            }
            if !plain.is_empty() {
                return Received::Bytes(Chunk::own(plain, last && !self.over));
            }
        }
    }
}

impl Tls {
    /// Decrypts all that came, and appends it. Returns whether more may come: not after a goodbye,
    /// nor after what is not TLS.
    fn decrypt(&mut self, wire: &[u8], plain: &mut Vec<u8>) -> bool {
        match self {
            Self::Client(tls) => decrypt(tls, wire, plain),
            Self::Server(tls) => decrypt(tls, wire, plain),
        }
    }

    /// Encrypts, and appends the records.
    fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        // The writer takes at most its buffer's length at a time.
        let mut rest = plain;
        while !rest.is_empty() {
            let written = match self {
                Self::Client(tls) => tls.writer().write(rest),
                Self::Server(tls) => tls.writer().write(rest),
            };
            self.drain(out);
            match written {
                Ok(count) if count > 0 => rest = &rest[count..],
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn wants_write(&self) -> bool {
        match self {
            Self::Client(tls) => tls.wants_write(),
            Self::Server(tls) => tls.wants_write(),
        }
    }

    fn send_close_notify(&mut self) {
        match self {
            Self::Client(tls) => tls.send_close_notify(),
            Self::Server(tls) => tls.send_close_notify(),
        }
    }

    /// Appends the records that wait.
    fn drain(&mut self, out: &mut Vec<u8>) {
        // Writing to a vector does not fail.
        let _ = match self {
            Self::Client(tls) => drain(tls, out),
            Self::Server(tls) => drain(tls, out),
        };
    }
}

fn drain<D>(tls: &mut rustls::ConnectionCommon<D>, out: &mut Vec<u8>) -> std::io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(out)?;
    }
    Ok(())
}

/// rustls takes a few KiB at a time, and no more before those are decrypted and read.
fn decrypt<D: rustls::SideData>(
    tls: &mut rustls::ConnectionCommon<D>,
    mut wire: &[u8],
    plain: &mut Vec<u8>,
) -> bool {
    while !wire.is_empty() {
        let fed = tls.read_tls(&mut wire);
        if !matches!(fed, Ok(count) if count > 0) || tls.process_new_packets().is_err() {
            return false;
        }
        loop {
            let mut reader = tls.reader();
            let count = match reader.fill_buf() {
                Ok([]) => return false,
                Ok(bytes) => {
                    plain.extend_from_slice(bytes);
                    bytes.len()
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return false,
            };
            reader.consume(count);
        }
    }
    true
}
