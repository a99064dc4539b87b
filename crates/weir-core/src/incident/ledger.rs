//! Signals from the ledger: what its snapshots and frames mean for incidents.

use super::signals::{Signals, Slots};
use crate::ledger::{Frame, LedgerSnapshot, Phase};

impl Slots {
    /// The means of a frame.
    #[must_use]
    pub fn of(frame: &Frame) -> Self {
        let span = frame.span.as_secs_f64();
        let mean = |phases: &[Phase]| {
            let seconds: f64 = phases.iter().map(|&phase| frame.times.seconds(phase)).sum();
            if span > 0.0 { small(seconds / span) } else { 0.0 }
        };
        Self {
            executing: mean(&[Phase::Executing, Phase::CopyIn]),
            in_transaction: mean(&[Phase::IdleInTransaction]),
            client_blocked: mean(&[Phase::ClientBlocked]),
            pinned: mean(&[Phase::PinnedIdle]),
            upkeep: mean(&[
                Phase::Connecting,
                Phase::Resetting,
                Phase::CancelSettling,
                Phase::Draining,
            ]),
            idle: mean(&[Phase::Idle]),
            limit: small(f64::from(frame.slots)),
            waiting: small(f64::from(frame.waiting)),
        }
    }
}

impl Signals {
    /// What the ledger knows: requests, refusals, waits, and slots from the latest frame. Server,
    /// failures, connections and users are for others to add.
    #[must_use]
    pub fn of(snapshot: &LedgerSnapshot, frame: Option<&Frame>) -> Self {
        let classes = snapshot.classes.iter().map(|class| &class.sums);
        Self {
            requests_total: classes.clone().map(|sums| sums.claims).sum(),
            refused_total: classes.map(|sums| sums.refused.count).sum(),
            oldest_wait: snapshot.waiters.iter().map(|one| one.waited).max().unwrap_or_default(),
            slots: frame.map(Slots::of).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Counts of slots are far below what this type holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "a figure for a picture")]
const fn small(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ledger::PhaseTimes;
    use crate::time::Instant;

    #[test]
    fn every_phase_of_a_frame_is_in_one_band_and_the_bands_sum_up_to_the_open_slots() {
        let mut times = PhaseTimes::default();
        for (index, phase) in Phase::ALL.into_iter().enumerate() {
            times.charge(phase, 2_000_000_000 * (index as u64 + 1));
        }
        let (at, span) = (Instant::ZERO, Duration::from_secs(2));
        let frame = Frame { at, span, times, slots: 60, waiting: 3, classes: Vec::new() };
        let slots = Slots::of(&frame);
        assert_eq!(slots.held() + slots.idle, 55.0);
        assert_eq!((slots.limit, slots.waiting, slots.in_transaction), (60.0, 3.0, 7.0));
    }

    #[test]
    fn an_empty_frame_and_an_empty_ledger_say_nothing() {
        let signals = Signals::of(&LedgerSnapshot::default(), None);
        assert_eq!((signals.requests_total, signals.slots), (0, Slots::default()));
    }
}
