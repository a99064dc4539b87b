//! The last eighth of the pool is for the quick.
//!
//! A class is *long* when its transactions hold slots for half a second and more, and eight times
//! as long as those of the quickest part of the demand. Long classes together never hold the last
//! eighth of the pool, nor the one slot before it: what they lose by that is those slots, in a
//! small pool up to half of it; what the others lose without it is everything, from the first
//! moment of a surge, long before it can be known whether anything is unusual. When no other class
//! has asked for a second, nothing is kept: a slot that nobody wants is nobody's gain.

use std::time::Duration;

use crate::time::Instant;

use super::class::Class;
use super::queue::{Dispatch, Place};

/// Longer than the quick.
const LONG_FACTOR: u64 = 8;
/// And no shorter than that.
pub(super) const LONG_MIN: Duration = Duration::from_millis(500);
/// Half as long is enough for a class that holds its slots so much longer than usual, in percent:
/// before what hangs has lasted half a second, it may have all slots.
const SLOWS_PERCENT: u64 = 150;
/// Nothing is kept for the quick when none has asked for so long.
const QUICK_GONE: Duration = Duration::from_secs(1);
/// The quick are one in so many of those who ask, at least.
const QUICK_SHARE: u64 = 8;

impl Dispatch {
    /// Slots that long classes leave to others.
    pub(super) const fn quick_reserve(&self) -> u32 {
        if self.size > 1 { self.size / 8 + 1 } else { 0 }
    }

    /// The hold time that the quickest part of the demand stays below, in nanoseconds; none while
    /// nobody asks.
    pub(super) fn quick_nanos(&mut self) -> Option<u64> {
        self.holds.clear();
        let busy = self.classes.iter().filter(|class| class.account.demand() > 0);
        self.holds
            .extend(busy.map(|class| (class.account.known_hold_nanos(), class.account.demand())));
        self.holds.sort_unstable();
        let all: u64 = self.holds.iter().map(|&(_, demand)| demand).sum();
        let mut sum = 0;
        let quick = self.holds.iter().find(|&&(_, demand)| {
            sum += demand;
            sum * QUICK_SHARE >= all
        });
        quick.map(|&(hold, _)| hold)
    }

    /// Notes which classes are long, and whether there are others.
    pub(super) fn part_long_from_quick(&mut self, now: Instant) {
        let quick = self.quick_nanos();
        for class in &mut self.classes {
            class.long = quick.is_some_and(|quick| class.is_long(quick));
        }
        self.quick_here = now.since(self.quick_at) < QUICK_GONE;
        let kept = self.quick_here && self.classes.iter().any(|class| class.long);
        self.guarded = self.minimums > 0 || kept;
    }

    /// True when the slots left after this one suffice for the quick.
    pub(super) fn leaves_quick(&self, place: Place) -> bool {
        if !self.quick_here || !self.classes[place.at()].long {
            return true;
        }
        let long = self.classes.iter().filter(|class| class.long);
        let held: u32 = long.map(|class| class.account.held).sum();
        held + self.quick_reserve() < self.size
    }
}

impl Class {
    fn is_long(&self, quick_nanos: u64) -> bool {
        let hold = Duration::from_nanos(self.account.known_hold_nanos());
        let longer = Duration::from_nanos(quick_nanos.saturating_mul(LONG_FACTOR));
        let slows = self.inflation_percent().is_some_and(|percent| percent >= SLOWS_PERCENT);
        let least = if slows { LONG_MIN / 2 } else { LONG_MIN };
        hold >= least && hold > longer && !self.rules.exempt
    }
}
