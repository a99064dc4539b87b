//! What is known of one connection: what came and was not read, what is to be sent, what the
//! kernel works on.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use weir_core::config::limits::{RECEIVE_BUFFER_BYTES, UNREAD_BYTES};

use crate::proxy::driver::{Chunk, Farewell, Origin, Token};

/// Buffers that wait behind the first one when much comes.
const CROWD: usize = 3;

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) fd: OwnedFd,
    pub(super) token: Token,
    /// Operations under way that name the descriptor: it is not closed before they are done.
    pub(super) operations: u8,
    pub(super) listening: Listening,
    /// The peer's hang-up is waited for, because nothing is received.
    pub(super) watched: bool,
    /// So are bytes that can be read.
    pub(super) watched_for_bytes: bool,
    /// The peer sends nothing more: what is in the inbox is the last.
    pub(super) ended: bool,
    /// The peer has hung up while nothing was received.
    pub(super) hung_up: bool,
    pub(super) inbox: Inbox,
    /// Much comes: it is read when it can be, with large reads, instead of being received.
    pub(super) bulk: bool,
    /// What was read last filled its buffer: more waits.
    pub(super) plenty: bool,
    /// It is neither received from nor watched in the next wait.
    pub(super) paused: bool,
    /// Bytes to be sent when those in flight have been.
    pub(super) out: Vec<u8>,
    /// The kernel has refused some of what it was given.
    pub(super) behind: bool,
    /// Sending has failed for good.
    pub(super) deaf: bool,
    /// It has been closed, and ends when all that is under way has ended.
    pub(super) closing: Option<Farewell>,
    pub(super) news: News,
    /// It is in the list of those with something to send.
    pub(super) dirty: bool,
}

/// Whether the kernel receives for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    Off,
    On,
    /// It has been told to stop.
    Ending,
}

/// What the worker has to be told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct News {
    /// It is in the list of those with news.
    pub(super) listed: bool,
    pub(super) drained: bool,
    pub(super) hangup: bool,
    pub(super) broken: bool,
}

/// What came and was not read, oldest first.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    first: Option<Chunk>,
    rest: VecDeque<Chunk>,
}

impl Conn {
    pub(super) fn new(fd: OwnedFd, token: Token) -> Self {
        Self {
            fd,
            token,
            operations: 0,
            listening: Listening::Off,
            watched: false,
            watched_for_bytes: false,
            ended: false,
            hung_up: false,
            inbox: Inbox::default(),
            bulk: false,
            plenty: false,
            paused: false,
            out: Vec::new(),
            behind: false,
            deaf: false,
            closing: None,
            news: News::default(),
            dirty: false,
        }
    }

    /// More is taken from its peer: not when so much waits already that was not read.
    pub(super) fn may_listen(&self) -> bool {
        self.closing.is_none() && !self.ended && !self.bulk && self.inbox.len() <= UNREAD_BYTES
    }

    /// Its bytes are read by system calls, and all that is known to wait has been.
    pub(super) fn wants_bytes(&self) -> bool {
        self.bulk && !self.plenty && !self.ended && self.inbox.is_empty()
    }

    /// Sends what waits and then these, without a copy, as far as the kernel takes it now.
    /// Returns what is left of the latter.
    pub(super) fn send_at_once<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let parts = [IoSlice::new(&self.out), IoSlice::new(bytes)];
        let mut control = SendAncillaryBuffer::default();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        // An error is not told apart from "nothing": the send that follows will meet it.
        let sent = rustix::net::sendmsg(&self.fd, &parts, &mut control, flags).unwrap_or(0);
        let waited = self.out.len();
        self.behind = sent < waited + bytes.len();
        self.out.drain(..sent.min(waited));
        &bytes[sent.saturating_sub(waited)..]
    }

    /// Reads at once what waits. What is short of a buffer that is received into ends this way of
    /// reading.
    pub(super) fn read_at_once(&mut self, mut buffer: Vec<u8>) -> Result<Chunk, Vec<u8>> {
        let filled = match rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::DONTWAIT) {
            Ok((filled, _)) => filled,
            Err(Errno::AGAIN | Errno::INTR) => {
                self.plenty = false;
                return Err(buffer);
            }
            Err(_) => 0,
        };
        self.ended = filled == 0;
        self.plenty = filled == buffer.len();
        self.bulk = filled >= RECEIVE_BUFFER_BYTES;
        if self.ended {
            return Err(buffer);
        }
        Ok(Chunk { buffer, filled, origin: Origin::Scratch, last: !self.plenty })
    }

    /// It is closed, and nothing holds it any more.
    pub(super) fn is_over(&self) -> bool {
        self.closing.is_some() && self.operations == 0 && (self.out.is_empty() || self.deaf)
    }
}

impl Inbox {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// So many buffers are in it that larger ones serve better.
    #[inline]
    pub(super) fn is_crowded(&self) -> bool {
        self.rest.len() >= CROWD
    }

    /// Bytes in it.
    pub(super) fn len(&self) -> usize {
        self.chunks().map(|chunk| chunk.len()).sum()
    }

    #[inline]
    pub(super) fn push(&mut self, chunk: Chunk) {
        match self.first {
            None => self.first = Some(chunk),
            Some(_) => self.rest.push_back(chunk),
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<Chunk> {
        let first = self.first.take()?;
        self.first = self.rest.pop_front();
        Some(first)
    }

    /// Moves what it has into a buffer of its own, and hands out the buffers of the ring.
    pub(super) fn stow(&mut self, mut give_back: impl FnMut(u16, Vec<u8>)) {
        if self.chunks().all(|chunk| chunk.origin == Origin::Own) {
            return;
        }
        let mut bytes = Vec::with_capacity(self.len());
        while let Some(chunk) = self.pop() {
            bytes.extend_from_slice(&chunk);
            match chunk.origin {
                Origin::Ring(place) => give_back(place, chunk.buffer),
                Origin::Own | Origin::Scratch => {}
            }
        }
        self.rest = VecDeque::new();
        self.first = Some(Chunk::own(bytes, false));
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        self.first.iter().chain(&self.rest)
    }
}
