//! A ledger that is not told of one transition is found out: by the drift, or by the comparison of
//! its phase with what pool and session say.

use std::time::Duration;

use crate::ids::{PoolId, ServerId};
use crate::ledger::{Ledger, Phase};
use crate::pool::State;
use crate::time::Instant;

const SERVER: ServerId = ServerId(0);

/// One thing that the ledger is told, a second after the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// The pools count a connection as open.
    CountedOpen,
    /// They open its account.
    Opened,
    /// Its slot enters a state.
    Moved(State),
    /// Its session does something else, as the worker books it after a turn.
    Entered(Phase),
    /// The account is closed.
    Closed,
    /// The pools count it as open no more.
    CountedClosed,
}

/// A connection's life with every kind of transition, as pools, sessions and the worker tell it.
const LIFE: [Told; 20] = [
    Told::CountedOpen,
    Told::Opened,
    Told::Moved(State::Idle),
    Told::Moved(State::Active),
    Told::Entered(Phase::IdleInTransaction),
    Told::Entered(Phase::Executing),
    Told::Entered(Phase::ClientBlocked),
    Told::Entered(Phase::CopyIn),
    Told::Entered(Phase::Resetting),
    Told::Entered(Phase::PinnedIdle),
    Told::Moved(State::Settling),
    Told::Entered(Phase::CancelSettling),
    Told::Moved(State::Idle),
    Told::Moved(State::Checking),
    Told::Moved(State::Active),
    Told::Entered(Phase::IdleInTransaction),
    Told::Moved(State::Idle),
    Told::Moved(State::Closing),
    Told::Closed,
    Told::CountedClosed,
];

/// What is true, whatever the ledger is told.
#[derive(Debug, Default)]
struct Truth {
    state: Option<State>,
    phase: Option<Phase>,
}

impl Truth {
    fn happen(&mut self, told: Told) {
        match told {
            Told::CountedOpen => {}
            Told::Opened => (self.state, self.phase) = (Some(State::Dialling), None),
            // The session of a client that was given a connection says that it executes.
            Told::Moved(State::Active) => {
                (self.state, self.phase) = (Some(State::Active), Some(Phase::Executing));
            }
            Told::Moved(state) => (self.state, self.phase) = (Some(state), None),
            Told::Entered(phase) => self.phase = Some(phase),
            Told::Closed | Told::CountedClosed => *self = Self::default(),
        }
    }

    /// As the pools and the worker compare it (`misbooked`).
    fn is_booked_wrong(&self, ledger: &Ledger) -> bool {
        let booked = ledger.phase(SERVER);
        match (self.phase, self.state) {
            (Some(phase), _) => booked != Some(phase),
            (None, Some(state)) => !booked.is_some_and(|phase| phase.fits(state)),
            (None, None) => booked.is_some(),
        }
    }
}

fn tell(ledger: &mut Ledger, told: Told, now: Instant) {
    match told {
        Told::CountedOpen => ledger.open.opened(now),
        Told::Opened => ledger.opened(now, 0, PoolId(0)),
        Told::Moved(state) => ledger.moved(now, 0, state),
        Told::Entered(phase) => ledger.enter(now, SERVER, phase),
        Told::Closed => ledger.closed(now, 0),
        Told::CountedClosed => ledger.open.closed(now),
    }
}

/// Whether a ledger is found out that is not told what is at this place. It is looked at after
/// every step, but not between the two halves of an opening or a closing.
fn is_found_out(left_out: Option<usize>) -> bool {
    let mut ledger = Ledger::new(1);
    ledger.pool_added(PoolId(0));
    let mut truth = Truth::default();
    let mut found = false;
    for (at, told) in LIFE.into_iter().enumerate() {
        let now = Instant::ZERO + Duration::from_secs(at as u64 / 2 * 2);
        truth.happen(told);
        let undoes_nothing = told == Told::CountedClosed && left_out == Some(0);
        if left_out != Some(at) && !undoes_nothing {
            tell(&mut ledger, told, now);
        }
        if !matches!(told, Told::CountedOpen | Told::Closed) {
            let later = now + Duration::from_secs(1);
            found |= ledger.drift_nanos(later) != 0 || truth.is_booked_wrong(&ledger);
        }
    }
    found
}

#[test]
fn a_ledger_that_is_told_everything_has_no_drift() {
    assert!(!is_found_out(None));
}

#[test]
fn one_transition_that_is_left_out_is_reported() {
    for (at, told) in LIFE.into_iter().enumerate() {
        assert!(is_found_out(Some(at)), "nobody notices that {told:?} ({at}) was left out");
    }
}

#[test]
fn half_of_an_opening_or_closing_is_a_drift() {
    let drift = |skip: fn(Told) -> bool| {
        let mut ledger = Ledger::new(1);
        ledger.pool_added(PoolId(0));
        let told = LIFE.into_iter().filter(|&told| !skip(told));
        told.for_each(|told| tell(&mut ledger, told, Instant::ZERO));
        ledger.drift_nanos(Instant::ZERO + Duration::from_secs(3))
    };
    assert_eq!(drift(|_| false), 0);
    assert_eq!(drift(|told| told == Told::Closed), 3_000_000_000);
    assert_eq!(drift(|told| told == Told::CountedClosed), 3_000_000_000);
}
