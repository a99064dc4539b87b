//! Who was hurt, and how much.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::desk::Look;
use super::signals::Delta;
use super::users::Users;

/// Looks over which the failure rate is taken.
const WINDOW: usize = 10;

/// Fewer requests than this in the window make no rate.
const WINDOW_REQUESTS_MIN: u64 = 20;

/// Failure rates whose first crossing is an event, percent.
pub(super) const MARKS: [u8; 3] = [10, 50, 90];

/// What an incident cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// From the first trouble to the last, milliseconds.
    pub lasted_ms: u64,
    /// Requests in that time.
    pub requests: u64,
    /// Of those, refused.
    pub refused: u64,
    /// Of those, failed for want of a connection.
    pub failed: u64,
    /// Distinct users among them, within about one percent; 0 where no tag names users.
    pub users: u64,
    /// There were more users than are counted.
    pub users_at_least: bool,
    /// The highest share of requests that were refused or failed, over ten looks, percent; none
    /// where there were too few requests for a rate.
    pub failure_percent_max: Option<u8>,
    /// The longest wait for a slot, milliseconds.
    pub wait_ms_max: u64,
    /// The most connections used on the server, and how many were possible then.
    pub connections_max: Option<(u32, u32)>,
}

impl Impact {
    /// Requests that did not get what they came for.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.refused.saturating_add(self.failed)
    }
}

/// Adds up the impact while an incident lasts.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    impact: Impact,
    users: Users,
    window: VecDeque<Delta>,
    /// Requests since the last trouble: part of the incident only if more trouble comes.
    since_trouble: u64,
}

impl Tally {
    /// Takes one look; the highest mark of the failure rate that it crosses for the first time.
    pub(super) fn add(&mut self, look: &Look<'_>, lasted: Duration) -> Option<u8> {
        let (delta, signals, impact) = (look.delta, look.signals, &mut self.impact);
        impact.lasted_ms = millis(lasted);
        self.since_trouble += delta.requests;
        if look.trouble {
            impact.requests += std::mem::take(&mut self.since_trouble);
        }
        impact.refused += delta.refused;
        impact.failed += delta.failed;
        impact.wait_ms_max = impact.wait_ms_max.max(millis(signals.oldest_wait));
        let used = |connections: Option<(u32, u32)>| connections.map(|(used, _)| used);
        if used(signals.connections) > used(impact.connections_max) {
            impact.connections_max = signals.connections;
        }
        self.count_users(&signals.users_hit);
        self.rate(delta)
    }

    pub(super) const fn impact(&self) -> &Impact {
        &self.impact
    }

    fn count_users(&mut self, users: &Users) {
        self.users.join(users);
        (self.impact.users, self.impact.users_at_least) = self.users.count();
    }

    fn rate(&mut self, delta: Delta) -> Option<u8> {
        self.window.push_back(delta);
        if self.window.len() > WINDOW {
            self.window.pop_front();
        }
        let asked: u64 = self.window.iter().map(|delta| delta.requests.max(delta.lost())).sum();
        let lost: u64 = self.window.iter().map(Delta::lost).sum();
        if asked < WINDOW_REQUESTS_MIN {
            return None;
        }
        let percent = u8::try_from(lost.saturating_mul(100) / asked).unwrap_or(100).min(100);
        let before = self.impact.failure_percent_max.unwrap_or(0);
        self.impact.failure_percent_max = Some(before.max(percent));
        MARKS.into_iter().rfind(|mark| (before + 1..=percent).contains(mark))
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::moment::Moment;
    use crate::incident::signals::Signals;

    fn add(tally: &mut Tally, delta: Delta, signals: &Signals) -> Option<u8> {
        let (now, trouble) = (Moment::default(), delta.lost() > 0);
        tally.add(&Look { now, findings: &[], signals, delta, trouble }, Duration::from_secs(1))
    }

    fn look(tally: &mut Tally, requests: u64, refused: u64) -> Option<u8> {
        add(tally, Delta { requests, refused, failed: 0 }, &Signals::default())
    }

    #[test]
    fn a_mark_is_crossed_once_and_few_requests_make_no_rate() {
        let mut tally = Tally::default();
        assert_eq!(look(&mut tally, 1, 1), None, "one of one is no rate");
        assert_eq!(tally.impact().failure_percent_max, None);
        assert_eq!(look(&mut tally, 99, 54), Some(50));
        assert_eq!(tally.impact().failure_percent_max, Some(55));
        assert_eq!(look(&mut tally, 100, 0), None);
        assert_eq!(look(&mut tally, 100, 100), None, "155 of 300");
        assert_eq!(tally.impact().lost(), 155);
    }

    #[test]
    fn users_are_counted_once() {
        let mut tally = Tally::default();
        let mut hit = |users: &[u32]| {
            let mut signals = Signals::default();
            users.iter().for_each(|&user| signals.users_hit.insert(user));
            add(&mut tally, Delta::default(), &signals);
            (tally.impact().users, tally.impact().users_at_least)
        };
        assert_eq!(hit(&[1, 2, 2, 1]), (2, false));
        assert_eq!(hit(&[]), (2, false));
        assert_eq!(hit(&[2, 3]), (3, false));
    }
}
