//! The law over random events: whatever happens in whatever order, phases add up to open time,
//! classes add up to phases, and gaps add up to the time idle in transactions.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::ids::{PoolId, ServerId};
use crate::ledger::{Caller, Ledger, Phase, WaitEnd};
use crate::pool::State;
use crate::time::Instant;

/// Texts with and without tags, of few statements.
const TEXTS: [&str; 7] = [
    "SELECT 1",
    "SELECT 2 FROM a",
    "BEGIN",
    "COMMIT",
    "UPDATE a SET b = 1 /*route='/a'*/",
    "SELECT 3 /*route='/b'*/",
    "/*application='other'*/ DELETE FROM a",
];

#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    Open(u32),
    Close(u32),
    Move(u32, State),
    Hold(u32, usize),
    Say(u32, usize, Option<u32>),
    Answered(u32, u32, bool),
    Enter(u32, Phase),
    Look,
}

fn event() -> impl Strategy<Value = Event> {
    let slot = || 0..4_u32;
    let states = vec![State::Idle, State::Active, State::Settling, State::Checking, State::Closing];
    prop_oneof![
        4 => (0..3_000_000_000_u64).prop_map(Event::Pass),
        1 => slot().prop_map(Event::Open),
        1 => slot().prop_map(Event::Close),
        2 => (slot(), prop::sample::select(states)).prop_map(|(at, state)| Event::Move(at, state)),
        2 => (slot(), 0..TEXTS.len()).prop_map(|(slot, text)| Event::Hold(slot, text)),
        4 => (slot(), 0..TEXTS.len(), prop::option::of(0..3_u32))
            .prop_map(|(slot, text, due)| Event::Say(slot, text, due)),
        3 => (slot(), 0..4_u32, any::<bool>())
            .prop_map(|(slot, done, idle)| Event::Answered(slot, done, idle)),
        4 => (slot(), prop::sample::select(Phase::ALL.to_vec()))
            .prop_map(|(slot, phase)| Event::Enter(slot, phase)),
        1 => Just(Event::Look),
    ]
}

struct World {
    ledger: Ledger,
    now: Instant,
    open: [bool; 4],
    callers: [Caller; 3],
    /// The integral of open connections, by the test's own count.
    open_nanos: u128,
}

impl World {
    fn new() -> Self {
        let mut ledger = Ledger::new(3);
        ledger.pool_added(PoolId(0));
        let callers = ["shop", "", ""].map(|name| Caller::new(name, "app", "app"));
        Self { ledger, now: Instant::ZERO, open: [false; 4], callers, open_nanos: 0 }
    }

    fn happen(&mut self, event: &Event) {
        let now = self.now;
        match *event {
            Event::Pass(nanos) => {
                self.now = now + Duration::from_nanos(nanos);
                let open = self.open.iter().filter(|open| **open).count();
                self.open_nanos += u128::from(nanos) * open as u128;
            }
            Event::Open(slot) if !self.open[slot as usize] => {
                self.open[slot as usize] = true;
                self.ledger.open.opened(now);
                self.ledger.opened(now, slot, PoolId(0));
            }
            Event::Close(slot) if self.open[slot as usize] => {
                self.open[slot as usize] = false;
                self.ledger.open.closed(now);
                self.ledger.closed(now, slot);
            }
            Event::Open(_) | Event::Close(_) => {}
            Event::Move(slot, state) => self.ledger.moved(now, slot, state),
            Event::Hold(slot, text) => {
                let mark = self.read(slot, text);
                self.ledger.claimed(mark.class);
                self.ledger.queued(mark.class);
                self.ledger.unqueued(mark.class, WaitEnd::Granted, Duration::ZERO);
                self.ledger.moved(now, slot, State::Active);
                self.ledger.held(now, slot, mark.class);
            }
            Event::Say(slot, text, due) => {
                let mark = self.read(slot, text);
                self.ledger.statement(now, ServerId(slot), mark, due);
            }
            Event::Answered(slot, done, idle) => {
                self.ledger.answered(now, ServerId(slot), done, idle);
            }
            Event::Enter(slot, phase) => self.ledger.enter(now, ServerId(slot), phase),
            Event::Look => self.check(),
        }
    }

    fn read(&mut self, slot: u32, text: usize) -> crate::ledger::Mark {
        let caller = &mut self.callers[slot as usize % 3];
        super::read(&mut self.ledger, TEXTS[text], caller)
    }

    fn check(&mut self) {
        let seen = self.ledger.snapshot(self.now, 0);
        assert_eq!(seen.times.total(), self.open_nanos, "phases and open time");
        assert_eq!(seen.drift_nanos(), 0);
        let sum = |phase| seen.classes.iter().map(|class| class.sums.times[phase]).sum::<u128>();
        for phase in Phase::ALL {
            assert_eq!(sum(phase), seen.times[phase], "classes in {phase:?}");
        }
        assert_eq!(self.ledger.pool_times(PoolId(0)), seen.times);
        let gaps: u128 = seen.gaps.iter().map(|gap| gap.sums.nanos).sum();
        assert_eq!(gaps + seen.other_gaps.nanos, seen.times[Phase::IdleInTransaction]);
    }
}

proptest! {
    #[test]
    fn phases_add_up_to_the_time_that_connections_were_open(events in vec(event(), 1..120)) {
        let mut world = World::new();
        events.iter().for_each(|event| world.happen(event));
        world.check();
    }
}
