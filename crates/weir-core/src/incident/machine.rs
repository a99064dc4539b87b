//! The states of an incident, and when they change.
//!
//! Hysteresis against flapping: it is over only after a time without trouble, and each time that
//! trouble comes back that time doubles. So any signal, however it jumps, changes the state only a
//! bounded number of times an hour (a property test counts them).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::time::Instant;

/// What an incident is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Somebody is hurt.
    Open,
    /// Somebody is hurt, and the healer acts.
    Mitigating,
    /// Nobody is hurt any more; it may come back.
    Watching,
    /// Over.
    Closed,
}

impl State {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Mitigating => "mitigating",
            Self::Watching => "watching",
            Self::Closed => "closed",
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Before.
    pub from: State,
    /// After.
    pub to: State,
}

/// Decides the state from one bit, trouble or none, and from what was done.
#[derive(Debug, Clone)]
pub struct Machine {
    state: State,
    acted: bool,
    /// Since when there is no trouble.
    calm_since: Option<Instant>,
    /// When the state last changed.
    since: Instant,
    calm: Duration,
    quiet: Duration,
    relapse_max: Duration,
}

impl Machine {
    /// An incident that opens now.
    #[must_use]
    pub fn open(now: Instant, rules: &Rules) -> Self {
        Self {
            state: State::Open,
            acted: false,
            calm_since: None,
            since: now,
            calm: rules.calm,
            quiet: rules.quiet,
            relapse_max: rules.relapse_max,
        }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Since when there has been no trouble.
    #[must_use]
    pub const fn calm_since(&self) -> Option<Instant> {
        self.calm_since
    }

    /// When the state last changed.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// Takes what is seen now; the change, if the state changes. A closed incident stays closed.
    pub fn observe(&mut self, now: Instant, trouble: bool) -> Option<Step> {
        if trouble {
            self.calm_since = None;
        }
        let calm_since = if trouble { None } else { Some(*self.calm_since.get_or_insert(now)) };
        match (self.state, calm_since) {
            (State::Open | State::Mitigating, Some(since)) if now - since >= self.calm => {
                self.go(now, State::Watching)
            }
            (State::Watching, None) => {
                self.lengthen();
                self.go(now, self.troubled())
            }
            (State::Watching, Some(_)) if now - self.since >= self.quiet => {
                self.go(now, State::Closed)
            }
            (State::Open | State::Mitigating | State::Watching | State::Closed, _) => None,
        }
    }

    /// Takes that the healer has done something.
    pub fn act(&mut self, now: Instant) -> Option<Step> {
        self.acted = true;
        match self.state {
            State::Open => self.go(now, State::Mitigating),
            State::Mitigating | State::Watching | State::Closed => None,
        }
    }

    /// Opens a closed incident again: the same trouble is back.
    pub fn reopen(&mut self, now: Instant) -> Option<Step> {
        if self.state != State::Closed {
            return None;
        }
        self.calm_since = None;
        self.acted = false;
        self.lengthen();
        self.quiet = (self.quiet * 2).min(self.relapse_max);
        self.go(now, State::Open)
    }

    fn troubled(&self) -> State {
        if self.acted { State::Mitigating } else { State::Open }
    }

    fn lengthen(&mut self) {
        self.calm = (self.calm * 2).min(self.relapse_max);
    }

    fn go(&mut self, now: Instant, to: State) -> Option<Step> {
        let from = std::mem::replace(&mut self.state, to);
        self.since = now;
        Some(Step { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds one character a second: `x` trouble, `.` none, `a` trouble and an action.
    fn check(signal: &str, expected: &str) {
        let rules = Rules {
            calm: Duration::from_secs(2),
            quiet: Duration::from_secs(3),
            relapse_max: Duration::from_secs(8),
            ..Rules::default()
        };
        let mut machine = Machine::open(Instant::ZERO, &rules);
        let states: String = signal
            .chars()
            .enumerate()
            .map(|(second, seen)| {
                let now = Instant::from_millis(second as u64 * 1000);
                machine.observe(now, seen != '.');
                if seen == 'a' {
                    machine.act(now);
                }
                match machine.state() {
                    State::Open => 'o',
                    State::Mitigating => 'm',
                    State::Watching => 'w',
                    State::Closed => 'c',
                }
            })
            .collect();
        assert_eq!(states, expected, "{signal}");
    }

    #[test]
    fn it_is_watched_after_calm_and_closed_after_quiet() {
        check("xx......", "oooowwwc");
        check("xa......", "ommmwwwc");
    }

    #[test]
    fn trouble_that_comes_back_makes_it_wait_longer() {
        check("x...x......", "ooowoooooww");
        check("a...x......", "mmmwmmmmmww");
        check("x..x..x..x..", "oooooooooooo");
    }
}
