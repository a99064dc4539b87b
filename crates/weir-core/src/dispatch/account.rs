//! What a class used lately: slot time and counts that fade with age.
//!
//! Time is cut into steps of 2^27 ns (134 ms). At the end of each step a quarter of everything
//! fades, so that a steady quantity stands for four steps, [`WINDOW_NANOS`]. Steps are those of
//! the clock, so the result does not depend on how often it is looked at.

use crate::time::Instant;

const STEP_SHIFT: u32 = 27;
const FADE_SHIFT: u32 = 2;

/// Of the longer time: an eighth of a quarter, so that it stands for 32 steps, 4.3 s.
const SLOW_SHIFT: u32 = 5;

/// Ended transactions that make the shorter time enough.
const MANY: u64 = 8;

/// One transaction in so many makes the mean of the last ones.
const MEAN_OF: u64 = 8;

/// Steps after which nothing is left.
const STEPS_MAX: u64 = 256;

/// One event in the fading counts, which have 16 binary places.
const ONE: u64 = 1 << 16;

/// The time a faded quantity stands for: 0.54 s.
pub(super) const WINDOW_NANOS: u64 = 1 << (STEP_SHIFT + FADE_SHIFT);

/// Slots held now, and what was used lately.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    /// Slots held now.
    pub(super) held: u32,
    /// Slot-nanoseconds.
    slot_nanos: u64,
    /// The same over a longer time, for classes with few transactions.
    slow_nanos: u64,
    /// Transactions that ended, over the same longer time.
    slow_done: u64,
    /// Transactions that asked for a slot.
    asked: u64,
    /// Transactions that ended.
    done: u64,
    /// Waiting clients that got a slot.
    granted: u64,
    /// Waiting clients that left by themselves.
    gave_up: u64,
    /// The sum of when the slots held now were taken, in microseconds.
    taken_micros: u64,
    /// How long the last transactions held their slots, in nanoseconds: a mean in which each one
    /// that ends counts for an eighth, so that it stays when none does.
    ended_nanos: u64,
    /// Until when the above is charged, in nanoseconds.
    until: u64,
}

impl Account {
    /// Charges and fades everything up to `now`.
    #[inline]
    pub(super) fn roll(&mut self, now: Instant) {
        let now = now.as_nanos();
        if now >> STEP_SHIFT == self.until >> STEP_SHIFT {
            self.charge(now.max(self.until));
        } else if now > self.until {
            self.fade(now);
        }
    }

    fn fade(&mut self, now: u64) {
        let horizon = now.saturating_sub(STEPS_MAX << STEP_SHIFT);
        self.until = self.until.max(horizon);
        while self.until >> STEP_SHIFT < now >> STEP_SHIFT {
            let end = ((self.until >> STEP_SHIFT) + 1) << STEP_SHIFT;
            self.charge(end);
            self.slow_nanos -= self.slow_nanos >> SLOW_SHIFT;
            self.slow_done -= self.slow_done >> SLOW_SHIFT;
            for faded in [
                &mut self.slot_nanos,
                &mut self.asked,
                &mut self.done,
                &mut self.granted,
                &mut self.gave_up,
            ] {
                *faded -= *faded >> FADE_SHIFT;
            }
        }
        self.charge(now);
    }

    /// Charges the slots held until `end`, which is in the same step.
    #[inline]
    fn charge(&mut self, end: u64) {
        let nanos = u64::from(self.held) * (end - self.until);
        self.slot_nanos += nanos;
        self.slow_nanos += nanos;
        self.until = end;
    }

    /// A transaction asks for a slot.
    #[inline]
    pub(super) const fn ask(&mut self) {
        self.asked += ONE;
    }

    /// A slot is taken; `now` has been rolled to.
    #[inline]
    pub(super) const fn take(&mut self) {
        self.held += 1;
        self.taken_micros += self.until / 1_000;
    }

    /// A slot taken at `since` is given back; `now` has been rolled to.
    #[inline]
    pub(super) const fn give_back(&mut self, since: Instant) {
        self.held = self.held.saturating_sub(1);
        self.taken_micros = self.taken_micros.saturating_sub(since.as_nanos() / 1_000);
        self.done += ONE;
        self.slow_done += ONE;
        let hold = self.until.saturating_sub(since.as_nanos());
        self.ended_nanos = match self.ended_nanos {
            0 => hold,
            mean => mean - mean / MEAN_OF + hold / MEAN_OF,
        };
    }

    /// A waiting client got a slot.
    pub(super) const fn grant(&mut self) {
        self.granted += ONE;
    }

    /// A waiting client left by itself.
    pub(super) const fn give_up(&mut self) {
        self.gave_up += ONE;
    }

    /// Slots held now plus slots held lately on average, in units of 2^-29 slots.
    #[inline]
    pub(super) const fn occupancy(&self) -> u64 {
        (self.held as u64 * WINDOW_NANOS).saturating_add(self.slot_nanos)
    }

    /// Slot time for each transaction lately, open ones included, in nanoseconds. A class whose
    /// transactions stop ending shows it at once, long before the first of them is over.
    pub(super) const fn hold_nanos(&self) -> u64 {
        let quick = (self.slot_nanos << 16) / (self.done + ONE);
        if self.done >= MANY * ONE {
            return quick;
        }
        let slow = (self.slow_nanos << 13) / ((self.slow_done + ONE) >> 3);
        if slow > quick { slow } else { quick }
    }

    /// The same, but at least what the last ones took while few end: a class that waits for its
    /// turn is not quick because nothing was seen of it lately.
    pub(super) fn known_hold_nanos(&self) -> u64 {
        let lately = self.hold_nanos();
        if self.is_sparse() { lately.max(self.ended_nanos) } else { lately }
    }

    /// How long the slots held now have been held on average, in nanoseconds; 0 for none. All
    /// accounts of a look have been rolled to its time.
    pub(super) fn age_nanos(&self) -> u64 {
        let now = self.until / 1_000 * u64::from(self.held);
        let micros = now.saturating_sub(self.taken_micros).checked_div(u64::from(self.held));
        micros.unwrap_or(0) * 1_000
    }

    /// True when so few transactions ended lately that the longer time was taken.
    pub(super) const fn is_sparse(&self) -> bool {
        self.done < MANY * ONE
    }

    /// Transactions that asked lately, for weighing classes.
    pub(super) const fn demand(&self) -> u64 {
        self.asked
    }

    /// The time between two requests lately, in nanoseconds.
    pub(super) const fn ask_interval_nanos(&self) -> u64 {
        (WINDOW_NANOS << 16) / (self.asked + ONE)
    }

    /// The time between two grants lately, in nanoseconds.
    pub(super) const fn grant_interval_nanos(&self) -> u64 {
        (WINDOW_NANOS << 16) / (self.granted + ONE)
    }

    /// Grants lately.
    pub(super) const fn grants(&self) -> u64 {
        self.granted >> 16
    }

    /// True when lately a quarter more transactions asked than ended.
    pub(super) const fn is_outgrown(&self) -> bool {
        self.asked * 4 > self.done * 5
    }

    /// True when of those who left the queue lately at least one in eight got nothing, and these
    /// are not just one or two.
    pub(super) const fn is_deserted(&self) -> bool {
        self.gave_up >= 4 * ONE && self.gave_up * 8 >= self.gave_up + self.granted
    }

    /// True when nothing happened lately.
    pub(super) const fn is_blank(&self) -> bool {
        self.held == 0 && self.slot_nanos == 0 && self.asked < ONE / 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_steady_class_shows_what_it_holds_twice() {
        let mut account = Account { held: 5, ..Account::default() };
        account.roll(at(10_000));
        let slots = account.occupancy() * 10 / WINDOW_NANOS;
        assert!((87..=100).contains(&slots), "5 held and 5 lately are about 10, not {slots}/10");
        account.held = 0;
        account.roll(at(20_000));
        assert_eq!(account.occupancy() >> STEP_SHIFT, 0);
    }

    #[test]
    fn looking_often_changes_nothing() {
        let (mut seldom, mut often) = (Account::default(), Account::default());
        (seldom.held, often.held) = (3, 3);
        for millis in 0..5_000 {
            often.roll(at(millis));
        }
        seldom.roll(at(4_999));
        assert_eq!(seldom.slot_nanos, often.slot_nanos);
    }

    #[test]
    fn transactions_that_stop_ending_show_before_they_end() {
        let mut account = Account::default();
        for millis in 0..5_000 {
            account.roll(at(millis));
            account.take();
            account.roll(at(millis));
            account.give_back(at(millis));
        }
        assert!(account.hold_nanos() < 1_000_000);
        account.held = 10;
        account.roll(at(6_000));
        assert!(account.hold_nanos() > 50_000_000, "{}", account.hold_nanos());
    }

    #[test]
    fn time_that_goes_back_is_ignored() {
        let mut account = Account { held: 1, ..Account::default() };
        account.roll(at(1_000));
        let before = account.slot_nanos;
        account.roll(at(500));
        account.roll(at(1_000));
        assert_eq!(account.slot_nanos, before);
    }
}
