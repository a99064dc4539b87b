//! The worker's view of the kernel: bytes that came, bytes to send, connections that end.
//!
//! Two drivers, one contract. [`Epoll`] asks when a socket is ready and then reads and writes it;
//! [`Uring`] tells the kernel once what it wants and is handed what came. The worker knows neither.
//! The contract is:
//!
//! * A connection is [opened](Driver::open) once and never touched again, whether its bytes are
//!   wanted or not: a client that waits in the queue costs no system call.
//! * [`Driver::wait`] says of which connections there is news, each at most once. Whoever is told
//!   reads until [`Received::Nothing`] or a chunk that [is the last](Chunk::is_last), or until it
//!   wants no more; what it has not read it must come back for by itself, for it is not told again.
//! * Of one that is [paused](Driver::pause) nothing is told in the next wait, except of its end.
//!   Reading it may bring something all the same.
//! * A connection that is not read takes no more than a bounded number of bytes from its peer.
//! * A descriptor that is only [watched](Driver::watch) (the bell of a letter box, a listening
//!   socket) is told of each time something comes; whoever is told takes all there is.
//! * Bytes given to [`Driver::send`] leave in order. What the kernel refused counts as
//!   [unsent](Driver::unsent); when it has taken all of it, [`Readiness::drained`] says so.
//! * [`Driver::close`] ends a connection. What was given to be sent before is still sent if the
//!   peer takes it; the descriptor is closed only when the kernel works on nothing of it any more.

mod epoll;
mod uring;

#[cfg(test)]
mod tests;

use std::io;
use std::ops::Deref;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use weir_core::config::choices::DriverChoice;
use weir_core::time::Instant;

use epoll::Epoll;
use uring::Uring;

/// Names a connection, or what is watched; comes back with all news of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub u64);

/// News of one connection. Reading may bring something in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readiness {
    /// Whose.
    pub token: Token,
    /// What the kernel had refused to send has been sent.
    pub drained: bool,
    /// The peer sends nothing more.
    pub hangup: bool,
    /// Nothing can be sent any more either.
    pub broken: bool,
}

impl Readiness {
    /// Something to read, no more.
    fn of(token: Token) -> Self {
        Self { token, drained: false, hangup: false, broken: false }
    }

    /// Both pieces of news of one connection in one.
    pub(super) fn add(&mut self, later: Self) {
        self.drained |= later.drained;
        self.hangup |= later.hangup;
        self.broken |= later.broken;
    }
}

/// The outcome of a read.
#[derive(Debug)]
pub enum Received {
    /// Some bytes, at least one.
    Bytes(Chunk),
    /// Nothing is waiting.
    Nothing,
    /// The peer has closed, or the connection is broken, and all that came before has been read.
    End,
}

/// Bytes that came, in a buffer lent by the driver: [`Driver::give_back`] takes it back.
#[derive(Debug)]
#[must_use]
pub struct Chunk {
    buffer: Vec<u8>,
    filled: usize,
    origin: Origin,
    last: bool,
}

/// Where a buffer goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Nowhere: it is the chunk's own.
    Own,
    /// The read buffers of the driver itself.
    Scratch,
    /// This place of the buffers that the kernel fills.
    Ring(u16),
}

impl Chunk {
    /// Bytes in a buffer of their own. `last` is what [`Self::is_last`] says.
    pub fn own(buffer: Vec<u8>, last: bool) -> Self {
        Self { filled: buffer.len(), buffer, origin: Origin::Own, last }
    }

    /// Nothing more waits behind it, not even the end: there will be news of what comes.
    #[inline]
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }
}

impl Deref for Chunk {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

/// A connection of a driver. It must be [closed](Driver::close), else it lives as long as its
/// driver.
#[derive(Debug)]
#[must_use]
pub struct Link {
    at: u32,
}

/// How long a connection that is closed may take to send what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Farewell {
    /// The kernel takes it now or never.
    AtOnce,
    /// Until then.
    Until(Instant),
}

/// Either driver.
#[derive(Debug)]
pub enum Driver {
    /// For every kernel.
    Epoll(Epoll),
    /// For kernels that have and allow it.
    Uring(Box<Uring>),
}

/// Which driver a worker runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// epoll.
    Epoll,
    /// io_uring.
    Uring,
}

impl Kind {
    /// The driver that a choice leads to on this machine.
    ///
    /// # Errors
    /// When io_uring was asked for by name and cannot be had; says what is missing.
    pub fn choose(choice: DriverChoice) -> io::Result<Self> {
        match choice {
            DriverChoice::Epoll => Ok(Self::Epoll),
            DriverChoice::Uring => uring::probe().map(|()| Self::Uring),
            DriverChoice::Auto => Ok(uring::probe().map_or(Self::Epoll, |()| Self::Uring)),
        }
    }

    /// As the log names it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Epoll => "epoll",
            Self::Uring => "io_uring",
        }
    }
}

impl Driver {
    /// A driver without connections. To be made on the thread that will use it.
    ///
    /// # Errors
    /// When the process has no descriptor left, or no memory for the kernel's buffers.
    pub fn new(kind: Kind) -> io::Result<Self> {
        Ok(match kind {
            Kind::Epoll => Self::Epoll(Epoll::new()?),
            Kind::Uring => Self::Uring(Box::new(Uring::new()?)),
        })
    }

    /// Watches a descriptor that is read elsewhere: there is news each time something comes.
    ///
    /// # Errors
    /// When the process has no descriptor left, or the kernel's limit on watches is reached.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, token: Token) -> io::Result<()> {
        match self {
            Self::Epoll(driver) => driver.watch(fd, token),
            Self::Uring(driver) => driver.watch(fd, token),
        }
    }

    /// Watches it no more: from the next [wait](Self::wait) on nothing here keeps it open.
    pub fn unwatch(&mut self, fd: BorrowedFd<'_>, token: Token) {
        match self {
            Self::Epoll(driver) => driver.unwatch(fd, token),
            Self::Uring(driver) => driver.unwatch(token),
        }
    }

    /// Takes a connected, non-blocking socket. It may have bytes waiting.
    ///
    /// # Errors
    /// When the kernel's limit on watches is reached.
    pub fn open(&mut self, socket: OwnedFd, token: Token) -> io::Result<Link> {
        match self {
            Self::Epoll(driver) => driver.open(socket, token),
            Self::Uring(driver) => Ok(driver.open(socket, token)),
        }
    }

    /// Gives a connection another name; news of it comes under this one from now on.
    pub fn rename(&mut self, link: &Link, token: Token) {
        match self {
            Self::Epoll(driver) => driver.rename(link.at, token),
            Self::Uring(driver) => driver.rename(link.at, token),
        }
    }

    /// Waits until there is news or `timeout` has passed, and appends the news.
    ///
    /// # Errors
    /// Only when the kernel does not know our descriptor, which is a bug.
    #[inline]
    pub fn wait(&mut self, timeout: Duration, news: &mut Vec<Readiness>) -> io::Result<()> {
        match self {
            Self::Epoll(driver) => driver.wait(timeout, news),
            Self::Uring(driver) => driver.wait(timeout, news),
        }
    }

    /// What came, up to one buffer of it. Always inlined, as [`Self::give_back`] is: else the chunk
    /// is copied from one frame to the next on its way.
    #[inline(always)]
    pub fn receive(&mut self, link: &Link) -> Received {
        match self {
            Self::Epoll(driver) => driver.receive(link.at),
            Self::Uring(driver) => driver.receive(link.at),
        }
    }

    /// Tells nothing of the bytes of a connection in the next wait; one that receives until now may
    /// bring some news still.
    pub fn pause(&mut self, link: &Link) {
        match self {
            Self::Epoll(driver) => driver.pause(link.at),
            Self::Uring(driver) => driver.pause(link.at),
        }
    }

    /// Takes a buffer back, soon: there are only so many.
    #[inline(always)]
    pub fn give_back(&mut self, chunk: Chunk) {
        let Chunk { buffer, origin, .. } = chunk;
        match (self, origin) {
            (Self::Epoll(driver), Origin::Scratch) => driver.give_back(buffer),
            (Self::Uring(driver), Origin::Ring(place)) => driver.give_back(place, buffer),
            (Self::Uring(driver), Origin::Scratch) => driver.give_back_scratch(buffer),
            (_, Origin::Own | Origin::Ring(_)) => {}
        }
    }

    /// Sends, and keeps what the kernel does not take yet. Returns what is
    /// [unsent](Self::unsent) then.
    #[inline]
    pub fn send(&mut self, link: &Link, bytes: &[u8]) -> usize {
        match self {
            Self::Epoll(driver) => driver.send(link.at, bytes),
            Self::Uring(driver) => driver.send(link.at, bytes),
        }
    }

    /// Sends what `write` appends to the bytes that wait to be sent. Returns what is
    /// [unsent](Self::unsent) then.
    pub fn send_with(&mut self, link: &Link, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        match self {
            Self::Epoll(driver) => driver.send_with(link.at, write),
            Self::Uring(driver) => driver.send_with(link.at, write),
        }
    }

    /// Bytes that the kernel has refused so far, and those behind them.
    #[inline]
    #[must_use]
    pub fn unsent(&self, link: &Link) -> usize {
        match self {
            Self::Epoll(driver) => driver.unsent(link.at),
            Self::Uring(driver) => driver.unsent(link.at),
        }
    }

    /// The socket of a connection, to ask about it. Nothing else may be done with it.
    #[must_use]
    pub fn descriptor(&self, link: &Link) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Epoll(driver) => driver.descriptor(link.at),
            Self::Uring(driver) => driver.descriptor(link.at),
        }
    }

    /// Ends a connection: nothing of it is read any more. There is no more news of it.
    #[expect(clippy::needless_pass_by_value, reason = "a closed link cannot be used again")]
    pub fn close(&mut self, link: Link, farewell: Farewell) {
        let Link { at } = link;
        match self {
            Self::Epoll(driver) => driver.close(at, farewell),
            Self::Uring(driver) => driver.close(at, farewell),
        }
    }

    /// Gives up closed connections whose peers have not taken the rest in time.
    pub fn sweep(&mut self, now: Instant) {
        match self {
            Self::Epoll(driver) => driver.sweep(now),
            Self::Uring(driver) => driver.sweep(now),
        }
    }

    /// No connection is left, not even a closed one that still sends.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        match self {
            Self::Epoll(driver) => driver.is_idle(),
            Self::Uring(driver) => driver.is_idle(),
        }
    }
}
