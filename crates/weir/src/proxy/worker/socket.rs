//! One connection of a worker: its socket, its TLS state if any, and the bytes that could not be
//! sent yet.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

use crate::proxy::driver::{Readiness, Received, receive, transmit};

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
    fd: OwnedFd,
    tls: Option<Tls>,
    /// Bytes for the kernel, encrypted if TLS is on, that it did not take yet.
    unsent: Vec<u8>,
    /// Reading may bring something.
    readable: bool,
    /// The peer sends nothing more, which is told once: what is left is read up to its end.
    ending: bool,
}

impl Socket {
    /// A connection that may have bytes waiting.
    pub(super) fn new(fd: OwnedFd, tls: Option<Tls>) -> Self {
        Self { fd, tls, unsent: Vec::new(), readable: true, ending: false }
    }

    /// Remembers what the kernel says: it says each thing once.
    #[inline]
    pub(super) fn note(&mut self, event: Readiness) {
        self.readable |= event.readable;
        self.ending |= event.hangup;
    }

    /// Whether reading may bring something.
    #[inline]
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether TLS is on.
    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Bytes that could not be sent yet.
    pub(super) fn unsent_len(&self) -> usize {
        self.unsent.len()
    }

    /// Reads what is waiting.
    #[inline]
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let received = match &mut self.tls {
            None => receive(&self.fd, buffer),
            Some(_) => self.receive_tls(buffer),
        };
        match received {
            Received::Bytes { more, .. } => {
                self.readable = more || self.ending || self.tls.is_some();
            }
            Received::Nothing => self.readable = false,
            Received::End => {}
        }
        received
    }

    /// Sends, and keeps what the kernel does not take.
    #[inline]
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.tls.is_none() {
            let sent = if self.unsent.is_empty() { transmit(&self.fd, bytes) } else { 0 };
            self.unsent.extend_from_slice(&bytes[sent..]);
            return;
        }
        self.encrypt(bytes);
        self.flush();
    }

    /// Sends what is left, as far as the kernel takes it. Returns whether nothing is left.
    pub(super) fn flush(&mut self) -> bool {
        if self.unsent.is_empty() {
            return true;
        }
        let sent = transmit(&self.fd, &self.unsent);
        self.unsent.drain(..sent);
        if self.unsent.is_empty() {
            self.unsent = Vec::new();
        }
        self.unsent.is_empty()
    }

    /// Says goodbye on the TLS layer.
    pub(super) fn close_notify(&mut self) {
        match &mut self.tls {
            Some(Tls::Client(tls)) => tls.send_close_notify(),
            Some(Tls::Server(tls)) => tls.send_close_notify(),
            None => return,
        }
        self.drain_tls();
        self.flush();
    }

    fn receive_tls(&mut self, buffer: &mut [u8]) -> Received {
        loop {
            let read = match self.tls.as_mut() {
                Some(Tls::Client(tls)) => tls.reader().read(buffer),
                Some(Tls::Server(tls)) => tls.reader().read(buffer),
                None => return Received::End,
            };
            match read {
                Ok(0) => return Received::End,
                Ok(count) => return Received::Bytes { count, more: true },
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return Received::End,
            }
            let fed = match self.tls.as_mut() {
                Some(Tls::Client(tls)) => feed(tls.as_mut(), &self.fd),
                Some(Tls::Server(tls)) => feed(tls.as_mut(), &self.fd),
                None => return Received::End,
            };
            // Answers of the TLS layer itself: key updates, alerts.
            self.drain_tls();
            self.flush();
            match fed {
                Received::Bytes { .. } => {}
                Received::Nothing | Received::End => return fed,
            }
        }
    }

    fn encrypt(&mut self, bytes: &[u8]) {
        // The writer takes at most its buffer's length at a time.
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = match self.tls.as_mut() {
                Some(Tls::Client(tls)) => tls.writer().write(rest),
                Some(Tls::Server(tls)) => tls.writer().write(rest),
                None => return,
            };
            self.drain_tls();
            match written {
                Ok(count) if count > 0 => rest = &rest[count..],
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn drain_tls(&mut self) {
        let out = &mut self.unsent;
        // Writing to a vector does not fail.
        let _ = match self.tls.as_mut() {
            Some(Tls::Client(tls)) => drain(tls.as_mut(), out),
            Some(Tls::Server(tls)) => drain(tls.as_mut(), out),
            None => Ok(()),
        };
    }
}

fn drain<D>(tls: &mut rustls::ConnectionCommon<D>, out: &mut Vec<u8>) -> std::io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(out)?;
    }
    Ok(())
}

fn feed<D: rustls::SideData>(tls: &mut rustls::ConnectionCommon<D>, fd: &OwnedFd) -> Received {
    let mut wire = Wire { fd, last: Received::Nothing };
    let read = tls.read_tls(&mut wire);
    let last = wire.last;
    match (read, last) {
        (Ok(count), Received::Bytes { .. }) if count > 0 => match tls.process_new_packets() {
            Ok(_) => last,
            Err(_) => Received::End,
        },
        (_, Received::Nothing) => Received::Nothing,
        (_, Received::Bytes { .. } | Received::End) => Received::End,
    }
}

/// The socket as rustls reads it.
struct Wire<'a> {
    fd: &'a OwnedFd,
    last: Received,
}

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.last = receive(self.fd, buffer);
        match self.last {
            Received::Bytes { count, .. } => Ok(count),
            Received::Nothing => Err(ErrorKind::WouldBlock.into()),
            Received::End => Ok(0),
        }
    }
}
