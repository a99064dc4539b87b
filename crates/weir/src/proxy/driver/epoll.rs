//! The driver for every kernel: edge-triggered epoll, and a system call for each read and write.
//!
//! Connections are registered once for reading, and once more for writing if ever their peer does
//! not take what it is sent. The kernel says each thing once, so each connection remembers what was
//! said.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use weir_core::config::limits::{EVENTS_PER_TURN, READ_BYTES};
use weir_core::time::Instant;

use crate::proxy::driver::{Chunk, Farewell, Link, Origin, Readiness, Received, Token};
use crate::proxy::slab::Slab;

/// Read buffers kept: reads are rarely nested deeper.
const SCRATCH_KEPT: usize = 4;

/// What each connection is registered for.
const READING: EventFlags = EventFlags::IN.union(EventFlags::RDHUP).union(EventFlags::ET);

/// What is only watched has names from here down; no connection has such a place.
const WATCHED: u64 = u64::MAX;

/// What that is registered for: each time something comes.
const WATCHING: EventFlags = EventFlags::IN.union(EventFlags::ET);

/// The epoll driver.
pub struct Epoll {
    epoll: OwnedFd,
    /// What is only watched, by place.
    watched: Vec<Option<Token>>,
    events: Vec<Event>,
    conns: Slab<Conn>,
    /// Closed connections that still send.
    closing: Vec<(u32, Instant)>,
    /// Connections of whose bytes the kernel does not tell.
    muted: Vec<u32>,
    /// Read buffers.
    scratch: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Conn {
    fd: OwnedFd,
    token: Token,
    /// Bytes that the kernel did not take yet; never empty.
    unsent: Option<Box<Unsent>>,
    /// Reading may bring something.
    readable: bool,
    /// The kernel says when it takes more.
    told_of_room: bool,
    /// The kernel does not say when it can be read.
    muted: bool,
    /// That is to be so in the next wait.
    paused: bool,
    /// The peer sends nothing more: what is left is read up to its end.
    ending: bool,
    closing: bool,
}

/// Bytes that wait to be sent, from a place on.
#[derive(Debug, Default)]
struct Unsent {
    bytes: Vec<u8>,
    from: usize,
}

impl std::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Epoll").field("conns", &self.conns).finish_non_exhaustive()
    }
}

impl Epoll {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            watched: Vec::new(),
            events: Vec::with_capacity(EVENTS_PER_TURN),
            conns: Slab::default(),
            closing: Vec::new(),
            muted: Vec::new(),
            scratch: Vec::new(),
        })
    }

    pub(super) fn watch(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        let name = WATCHED - self.watched.len() as u64;
        epoll::add(&self.epoll, fd, EventData::new_u64(name), WATCHING)?;
        self.watched.push(Some(token));
        Ok(())
    }

    pub(super) fn unwatch(&mut self, fd: BorrowedFd<'_>, token: Token) {
        for watched in self.watched.iter_mut().filter(|watched| **watched == Some(token)) {
            *watched = None;
            // It is registered, and goes with its descriptor otherwise.
            let _ = epoll::delete(&self.epoll, fd);
        }
    }

    pub(super) fn rename(&mut self, at: u32, token: Token) {
        if let Some(conn) = self.conns.get_mut(at) {
            conn.token = token;
        }
    }

    pub(super) fn open(&mut self, fd: OwnedFd, token: Token) -> io::Result<Link> {
        let (at, generation) = self.conns.next();
        // What waits already is told of, too.
        epoll::add(&self.epoll, &fd, event_data(at, generation), READING)?;
        self.conns.insert(Conn {
            fd,
            token,
            unsent: None,
            readable: false,
            told_of_room: false,
            muted: false,
            paused: false,
            ending: false,
            closing: false,
        });
        Ok(Link { at })
    }

    pub(super) fn wait(&mut self, timeout: Duration, news: &mut Vec<Readiness>) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        if !self.muted.is_empty() {
            self.unmute();
        }
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for index in 0..self.events.len() {
            let Event { flags, data } = self.events[index];
            if let Some(told) = self.note(flags, data.u64()) {
                news.push(told);
            }
        }
        Ok(())
    }

    /// Remembers what the kernel says, and sends what it takes now.
    #[inline]
    fn note(&mut self, flags: EventFlags, data: u64) -> Option<Readiness> {
        if data > WATCHED - self.watched.len() as u64 {
            // The difference is below the number of those that are watched.
            #[expect(clippy::cast_possible_truncation)]
            return self.watched[(WATCHED - data) as usize].map(Readiness::of);
        }
        // The lower half is the place, the upper its generation.
        #[expect(clippy::cast_possible_truncation)]
        let (at, generation) = (data as u32, (data >> 32) as u32);
        let conn = self.conns.current_mut(at, generation)?;
        let broken = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        let hangup = broken || flags.contains(EventFlags::RDHUP);
        let readable = hangup || flags.contains(EventFlags::IN);
        conn.readable |= readable;
        conn.ending |= hangup;
        let behind = conn.unsent.is_some();
        let drained = behind && (broken || flags.contains(EventFlags::OUT)) && conn.flush();
        if conn.closing {
            if drained || broken {
                self.forget(at);
            }
            return None;
        }
        let token = conn.token;
        (readable || drained).then_some(Readiness { token, drained, hangup, broken })
    }

    #[inline]
    pub(super) fn receive(&mut self, at: u32) -> Received {
        let Some(conn) = self.conns.get_mut(at) else { return Received::End };
        if !(conn.readable || conn.muted) {
            return Received::Nothing;
        }
        let mut buffer = self.scratch.pop().unwrap_or_else(|| vec![0; READ_BYTES]);
        match receive(&conn.fd, &mut buffer) {
            Some(0) => {
                self.give_back(buffer);
                Received::End
            }
            Some(filled) => {
                conn.readable = filled == buffer.len() || conn.ending;
                let last = !conn.readable;
                Received::Bytes(Chunk { buffer, filled, origin: Origin::Scratch, last })
            }
            None => {
                conn.readable = false;
                self.give_back(buffer);
                Received::Nothing
            }
        }
    }

    #[inline]
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        if self.scratch.len() < SCRATCH_KEPT {
            self.scratch.push(buffer);
        }
    }

    #[inline]
    pub(super) fn send(&mut self, at: u32, bytes: &[u8]) -> usize {
        let Some(conn) = self.conns.get_mut(at) else { return 0 };
        if conn.unsent.is_none() {
            let sent = transmit(&conn.fd, bytes);
            if sent == bytes.len() {
                return 0;
            }
            return self.keep(at, &bytes[sent..]);
        }
        self.keep(at, bytes)
    }

    /// Puts bytes behind those that wait. Returns how many wait then.
    #[cold]
    fn keep(&mut self, at: u32, bytes: &[u8]) -> usize {
        self.tell_of_room(at);
        self.conns.get_mut(at).map_or(0, |conn| conn.keep(bytes))
    }

    /// Registers a connection for writing, if it is not.
    fn tell_of_room(&mut self, at: u32) {
        let data = event_data(at, self.conns.generation(at));
        let Some(conn) = self.conns.get_mut(at).filter(|conn| !conn.told_of_room) else { return };
        // It is registered already, so that nothing is left to go wrong. Room that has come
        // meanwhile is told of.
        conn.told_of_room =
            epoll::modify(&self.epoll, &conn.fd, data, conn.wanted() | EventFlags::OUT).is_ok();
    }

    pub(super) fn pause(&mut self, at: u32) {
        let data = event_data(at, self.conns.generation(at));
        let Some(conn) = self.conns.get_mut(at) else { return };
        conn.paused = true;
        if !conn.muted {
            conn.muted = true;
            // If that fails there is news of it, which does no harm.
            let _ = epoll::modify(&self.epoll, &conn.fd, data, conn.wanted());
            self.muted.push(at);
        }
    }

    /// Lets the kernel tell of the bytes of those again that are not paused any more, also of bytes
    /// that came meanwhile.
    fn unmute(&mut self) {
        let Self { epoll, conns, muted, .. } = self;
        muted.retain(|&at| {
            let data = event_data(at, conns.generation(at));
            let Some(conn) = conns.get_mut(at).filter(|conn| conn.muted) else { return false };
            if std::mem::take(&mut conn.paused) {
                return true;
            }
            conn.muted = false;
            conn.muted = epoll::modify(&*epoll, &conn.fd, data, conn.wanted()).is_err();
            conn.muted
        });
    }

    pub(super) fn send_with(&mut self, at: u32, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let Some(conn) = self.conns.get_mut(at) else { return 0 };
        write(&mut conn.unsent.get_or_insert_default().bytes);
        if conn.flush() {
            return 0;
        }
        self.keep(at, &[])
    }

    #[inline]
    pub(super) fn unsent(&self, at: u32) -> usize {
        self.conns.get(at).map_or(0, Conn::unsent_len)
    }

    pub(super) fn descriptor(&self, at: u32) -> Option<BorrowedFd<'_>> {
        self.conns.get(at).map(|conn| conn.fd.as_fd())
    }

    pub(super) fn close(&mut self, at: u32, farewell: Farewell) {
        let Some(conn) = self.conns.get_mut(at) else { return };
        match farewell {
            Farewell::Until(deadline) if conn.unsent.is_some() => {
                conn.closing = true;
                self.closing.push((at, deadline));
            }
            Farewell::AtOnce | Farewell::Until(_) => {
                self.conns.remove(at);
            }
        }
    }

    /// A closed connection has sent all it had to.
    fn forget(&mut self, at: u32) {
        self.conns.remove(at);
        self.closing.retain(|&(other, _)| other != at);
    }

    pub(super) fn sweep(&mut self, now: Instant) {
        for (at, _) in self.closing.extract_if(.., |(_, deadline)| *deadline <= now) {
            self.conns.remove(at);
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.conns.is_empty()
    }
}

impl Conn {
    /// What it is to be registered for.
    fn wanted(&self) -> EventFlags {
        let mut wanted = READING;
        wanted.set(EventFlags::IN, !self.muted);
        wanted.set(EventFlags::OUT, self.told_of_room);
        wanted
    }

    /// Sends what is left, as far as the kernel takes it. Returns whether nothing is left.
    fn flush(&mut self) -> bool {
        let Some(unsent) = &mut self.unsent else { return true };
        unsent.from += transmit(&self.fd, &unsent.bytes[unsent.from..]);
        let sent = unsent.from == unsent.bytes.len();
        if sent {
            self.unsent = None;
        }
        sent
    }

    fn keep(&mut self, bytes: &[u8]) -> usize {
        let unsent = self.unsent.get_or_insert_default();
        if unsent.from >= unsent.bytes.len() / 2 {
            // What has gone makes room, at no more than a copy of each byte.
            unsent.bytes.drain(..std::mem::take(&mut unsent.from));
        }
        unsent.bytes.extend_from_slice(bytes);
        unsent.bytes.len() - unsent.from
    }

    #[inline]
    fn unsent_len(&self) -> usize {
        self.unsent.as_ref().map_or(0, |unsent| unsent.bytes.len() - unsent.from)
    }
}

/// Names a connection among events.
fn event_data(at: u32, generation: u32) -> EventData {
    EventData::new_u64(u64::from(generation) << 32 | u64::from(at))
}

/// Reads what is waiting, up to the buffer's length: 0 at the end, `None` when nothing is there.
#[inline]
fn receive(fd: impl AsFd, buffer: &mut [u8]) -> Option<usize> {
    loop {
        return match rustix::net::recv(&fd, &mut *buffer, RecvFlags::empty()) {
            Ok((count, _)) => Some(count),
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => None,
            Err(_) => Some(0),
        };
    }
}

/// Writes as much as the kernel takes now. An error is not told apart from "nothing": the next
/// read will say that the connection is gone.
#[inline]
fn transmit(fd: impl AsFd, bytes: &[u8]) -> usize {
    loop {
        return match rustix::net::send(&fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => 0,
        };
    }
}
