//! The queues shared with the kernel. All memory that it reads and writes is owned here while it
//! may: bytes to be sent from the moment they are given until their completion has come back,
//! buffers to be filled likewise. So nothing outside can break that.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fd, SubmitArgs, Timespec};
use io_uring::{IoUring, cqueue, opcode, squeue};
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use weir_core::config::limits::{COMPLETIONS, EVENTS_PER_TURN};

use super::buffers::{Buffers, GROUP};
use crate::proxy::driver::Chunk;

/// How often the end of everything is waited for when the ring is dropped, and how long each time.
const LAST_WAITS: u32 = 50;
const LAST_WAIT: Duration = Duration::from_millis(100);

/// A receive that goes on and on, and one that looks whether something has come before it tries to
/// read, which it seldom has: `io_uring_enter(2)`, flags of `IORING_OP_RECV` in `ioprio`.
const RECV_MULTISHOT: u16 = 1 << 1;
const RECV_POLL_FIRST: u16 = 1 << 0;

/// What an operation does. Each connection has at most one of each kind under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Receives again and again.
    Receive,
    /// Sends what the kernel takes at once; completes while it is submitted.
    Offer,
    /// Sends all, as the peer takes it.
    Send,
    /// Waits for the peer to hang up.
    Watch,
    /// Waits for something to come where nothing is received, again and again.
    Bell,
    /// Cancels another one.
    Cancel,
}

impl Op {
    const ALL: [Self; 6] =
        [Self::Receive, Self::Offer, Self::Send, Self::Watch, Self::Bell, Self::Cancel];
}

/// Whose operation it is: a place, and its generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) at: u32,
    pub(super) generation: u32,
}

/// Bits of the user data below the operation: place and generation.
const OP_SHIFT: u32 = 60;
const GENERATION_MASK: u32 = (1 << 28) - 1;

impl Key {
    fn with(self, op: Op) -> u64 {
        let generation = u64::from(self.generation & GENERATION_MASK);
        (op as u64) << OP_SHIFT | generation << 32 | u64::from(self.at)
    }

    #[expect(clippy::cast_possible_truncation, reason = "each part is cut out")]
    fn split(data: u64) -> Option<(Op, Self)> {
        let op = *Op::ALL.get((data >> OP_SHIFT) as usize)?;
        let generation = (data >> 32) as u32 & GENERATION_MASK;
        Some((op, Self { at: data as u32, generation }))
    }

    /// Names the same occupant of the place.
    pub(super) fn is(self, at: u32, generation: u32) -> bool {
        self.at == at && self.generation == generation & GENERATION_MASK
    }
}

/// An operation is done, or (`more`) has news and goes on.
#[derive(Debug)]
pub(super) struct Completion {
    pub(super) key: Key,
    pub(super) more: bool,
    pub(super) what: What,
}

/// What is done.
#[derive(Debug)]
pub(super) enum What {
    /// Bytes came; `None` is the end of them.
    Received(Result<Option<Chunk>, Errno>),
    /// Bytes were sent, of `bytes[from..]` as many as the result says.
    Sent { flight: Flight, result: Result<usize, Errno> },
    /// The peer has hung up, and how.
    Watched(Result<PollFlags, Errno>),
    /// Something came where nothing is received.
    Rang,
}

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) bytes: Vec<u8>,
    pub(super) from: usize,
}

/// The ring.
pub(super) struct Ring {
    ring: IoUring,
    buffers: Buffers,
    /// Bytes that the kernel may read, by place.
    flights: Vec<Option<Flight>>,
    /// Operations that did not fit into the queue.
    backlog: VecDeque<squeue::Entry>,
    /// Operations whose last completion has not been seen.
    under_way: usize,
    /// Offers among them: they complete while they are submitted.
    offers: usize,
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("under_way", &self.under_way).finish_non_exhaustive()
    }
}

impl Ring {
    /// A ring for the thread that calls.
    pub(super) fn new() -> io::Result<Self> {
        let entries = u32::try_from(EVENTS_PER_TURN).unwrap_or(u32::MAX);
        let completions = u32::try_from(COMPLETIONS).unwrap_or(u32::MAX);
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .setup_cqsize(completions)
            .build(entries)?;
        if !ring.params().is_feature_nodrop() || !ring.params().is_feature_ext_arg() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let buffers = Buffers::register(&ring.submitter())?;
        Ok(Self {
            ring,
            buffers,
            flights: Vec::new(),
            backlog: VecDeque::new(),
            under_way: 0,
            offers: 0,
        })
    }

    /// Receives what comes, until cancelled, until the end, or until no buffer is left.
    pub(super) fn receive(&mut self, key: Key, fd: BorrowedFd<'_>) {
        let entry = opcode::Recv::new(Fd(fd.as_raw_fd()), std::ptr::null_mut(), 0)
            .buf_group(GROUP)
            .ioprio(RECV_MULTISHOT | RECV_POLL_FIRST)
            .build()
            .flags(squeue::Flags::BUFFER_SELECT);
        self.push(entry, key.with(Op::Receive));
    }

    /// Sends a flight, `all` of it or what the kernel takes at once. Gives it back when another
    /// of this place is under way.
    pub(super) fn send(
        &mut self,
        key: Key,
        fd: BorrowedFd<'_>,
        flight: Flight,
        all: bool,
    ) -> Result<(), Flight> {
        let place = key.at as usize;
        if self.flights.len() <= place {
            self.flights.resize_with(place + 1, || None);
        }
        if self.flights[place].is_some() {
            return Err(flight);
        }
        let flight = self.flights[place].insert(flight);
        let bytes = &flight.bytes[flight.from.min(flight.bytes.len())..];
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (op, wait) = if all {
            (Op::Send, SendFlags::from_bits_retain(RecvFlags::WAITALL.bits()))
        } else {
            self.offers += 1;
            (Op::Offer, SendFlags::DONTWAIT)
        };
        let flags = (SendFlags::NOSIGNAL | wait).bits().cast_signed();
        let entry = opcode::Send::new(Fd(fd.as_raw_fd()), bytes.as_ptr(), len).flags(flags).build();
        self.push(entry, key.with(op));
        Ok(())
    }

    /// Bytes of this place that are under way; `None` when no send is.
    #[inline]
    pub(super) fn in_flight(&self, at: u32) -> Option<usize> {
        let flight = self.flights.get(at as usize)?.as_ref()?;
        Some(flight.bytes.len() - flight.from)
    }

    /// Waits for one of these conditions, once.
    pub(super) fn watch(&mut self, key: Key, fd: BorrowedFd<'_>, conditions: PollFlags) {
        let conditions = u32::from(conditions.bits());
        let entry = opcode::PollAdd::new(Fd(fd.as_raw_fd()), conditions).build();
        self.push(entry, key.with(Op::Watch));
    }

    /// Waits for a descriptor to become readable, again and again.
    pub(super) fn watch_always(&mut self, key: Key, fd: BorrowedFd<'_>) {
        let conditions = u32::from(PollFlags::IN.bits());
        let entry = opcode::PollAdd::new(Fd(fd.as_raw_fd()), conditions).multi(true).build();
        self.push(entry, key.with(Op::Bell));
    }

    /// Ends an operation early, if it is under way. It completes in any case.
    pub(super) fn cancel(&mut self, key: Key, op: Op) {
        let entry = opcode::AsyncCancel::new(key.with(op)).build();
        self.push(entry, key.with(Op::Cancel));
    }

    /// Lends a buffer to the kernel again.
    #[inline]
    pub(super) fn give_back(&mut self, place: u16, buffer: Vec<u8>) {
        self.buffers.put(place, buffer);
    }

    fn push(&mut self, entry: squeue::Entry, data: u64) {
        self.under_way += 1;
        self.backlog.push_back(entry.user_data(data));
        self.submit_backlog();
    }

    /// Moves what waits into the queue, as far as there is room.
    fn submit_backlog(&mut self) {
        while let Some(entry) = self.backlog.front() {
            // SAFETY: what the entry points to lives until its completion has been seen: a
            // flight in `flights`, from where only `next` takes it; other operations point to
            // nothing (what they receive goes to `buffers`). `Drop` waits for all completions.
            let pushed = unsafe { self.ring.submission().push(entry) };
            if pushed.is_ok() {
                self.backlog.pop_front();
            } else if !matches!(self.ring.submit(), Ok(taken) if taken > 0) {
                // The kernel is busy: it is asked again with the next wait.
                return;
            }
        }
    }

    /// Submits what was asked for, and waits until something happens or `timeout` has passed.
    pub(super) fn enter(&mut self, timeout: Duration) -> io::Result<()> {
        self.submit_backlog();
        // Offers complete while they are submitted: they are nothing to wait for.
        let wanted = self.offers + 1;
        let timeout = Timespec::from(timeout);
        let arguments = SubmitArgs::new().timespec(&timeout);
        match self.ring.submitter().submit_with_args(wanted, &arguments) {
            Ok(_) => Ok(()),
            Err(error) => match Errno::from_io_error(&error) {
                // Out of time, interrupted, or short of memory or room for completions.
                Some(Errno::TIME | Errno::INTR | Errno::BUSY | Errno::AGAIN) => Ok(()),
                Some(_) | None => Err(error),
            },
        }
    }

    /// The next completion.
    #[inline]
    pub(super) fn next(&mut self) -> Option<Completion> {
        loop {
            let cqe = self.ring.completion().next()?;
            let more = cqueue::more(cqe.flags());
            self.under_way -= usize::from(!more);
            let Some((op, key)) = Key::split(cqe.user_data()) else { continue };
            let count = usize::try_from(cqe.result());
            let failure = || Errno::from_raw_os_error(-cqe.result());
            let what = match op {
                Op::Receive => What::Received(self.received(&cqe)),
                Op::Offer | Op::Send => {
                    self.offers -= usize::from(op == Op::Offer);
                    let flight = self.flights.get_mut(key.at as usize).and_then(Option::take);
                    let Some(flight) = flight else { continue };
                    What::Sent { flight, result: count.map_err(|_| failure()) }
                }
                Op::Watch => {
                    let seen = u16::try_from(cqe.result()).map(PollFlags::from_bits_retain);
                    What::Watched(seen.map_err(|_| failure()))
                }
                Op::Bell => What::Rang,
                Op::Cancel => continue,
            };
            return Some(Completion { key, more, what });
        }
    }

    fn received(&mut self, cqe: &cqueue::Entry) -> Result<Option<Chunk>, Errno> {
        let count = usize::try_from(cqe.result()).unwrap_or(0);
        let place = cqueue::buffer_select(cqe.flags());
        let chunk = place.and_then(|place| self.buffers.take(place, count));
        match (chunk, place, cqe.result()) {
            (Some(chunk), _, 1..) => Ok(Some(chunk)),
            (Some(chunk), Some(place), _) => {
                self.buffers.put(place, chunk.buffer);
                if cqe.result() == 0 { Ok(None) } else { Err(failed(cqe)) }
            }
            (_, _, 0..) => Ok(None),
            (_, _, ..0) => Err(failed(cqe)),
        }
    }

    /// Ends all operations and waits for their completions. Returns whether they all came.
    fn end(&mut self) -> bool {
        let all = opcode::AsyncCancel2::new(CancelBuilder::any()).build();
        self.push(all, Key { at: u32::MAX, generation: 0 }.with(Op::Cancel));
        for _ in 0..LAST_WAITS {
            if self.enter(LAST_WAIT).is_err() {
                return false;
            }
            while self.next().is_some() {}
            if self.under_way == 0 {
                return true;
            }
        }
        false
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        if !self.end() {
            // The kernel may still use it.
            mem::forget(mem::take(&mut self.flights));
            self.buffers.leak();
        }
    }
}

fn failed(cqe: &cqueue::Entry) -> Errno {
    Errno::from_raw_os_error(-cqe.result())
}
