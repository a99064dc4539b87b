//! Signals from the ledger, or from servers alone: what they mean for incidents.

use super::book::{Change, Counterfactual};
use super::signals::{Signals, Slots};
use crate::diagnosis::health::{Health, States};
use crate::ledger::{Demanded, Frame, LedgerSnapshot, Phase};

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

impl Signals {
    /// What the servers alone tell, without a proxy: sessions by what they do. Who waits for a
    /// connection, and who was refused one, only a proxy knows.
    #[must_use]
    pub fn of_servers(servers: &[Health]) -> Self {
        let mut slots = Slots::default();
        for connections in servers.iter().filter_map(|health| health.connections.as_ref()) {
            let States { active, idle, idle_in_transaction, unknown, .. } = connections.states;
            slots.executing += small(active.into());
            slots.in_transaction += small(idle_in_transaction.into());
            slots.upkeep += small(unknown.into());
            slots.idle += small(idle.into());
            slots.limit += small(connections.limit.into());
        }
        Self { slots, ..Self::default() }
    }
}

/// What would save a whole slot at least, of what the ledger has worked out.
#[must_use]
pub fn counterfactuals(demand: &Demanded) -> Vec<Counterfactual> {
    let needed = demand.needed;
    let changes = [
        (Change::DeferredBegin, demand.needed_with_deferred_begin),
        (Change::IdleLimit { millis: 1_000 }, demand.needed_with_gaps_of_1s),
    ];
    let saves = |&(_, needed_then): &(Change, f64)| needed - needed_then >= 1.0;
    let counterfactual = |(change, needed_then)| Counterfactual { change, needed, needed_then };
    changes.into_iter().filter(saves).map(counterfactual).collect()
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
    fn only_what_saves_a_slot_is_a_counterfactual() {
        let demand = Demanded {
            needed: 40.0,
            needed_with_deferred_begin: 39.5,
            needed_with_gaps_of_1s: 6.0,
            ..Demanded::default()
        };
        let expected = Counterfactual {
            change: Change::IdleLimit { millis: 1_000 },
            needed: 40.0,
            needed_then: 6.0,
        };
        assert_eq!(counterfactuals(&demand), [expected]);
    }

    #[test]
    fn an_empty_frame_and_an_empty_ledger_say_nothing() {
        let signals = Signals::of(&LedgerSnapshot::default(), None);
        assert_eq!((signals.requests_total, signals.slots), (0, Slots::default()));
    }
}
