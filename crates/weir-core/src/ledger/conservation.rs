//! The law: over any window, the sum of all phases equals the time that server connections were
//! open.
//!
//! The open time is counted here from nothing but openings and closings, apart from the accounts,
//! so that each proves the other.

use crate::time::Instant;

/// The integral of the number of open server connections over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenTime {
    open: u32,
    nanos: u128,
    /// Up to when it is counted.
    until: Instant,
}

impl OpenTime {
    /// One more is open.
    pub fn opened(&mut self, now: Instant) {
        self.advance(now);
        self.open += 1;
    }

    /// One is closed.
    pub fn closed(&mut self, now: Instant) {
        self.advance(now);
        debug_assert!(self.open > 0, "more closed than opened");
        self.open = self.open.saturating_sub(1);
    }

    /// The integral up to `now`, nanoseconds.
    #[must_use]
    pub fn nanos(&self, now: Instant) -> u128 {
        self.nanos + self.since(now)
    }

    /// How many are open.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.open
    }

    fn advance(&mut self, now: Instant) {
        self.nanos += self.since(now);
        self.until = self.until.max(now);
    }

    fn since(&self, now: Instant) -> u128 {
        now.since(self.until).as_nanos() * u128::from(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_intervals_count_up_to_the_moment_of_reading() {
        let at = Instant::from_nanos;
        let mut open = OpenTime::default();
        open.opened(at(10));
        open.opened(at(15));
        assert_eq!((open.open(), open.nanos(at(20))), (2, 15));
        open.closed(at(20));
        assert_eq!((open.open(), open.nanos(at(30))), (1, 25));
        assert_eq!(open.nanos(at(30)), 25, "reading changes nothing");
    }
}
