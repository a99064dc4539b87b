//! The fingerprint of a text: the same for texts that differ in values, layout and case only.
//!
//! It is the 64-bit XXH3 of the text's normal form (see [`normalise`]), taken as the form is made,
//! so it is stable across runs, machines and versions of the same form.

use std::fmt;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use super::normal::{Normaliser, Sink};

/// Bytes of normal form that are collected before they are hashed.
const CHUNK_LEN: usize = 512;

/// What the statements of a text are, without their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The fingerprint of `text`. Linear in its length, without allocation.
#[must_use]
pub fn fingerprint(text: &[u8]) -> Fingerprint {
    let mut sink = HashSink { chunk: [0; CHUNK_LEN], len: 0, hasher: None };
    Normaliser::new(text, &mut sink).run();
    sink.finish()
}

/// Appends the normal form of `text` to `out`, at most `len_max` bytes of it, cut at a character.
///
/// In the normal form constants and parameters are `?`, lists of constants after `IN` and in
/// `ARRAY[]` hold one, `VALUES` has one row, names that drivers number (savepoints, cursors,
/// prepared statements) and the values of `SET` are `?`, words are in lower case, comments are
/// gone and white space is regular. What is not UTF-8 becomes U+FFFD here (not in the hash).
pub fn normalise(text: &[u8], out: &mut String, len_max: usize) {
    let mut sink = TextSink { end_max: out.len().saturating_add(len_max), out };
    Normaliser::new(text, &mut sink).run();
}

struct HashSink {
    chunk: [u8; CHUNK_LEN],
    len: usize,
    /// Made when the normal form outgrows the first chunk: most do not.
    hasher: Option<Xxh3Default>,
}

impl HashSink {
    #[cold]
    fn flush(&mut self) {
        self.hasher.get_or_insert_with(Xxh3Default::new).update(&self.chunk[..self.len]);
        self.len = 0;
    }

    fn finish(self) -> Fingerprint {
        let last = &self.chunk[..self.len];
        Fingerprint(match self.hasher {
            None => xxh3_64(last),
            Some(mut hasher) => {
                hasher.update(last);
                hasher.digest()
            }
        })
    }
}

impl Sink for HashSink {
    #[inline]
    fn put(&mut self, mut bytes: &[u8]) {
        while bytes.len() > CHUNK_LEN - self.len {
            let (head, tail) = bytes.split_at(CHUNK_LEN - self.len);
            self.chunk[self.len..].copy_from_slice(head);
            self.len = CHUNK_LEN;
            self.flush();
            bytes = tail;
        }
        let end = self.len + bytes.len();
        self.chunk[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    #[inline]
    fn put_lower(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(CHUNK_LEN) {
            if piece.len() > CHUNK_LEN - self.len {
                self.flush();
            }
            let end = self.len + piece.len();
            for (to, from) in self.chunk[self.len..end].iter_mut().zip(piece) {
                *to = from.to_ascii_lowercase();
            }
            self.len = end;
        }
    }

    #[inline]
    fn is_full(&self) -> bool {
        false
    }
}

struct TextSink<'o> {
    out: &'o mut String,
    end_max: usize,
}

impl Sink for TextSink<'_> {
    fn put(&mut self, bytes: &[u8]) {
        for piece in bytes.utf8_chunks() {
            let replacement = if piece.invalid().is_empty() { "" } else { "\u{fffd}" };
            for character in piece.valid().chars().chain(replacement.chars()) {
                if self.out.len() + character.len_utf8() > self.end_max {
                    self.end_max = self.out.len();
                    return;
                }
                self.out.push(character);
            }
        }
    }

    fn put_lower(&mut self, bytes: &[u8]) {
        self.put(&bytes.to_ascii_lowercase());
    }

    fn is_full(&self) -> bool {
        self.out.len() >= self.end_max
    }
}
