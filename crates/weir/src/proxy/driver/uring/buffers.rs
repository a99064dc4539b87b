//! Buffers that the kernel fills as bytes arrive: a ring of addresses shared with it, which all
//! connections of a worker draw on (`io_uring_register_buf_ring(3)`).

use std::io;
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use io_uring::Submitter;
use weir_core::config::limits::{RECEIVE_BUFFER_BYTES, RECEIVE_BUFFERS};

use crate::proxy::driver::{Chunk, Origin};

/// The only group of buffers.
pub(super) const GROUP: u16 = 0;

/// How many there are; the kernel wants a power of two.
const COUNT: u16 = {
    assert!(RECEIVE_BUFFERS.is_power_of_two() && RECEIVE_BUFFERS <= 1 << 15);
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let count = RECEIVE_BUFFERS as u16;
    count
};

/// How long each is.
const LEN: u32 = {
    assert!(RECEIVE_BUFFER_BYTES <= 1 << 30);
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    let len = RECEIVE_BUFFER_BYTES as u32;
    len
};

/// The buffers. The kernel has those in `lent`; the others are on their way through the worker.
#[derive(Debug)]
pub(super) struct Buffers {
    shared: Rc<Shared>,
    lent: Vec<Option<Vec<u8>>>,
    tail: u16,
}

/// `struct io_uring_buf_ring`: the kernel reads it while we write.
#[derive(Debug)]
#[repr(C, align(4096))]
struct Shared {
    entries: [Entry; RECEIVE_BUFFERS],
}

/// `struct io_uring_buf`. The last field of the first one is the ring's tail.
#[derive(Debug)]
#[repr(C)]
struct Entry {
    addr: AtomicU64,
    len: AtomicU32,
    bid: AtomicU16,
    tail: AtomicU16,
}

const _: () = assert!(size_of::<Entry>() == 16, "as the kernel has it");

impl Buffers {
    /// Makes the buffers and shows them to the kernel.
    pub(super) fn register(submitter: &Submitter<'_>) -> io::Result<Self> {
        let entry = || Entry {
            addr: AtomicU64::new(0),
            len: AtomicU32::new(0),
            bid: AtomicU16::new(0),
            tail: AtomicU16::new(0),
        };
        let shared = Rc::new(Shared { entries: std::array::from_fn(|_| entry()) });
        let address = std::ptr::from_ref(&*shared).expose_provenance() as u64;
        // SAFETY: the memory is aligned to a page, as long as COUNT entries, and lives until the
        // ring is gone: `Ring` drops it afterwards, or leaks it (`Buffers::leak`).
        unsafe { submitter.register_buf_ring_with_flags(address, COUNT, GROUP, 0) }?;
        let lent = std::iter::repeat_with(|| None).take(RECEIVE_BUFFERS).collect();
        let mut buffers = Self { shared, lent, tail: 0 };
        (0..COUNT).for_each(|place| buffers.put(place, vec![0; RECEIVE_BUFFER_BYTES]));
        Ok(buffers)
    }

    /// Lends a buffer to the kernel, at a place that is free.
    #[inline]
    pub(super) fn put(&mut self, place: u16, buffer: Vec<u8>) {
        let Some(slot) = self.lent.get_mut(usize::from(place)) else { return };
        if slot.is_some() || buffer.len() != RECEIVE_BUFFER_BYTES {
            return;
        }
        let mut buffer = buffer;
        let address = buffer.as_mut_ptr().expose_provenance() as u64;
        // The slot owns the buffer from now on and does not touch it until the kernel has said
        // that it is done with it.
        *slot = Some(buffer);
        let entry = &self.shared.entries[usize::from(self.tail % COUNT)];
        entry.addr.store(address, Ordering::Relaxed);
        entry.len.store(LEN, Ordering::Relaxed);
        entry.bid.store(place, Ordering::Relaxed);
        self.tail = self.tail.wrapping_add(1);
        // The kernel reads the entry after it has seen the tail.
        self.shared.entries[0].tail.store(self.tail, Ordering::Release);
    }

    /// Takes a buffer that the kernel has filled and is done with.
    #[inline]
    pub(super) fn take(&mut self, place: u16, filled: usize) -> Option<Chunk> {
        let buffer = self.lent.get_mut(usize::from(place))?.take()?;
        let filled = filled.min(buffer.len());
        Some(Chunk { buffer, filled, origin: Origin::Ring(place), last: false })
    }

    /// Never frees what the kernel may still write to.
    pub(super) fn leak(&mut self) {
        mem::forget(mem::take(&mut self.lent));
        mem::forget(Rc::clone(&self.shared));
    }
}
