//! The driver for kernels with io_uring (6.1 and later, where it is allowed): one system call a
//! turn, whatever happened in it.
//!
//! Each connection receives again and again into buffers that all share (`buffers`), so nothing
//! is asked for when bytes come. What the worker sends in a turn is submitted with the wait for
//! the next one (`ring`): first as an offer, which completes while it is submitted, so that the
//! wait knows how many completions are none of its business; what the kernel refuses of it goes
//! after it as a send that waits for the peer. Large sends do not wait for the end of the turn.
//!
//! A connection of which much comes is not received from any more: when it can be read it is, with
//! a system call into one large buffer, until little comes again.
//!
//! What came and was not read at the end of a turn is moved out of the shared buffers. When that
//! is more than a bound, the connection is not received from until it has been read, so that its
//! peer feels it; then only its hang-up is waited for.
//!
//! A descriptor is closed when no operation names it any more, so none can meet another's.

mod buffers;
mod conn;
mod probe;
mod reap;
mod ring;
#[cfg(test)]
mod tests;
mod turn;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use weir_core::config::limits::{
    DIRECT_SEND_BYTES, READ_BYTES, SEND_BUFFER_BYTES_KEPT, SEND_BUFFERS_KEPT,
};
use weir_core::time::Instant;

use crate::proxy::driver::{Farewell, Link, Origin, Readiness, Received, Token};
use crate::proxy::slab::Slab;
use conn::{Conn, Listening};
use ring::{Key, Op, Ring};

pub(super) use probe::probe;

/// The place among operations of what is only watched; no connection has it.
fn watch_key(index: usize) -> Key {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    Key { at: u32::MAX - index, generation: 0 }
}

/// The io_uring driver.
#[derive(Debug)]
pub struct Uring {
    ring: Ring,
    conns: Slab<Conn>,
    /// What is only watched, by place.
    watched: Vec<Option<Watched>>,
    /// Connections with something to send.
    dirty: Vec<u32>,
    /// Connections that may have to be received from, or watched.
    idle: Vec<u32>,
    /// Connections that are paused.
    paused: Vec<u32>,
    /// Connections whose inbox was filled since the last wait.
    filled: Vec<u32>,
    /// Connections with news.
    listed: Vec<u32>,
    /// Closed connections that may still send for a time.
    closing: Vec<u32>,
    /// Buffers for what is to be sent.
    spare: Vec<Vec<u8>>,
    /// The buffer for reads at once.
    scratch: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Watched {
    fd: OwnedFd,
    token: Token,
    rang: bool,
    /// The kernel does not watch it any more.
    stopped: bool,
    /// It goes when the kernel does not watch it any more.
    unwanted: bool,
}

impl Uring {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ring: Ring::new()?,
            conns: Slab::default(),
            watched: Vec::new(),
            dirty: Vec::new(),
            idle: Vec::new(),
            paused: Vec::new(),
            filled: Vec::new(),
            listed: Vec::new(),
            closing: Vec::new(),
            spare: Vec::new(),
            scratch: None,
        })
    }

    pub(super) fn watch(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let fd = fd.try_clone_to_owned()?;
        self.ring.watch_always(watch_key(self.watched.len()), fd.as_fd());
        let watched = Watched { fd, token, rang: false, stopped: false, unwanted: false };
        self.watched.push(Some(watched));
        Ok(())
    }

    pub(super) fn unwatch(&mut self, token: Token) {
        for (index, place) in self.watched.iter_mut().enumerate() {
            let Some(watched) = place.as_mut().filter(|watched| watched.token == token) else {
                continue;
            };
            if watched.stopped {
                *place = None;
            } else {
                watched.unwanted = true;
                self.ring.cancel(watch_key(index), Op::Bell);
            }
        }
    }

    pub(super) fn rename(&mut self, at: u32, token: Token) {
        if let Some(conn) = self.conns.get_mut(at) {
            conn.token = token;
        }
    }

    pub(super) fn open(&mut self, fd: OwnedFd, token: Token) -> Link {
        let at = self.conns.insert(Conn::new(fd, token));
        self.idle.push(at);
        Link { at }
    }

    pub(super) fn wait(&mut self, timeout: Duration, news: &mut Vec<Readiness>) -> io::Result<()> {
        self.stow();
        self.listen();
        self.launch();
        self.ring.enter(timeout)?;
        self.end_pauses();
        while let Some(completion) = self.ring.next() {
            self.complete(completion);
        }
        self.tell(news);
        Ok(())
    }

    #[inline]
    pub(super) fn receive(&mut self, at: u32) -> Received {
        let Some(conn) = self.conns.get_mut(at) else { return Received::End };
        if conn.inbox.is_crowded() && conn.listening == Listening::On {
            self.read_from_now_on(at);
        }
        let Some(conn) = self.conns.get_mut(at) else { return Received::End };
        match conn.inbox.pop() {
            Some(mut chunk) => {
                chunk.last = conn.inbox.is_empty() && !conn.ended;
                if conn.listening == Listening::Off {
                    self.idle.push(at);
                }
                Received::Bytes(chunk)
            }
            None if conn.ended => Received::End,
            None if conn.bulk && conn.listening == Listening::Off => self.read_at_once(at),
            None => Received::Nothing,
        }
    }

    /// Much comes of this connection: it is not received any more, but read when it can be.
    fn read_from_now_on(&mut self, at: u32) {
        let key = self.key(at);
        let Some(conn) = self.conns.get_mut(at) else { return };
        conn.bulk = true;
        conn.listening = Listening::Ending;
        self.ring.cancel(key, Op::Receive);
    }

    pub(super) fn pause(&mut self, at: u32) {
        let Some(conn) = self.conns.get_mut(at).filter(|conn| !conn.paused) else { return };
        conn.paused = true;
        conn.bulk = true;
        let receives = conn.listening == Listening::On;
        self.paused.push(at);
        if receives {
            self.read_from_now_on(at);
        }
    }

    fn read_at_once(&mut self, at: u32) -> Received {
        let Some(conn) = self.conns.get_mut(at) else { return Received::End };
        let buffer = self.scratch.take().unwrap_or_else(|| vec![0; READ_BYTES]);
        let read = conn.read_at_once(buffer);
        let ended = conn.ended;
        self.idle.push(at);
        match read {
            Ok(chunk) => Received::Bytes(chunk),
            Err(buffer) => {
                self.give_back_scratch(buffer);
                if ended { Received::End } else { Received::Nothing }
            }
        }
    }

    pub(super) fn give_back_scratch(&mut self, buffer: Vec<u8>) {
        self.scratch = Some(buffer);
    }

    #[inline]
    pub(super) fn give_back(&mut self, place: u16, buffer: Vec<u8>) {
        self.ring.give_back(place, buffer);
    }

    #[inline]
    pub(super) fn send(&mut self, at: u32, bytes: &[u8]) -> usize {
        let Some(conn) = self.conns.get_mut(at).filter(|conn| !conn.deaf) else { return 0 };
        let mut bytes = bytes;
        let large = conn.out.len() + bytes.len() >= DIRECT_SEND_BYTES;
        if large && !conn.behind && self.ring.in_flight(at).is_none() {
            bytes = conn.send_at_once(bytes);
        }
        if bytes.is_empty() {
            return 0;
        }
        if conn.out.capacity() == 0 {
            conn.out = self.spare.pop().unwrap_or_default();
        }
        conn.out.extend_from_slice(bytes);
        if !std::mem::replace(&mut conn.dirty, true) {
            self.dirty.push(at);
        }
        if conn.behind { self.unsent(at) } else { 0 }
    }

    pub(super) fn send_with(&mut self, at: u32, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let mut bytes = self.spare.pop().unwrap_or_default();
        write(&mut bytes);
        let unsent = self.send(at, &bytes);
        self.keep(bytes);
        unsent
    }

    #[inline]
    pub(super) fn unsent(&self, at: u32) -> usize {
        match self.conns.get(at) {
            Some(conn) if conn.behind => conn.out.len() + self.ring.in_flight(at).unwrap_or(0),
            Some(_) | None => 0,
        }
    }

    pub(super) fn descriptor(&self, at: u32) -> Option<BorrowedFd<'_>> {
        self.conns.get(at).map(|conn| conn.fd.as_fd())
    }

    pub(super) fn close(&mut self, at: u32, farewell: Farewell) {
        let key = self.key(at);
        let Some(conn) = self.conns.get_mut(at) else { return };
        conn.closing = Some(farewell);
        while let Some(chunk) = conn.inbox.pop() {
            match chunk.origin {
                Origin::Ring(place) => self.ring.give_back(place, chunk.buffer),
                Origin::Own | Origin::Scratch => {}
            }
        }
        if conn.listening == Listening::On {
            conn.listening = Listening::Ending;
            self.ring.cancel(key, Op::Receive);
        }
        if conn.watched {
            self.ring.cancel(key, Op::Watch);
        }
        match farewell {
            Farewell::AtOnce => self.give_up(at),
            Farewell::Until(_) => {}
        }
        self.closing.push(at);
        self.end(at);
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        let late = |conn: &Conn| matches!(conn.closing, Some(Farewell::Until(by)) if by <= now);
        let going: Vec<u32> = self
            .closing
            .iter()
            .copied()
            .filter(|&at| self.conns.get(at).is_some_and(late))
            .collect();
        for at in going {
            if let Some(conn) = self.conns.get_mut(at) {
                conn.closing = Some(Farewell::AtOnce);
            }
            self.give_up(at);
            self.end(at);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.conns.is_empty()
    }

    /// What is not sent by now is not sent.
    fn give_up(&mut self, at: u32) {
        let key = self.key(at);
        let Some(conn) = self.conns.get_mut(at) else { return };
        if self.ring.in_flight(at).is_some() {
            conn.out = Vec::new();
            self.ring.cancel(key, Op::Send);
        }
    }

    /// Closes the descriptor if the connection is over.
    fn end(&mut self, at: u32) {
        if self.conns.get(at).is_some_and(Conn::is_over) {
            self.conns.remove(at);
            self.closing.retain(|&other| other != at);
        }
    }

    #[inline]
    fn key(&self, at: u32) -> Key {
        Key { at, generation: self.conns.generation(at) }
    }

    fn keep(&mut self, mut bytes: Vec<u8>) {
        let wanted = (1..=SEND_BUFFER_BYTES_KEPT).contains(&bytes.capacity());
        if wanted && self.spare.len() < SEND_BUFFERS_KEPT {
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}
