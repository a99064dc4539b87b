//! Cheap hashers for the maps on the path of a query.
//!
//! Ids are our own and texts are hashed with the worker's seed, so nobody outside can aim at a
//! bucket; SipHash would guard against what cannot happen here.

use std::hash::{BuildHasher, Hasher};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Hashes numbers that are ours: ids, and hashes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NumberHash(u64);

/// 2^64 divided by the golden ratio (Knuth, "Sorting and Searching", 6.4).
const FIBONACCI: u64 = 0x9e37_79b9_7f4a_7c15;

impl BuildHasher for NumberHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for NumberHash {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        // The table takes its bucket from the low bits and its tag from the high ones.
        self.0 = (self.0 ^ number).wrapping_mul(FIBONACCI).rotate_left(32);
    }
}

/// Hashes texts with a seed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextHash(pub(super) u64);

impl BuildHasher for TextHash {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for TextHash {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        // The length that goes before a slice: xxh3 has it in its own hash already.
        self.0 ^= length as u64;
    }
}
