//! The worker's view of the kernel: which connection is ready, reads, writes.
//!
//! Connections are registered once, edge-triggered, for both directions, and never touched again:
//! a client that waits in the queue costs no system call. Whoever stops reading must remember
//! that bytes may be waiting; [`crate::proxy::worker`] keeps that flag in each connection.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use weir_core::config::limits::EVENTS_PER_TURN;

/// Names a registered descriptor; comes back with each of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u64);

/// What the kernel says about one descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Whose.
    pub token: Token,
    /// Reading will bring bytes, the end, or an error.
    pub readable: bool,
    /// Writing is possible again.
    pub writable: bool,
    /// The peer sends nothing more.
    pub hangup: bool,
    /// Nothing can be sent any more either.
    pub broken: bool,
}

/// The outcome of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// So many bytes; `more` when the buffer was filled, so that more may be waiting.
    Bytes {
        /// Bytes read, at least one.
        count: usize,
        /// The buffer was filled.
        more: bool,
    },
    /// Nothing is waiting.
    Nothing,
    /// The peer has closed, or the connection is broken.
    End,
}

/// The epoll driver.
pub struct Driver {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Driver {
    /// A driver that watches nothing.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(EVENTS_PER_TURN) })
    }

    /// Watches a connection, in both directions, until it is closed.
    ///
    /// # Errors
    /// When the kernel's limit on watches is reached.
    pub fn watch(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token.0), flags)?)
    }

    /// Watches the bell of a letter box: level-triggered, reading only.
    ///
    /// # Errors
    /// When the kernel's limit on watches is reached.
    pub fn watch_bell(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token.0), EventFlags::IN)?)
    }

    /// Waits until something is ready or `timeout` has passed, and appends what is ready.
    ///
    /// # Errors
    /// Only if the descriptor is not an epoll one, which is a bug.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<Readiness>) -> io::Result<()> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let broken = EventFlags::HUP | EventFlags::ERR;
        let closed = EventFlags::RDHUP | broken;
        ready.extend(self.events.iter().map(|&Event { flags, data }| Readiness {
            token: Token(data.u64()),
            readable: flags.intersects(EventFlags::IN | closed),
            writable: flags.intersects(EventFlags::OUT | closed),
            hangup: flags.intersects(closed),
            broken: flags.intersects(broken),
        }));
        Ok(())
    }
}

/// Reads what is waiting, up to the buffer's length.
#[inline]
pub fn receive(fd: impl AsFd, buffer: &mut [u8]) -> Received {
    let room = buffer.len();
    loop {
        return match rustix::net::recv(&fd, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => Received::End,
            Ok((count, _)) => Received::Bytes { count, more: count == room },
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::AGAIN) => Received::Nothing,
            Err(_) => Received::End,
        };
    }
}

/// Writes as much as the kernel takes now. An error is not told apart from "nothing": the next
/// read will say that the connection is gone.
#[inline]
pub fn transmit(fd: impl AsFd, bytes: &[u8]) -> usize {
    loop {
        return match rustix::net::send(&fd, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => 0,
        };
    }
}
