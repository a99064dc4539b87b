//! Rates of the proxy's own sums.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::limits;
use crate::console::Snapshot;
use crate::time::Instant;

/// Rates are taken over this time.
const WINDOW: Duration = Duration::from_secs(5);

/// The shortest time over which a rate is believed.
const SPAN_MIN: Duration = Duration::from_millis(900);

/// Makes rates from snapshots.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    seen: VecDeque<(Instant, Sums)>,
}

/// What clients did a second, over all pools.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Logins.
    pub logins: f64,
    /// Cancel requests.
    pub cancels: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    logins: u64,
    cancels: u64,
}

impl Sums {
    fn of(snapshot: &Snapshot) -> Self {
        let traffic = || snapshot.pools.iter().map(|pool| pool.traffic);
        Self {
            logins: traffic().map(|pool| pool.logins).sum(),
            cancels: traffic().map(|pool| pool.cancels).sum(),
        }
    }

    fn is_before(self, later: Self) -> bool {
        self.logins <= later.logins && self.cancels <= later.cancels
    }
}

impl Flow {
    /// What clients do a second; `None` while that is not known. Pools that were forgotten take
    /// their sums with them: such a moment counts as none.
    pub fn note(&mut self, now: Instant, snapshot: &Snapshot) -> Option<Rates> {
        let sums = Sums::of(snapshot);
        if self.seen.back().is_some_and(|(_, before)| !before.is_before(sums)) {
            self.seen.clear();
        }
        while self.seen.len() > 1 && now.since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        if self.seen.len() >= limits::GUARD_POINTS {
            self.seen.pop_front();
        }
        let first = self.seen.front().copied();
        self.seen.push_back((now, sums));
        let (then, before) = first.filter(|(then, _)| now.since(*then) >= SPAN_MIN)?;
        #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
        let rate =
            |before: u64, after: u64| (after - before) as f64 / now.since(then).as_secs_f64();
        Some(Rates {
            logins: rate(before.logins, sums.logins),
            cancels: rate(before.cancels, sums.cancels),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::pool;

    fn snapshot(logins: u64, cancels: u64) -> Snapshot {
        let mut row = pool("shop", 0);
        (row.traffic.logins, row.traffic.cancels) = (logins, cancels);
        Snapshot { pools: vec![row], ..Snapshot::default() }
    }

    #[test]
    fn sums_have_rates_once_time_has_passed_and_begin_anew_when_pools_go() {
        let mut flow = Flow::default();
        let mut note = |millis, logins, cancels| {
            let rates = flow.note(Instant::from_millis(millis), &snapshot(logins, cancels));
            rates.map(|rates| (rates.logins, rates.cancels))
        };
        assert_eq!(note(0, 100, 7), None);
        assert_eq!(note(500, 110, 7), None);
        assert_eq!(note(1000, 120, 10), Some((20.0, 3.0)));
        assert_eq!(note(2000, 5, 10), None);
        assert_eq!(note(3000, 6, 12), Some((1.0, 2.0)));
        assert_eq!(note(4000, 6, 1), None);
    }
}
