//! Who has missed the time in which it is of use to be served comes last.
//!
//! A queue that is longer than can be served in time makes everybody late when it is served in the
//! order of arrival: whoever is served has waited too long already, and whoever comes waits behind
//! them. Served first in the order of arrival are those who can still be served in time, then the
//! others, and one grant in a few goes to these: nobody is refused, and as many as can be are
//! served in time (earliest deadline first, with late jobs last; Moore 1968).

use std::time::Duration;

use crate::time::Instant;

use super::caps::DEADLINE;
use super::class::Class;
use super::waiters::Waiters;

/// How long this goes on after the queue has grown last. A queue that does not grow may be that of
/// clients that each ask again when they have been served, however few slots they have: they wait
/// their turn.
const AFTERWARDS: Duration = Duration::from_secs(10);
/// It grows when it is longer than at most this time ago, by more than so many and one in so many.
const GROWS_IN: Duration = Duration::from_millis(500);
const GROWTH_MIN: u32 = 2;
const GROWTH_SHARE: u32 = 16;

impl Class {
    /// Notes whether its queue grows while the first has waited for `own_wait`.
    pub(super) fn note_growth(&mut self, now: Instant, own_wait: Option<Duration>) {
        let waiting = self.waiting.len();
        let grew = waiting > self.mark + self.mark / GROWTH_SHARE + GROWTH_MIN;
        // A crowd that came at once came before the last mark.
        let waits = own_wait.is_some_and(|wait| wait > GROWS_IN);
        if now.since(self.marked_at) >= GROWS_IN {
            (self.marked_at, self.mark) = (now, waiting);
        }
        if waits && (grew || self.account.is_deserted()) {
            self.sorts_until = now + AFTERWARDS;
        }
    }

    /// True while those who have missed their time come last.
    pub(super) fn sorts(&self, now: Instant) -> bool {
        self.sorts_until > now && !self.rules.exempt && !self.advised.shed
    }

    /// The first of its waiting clients that can still be served in time, while that matters.
    pub(super) fn timely(&mut self, now: Instant, waiters: &Waiters) -> Option<u32> {
        if !self.sorts(now) {
            return None;
        }
        let missed = |at: u32| now.since(waiters.at(at).since) >= DEADLINE;
        if self.newest_first {
            return self.waiting.back().filter(|&at| !missed(at));
        }
        let after =
            |missed: Option<u32>| missed.map_or(self.waiting.front(), |at| waiters.after(at));
        let mut next = after(self.missed);
        while let Some(at) = next.filter(|&at| missed(at)) {
            self.missed = Some(at);
            next = waiters.after(at);
        }
        next
    }
}
