//! A circuit breaker towards the receiver. While it is open nothing is sent, so a receiver that is
//! down is left alone, and notifications keep their attempts for when it is back.
//!
//! Closed, open, trying: after Nygard, "Release It!" (2007). Time and chance are arguments.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pause::pause;
use crate::settings::Settings;

/// Most calls that a window can have.
pub(crate) const WINDOW_MAX: u32 = 64;

/// Opens when at least half of the last `window` calls failed. Then, after a pause, one call is the
/// trial: it closes the breaker, or opens it for longer.
pub(crate) struct Breaker {
    window: u32,
    pause_first: Duration,
    pause_longest: Duration,
    /// A trial that has not ended after this is lost, and another may begin.
    trial_limit: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The last calls: a bit each, 1 for a failure.
    Closed { failures: u64, calls: u32 },
    /// How often in a row it has opened, from 1.
    Open { until: Instant, times: u32 },
    /// One call decides.
    Trying { until: Instant, times: u32 },
}

/// Calls that may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leave {
    pub(super) calls: usize,
    pub(super) is_trial: bool,
}

impl Breaker {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            window: settings.outbox_breaker_calls,
            pause_first: Duration::from_millis(settings.outbox_breaker_pause_ms),
            pause_longest: Duration::from_millis(settings.outbox_pause_max_ms),
            trial_limit: Duration::from_millis(settings.outbox_lease_ms),
            state: Mutex::new(CLOSED),
        }
    }

    /// How many of `wanted` calls may begin now. A trial that is not made is given back.
    pub(super) fn leave(&self, wanted: usize, now: Instant) -> Leave {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => Leave { calls: wanted, is_trial: false },
            State::Open { until, times } | State::Trying { until, times }
                if now >= until && wanted > 0 =>
            {
                *state = State::Trying { until: now + self.trial_limit, times };
                Leave { calls: 1, is_trial: true }
            }
            State::Open { .. } | State::Trying { .. } => Leave { calls: 0, is_trial: false },
        }
    }

    /// There was nothing to send: the next one to ask may try.
    pub(super) fn give_back(&self, leave: Leave, now: Instant) {
        let mut state = self.lock();
        if let (true, State::Trying { times, .. }) = (leave.is_trial, *state) {
            *state = State::Open { until: now, times };
        }
    }

    /// What became of a call. While open, only the trial counts: others were begun before.
    pub(super) fn learn(&self, is_trial: bool, failed: bool, now: Instant, chance: f64) {
        let mut state = self.lock();
        *state = match *state {
            State::Closed { failures, calls } => {
                let mask = u64::MAX >> (WINDOW_MAX - self.window);
                let failures = (failures << 1 | u64::from(failed)) & mask;
                let calls = (calls + 1).min(self.window);
                if calls == self.window && failures.count_ones() * 2 >= self.window {
                    self.open(1, now, chance)
                } else {
                    State::Closed { failures, calls }
                }
            }
            State::Trying { times, .. } if is_trial && failed => {
                self.open(times.saturating_add(1), now, chance)
            }
            State::Trying { .. } if is_trial => CLOSED,
            unchanged @ (State::Open { .. } | State::Trying { .. }) => unchanged,
        };
    }

    /// Whether nothing is sent, apart from a trial.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed { .. })
    }

    /// Half of the pause is sure, half is drawn: instances that opened together try apart.
    fn open(&self, times: u32, now: Instant, chance: f64) -> State {
        let drawn = pause(self.pause_first, self.pause_longest, times, (1.0 + chance) / 2.0);
        State::Open { until: now + drawn, times }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const CLOSED: State = State::Closed { failures: 0, calls: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Leave = Leave { calls: 0, is_trial: false };
    const TRIAL: Leave = Leave { calls: 1, is_trial: true };

    /// A breaker over four calls, whose clock is ours.
    struct Bench {
        breaker: Breaker,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let settings = Settings {
                outbox_breaker_calls: 4,
                outbox_breaker_pause_ms: 1_000,
                outbox_pause_max_ms: 3_000,
                outbox_lease_ms: 15_000,
                ..Settings::default()
            };
            Self { breaker: Breaker::new(&settings), now: Instant::now() }
        }

        fn opened() -> Self {
            let bench = Self::new();
            bench.calls("xxxx");
            bench
        }

        /// Calls that were taken (`.`) or failed (`x`).
        fn calls(&self, how: &str) {
            how.chars().for_each(|call| self.breaker.learn(false, call == 'x', self.now, 1.0));
        }

        fn trial(&self, failed: bool) {
            self.breaker.learn(true, failed, self.now, 1.0);
        }

        fn leave(&self) -> Leave {
            self.breaker.leave(16, self.now)
        }

        fn pass(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
        }
    }

    #[test]
    fn opens_when_half_of_a_whole_window_failed() {
        for (calls, open) in [
            ("xxx", false),
            ("xx..", true),
            ("x...x", false),
            ("....xx", true),
            ("xx", false),
            (".x...x..", false),
        ] {
            let bench = Bench::new();
            bench.calls(calls);
            assert_eq!(bench.breaker.is_open(), open, "{calls}");
            assert_eq!(bench.leave().calls, if open { 0 } else { 16 }, "{calls}");
        }
    }

    #[test]
    fn after_the_pause_one_trial_decides() {
        let mut bench = Bench::opened();
        bench.pass(999);
        assert_eq!(bench.leave(), NONE);
        bench.pass(1);
        assert_eq!((bench.leave(), bench.leave()), (TRIAL, NONE), "one at a time");
        bench.calls("....");
        assert!(bench.breaker.is_open(), "calls begun before do not decide");
        bench.trial(false);
        assert_eq!(bench.leave(), Leave { calls: 16, is_trial: false });
        bench.calls("xxx");
        assert!(!bench.breaker.is_open(), "the window began anew");
    }

    #[test]
    fn a_failed_trial_doubles_the_pause_up_to_the_longest() {
        let mut bench = Bench::opened();
        for pause_ms in [1_000, 2_000, 3_000, 3_000] {
            bench.pass(pause_ms - 1);
            assert_eq!(bench.leave(), NONE, "{pause_ms}");
            bench.pass(1);
            assert_eq!(bench.leave(), TRIAL, "{pause_ms}");
            bench.trial(true);
        }
    }

    #[test]
    fn a_trial_not_made_is_given_back_and_a_lost_one_replaced() {
        let mut bench = Bench::opened();
        bench.pass(1_000);
        let leave = bench.leave();
        bench.breaker.give_back(leave, bench.now);
        assert_eq!(bench.leave(), TRIAL);
        bench.pass(14_999);
        assert_eq!(bench.leave(), NONE);
        bench.pass(1);
        assert_eq!(bench.leave(), TRIAL, "the first never told its end");
        assert_eq!(bench.breaker.leave(0, bench.now), NONE);
    }

    #[test]
    fn the_pause_is_drawn_between_half_and_whole() {
        let bench = Bench::new();
        for (chance, ms) in [(0.0, 500), (0.5, 750), (1.0, 1_000)] {
            let until = bench.now + Duration::from_millis(ms);
            assert_eq!(bench.breaker.open(1, bench.now, chance), State::Open { until, times: 1 });
        }
    }
}
