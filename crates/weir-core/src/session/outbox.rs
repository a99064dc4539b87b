//! What a call leaves to send: a range of its input while that is enough, a copy where it is not.

use std::ops::Range;

/// Bytes to send to one peer after one call.
///
/// Relayed bytes stay where they were read: as long as all that is sent is one contiguous range
/// of the input, nothing is copied. Behind a message of our own, or a gap, ranges are copied into a
/// buffer that the worker keeps and reuses, those that lie together in one go.
#[derive(Debug, Default)]
pub struct Outbox {
    own: Vec<u8>,
    /// What is sent behind `own`.
    range: Range<usize>,
}

impl Outbox {
    /// Sends `range` of `input` as it lies.
    #[inline]
    pub fn forward(&mut self, input: &[u8], range: Range<usize>) {
        if self.range.end == range.start {
            self.range.end = range.end;
            return;
        }
        self.spill(input);
        self.range = range;
    }

    /// A buffer to append messages of our own to, behind everything sent so far.
    #[inline]
    pub fn own(&mut self, input: &[u8]) -> &mut Vec<u8> {
        self.spill(input);
        &mut self.own
    }

    /// What is to be sent. `input` is that of the call that filled this.
    #[inline]
    #[must_use]
    pub fn bytes<'a>(&'a mut self, input: &'a [u8]) -> &'a [u8] {
        if self.own.is_empty() {
            return &input[self.range.clone()];
        }
        self.spill(input);
        &self.own
    }

    /// Nothing is to be sent.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty() && self.own.is_empty()
    }

    /// Forgets what was sent; the buffer is kept for reuse.
    #[inline]
    pub fn clear(&mut self) {
        self.range = 0..0;
        self.own.clear();
    }

    #[inline]
    fn spill(&mut self, input: &[u8]) {
        if !self.range.is_empty() {
            self.own.extend_from_slice(&input[self.range.clone()]);
            self.range = 0..0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjacent_ranges_are_not_copied() {
        let input = b"abcdef";
        let mut out = Outbox::default();
        out.forward(input, 1..2);
        out.forward(input, 2..4);
        assert_eq!(out.bytes(input).as_ptr(), input[1..].as_ptr());
        assert_eq!(out.bytes(input), b"bcd");
    }

    #[test]
    fn a_gap_or_an_own_message_keeps_the_order() {
        let input = b"abcdef";
        let mut out = Outbox::default();
        out.forward(input, 0..1);
        out.forward(input, 2..3);
        out.own(input).extend_from_slice(b"--");
        out.forward(input, 4..5);
        out.forward(input, 5..6);
        assert_eq!(out.bytes(input), b"ac--ef");
        out.own(input).extend_from_slice(b"!");
        assert_eq!(out.bytes(input), b"ac--ef!");
        out.clear();
        assert!(out.is_empty());
    }
}
