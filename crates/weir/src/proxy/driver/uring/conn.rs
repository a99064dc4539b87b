//! What is known of one connection: what came and was not read, what is to be sent, what the
//! kernel works on.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::OwnedFd;

use rustix::net::{SendAncillaryBuffer, SendFlags};
use weir_core::config::limits::UNREAD_BYTES;

use crate::proxy::driver::{Chunk, Farewell, Origin, Token};

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) fd: OwnedFd,
    pub(super) token: Token,
    /// Operations under way that name the descriptor: it is not closed before they are done.
    pub(super) operations: u8,
    pub(super) listening: Listening,
    /// The peer's hang-up is waited for, because nothing is received.
    pub(super) watched: bool,
    /// The peer sends nothing more: what is in the inbox is the last.
    pub(super) ended: bool,
    /// The peer has hung up while nothing was received.
    pub(super) hung_up: bool,
    pub(super) inbox: Inbox,
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
            ended: false,
            hung_up: false,
            inbox: Inbox::default(),
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
        self.closing.is_none() && !self.ended && self.inbox.len() <= UNREAD_BYTES
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
