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
    seen: VecDeque<(Instant, u64)>,
}

impl Flow {
    /// Logins of clients a second over all pools; `None` while that is not known. Pools that were
    /// forgotten take their sums with them: such a moment counts as none.
    pub fn note(&mut self, now: Instant, snapshot: &Snapshot) -> Option<f64> {
        let logins: u64 = snapshot.pools.iter().map(|pool| pool.traffic.logins).sum();
        if self.seen.back().is_some_and(|(_, before)| *before > logins) {
            self.seen.clear();
        }
        while self.seen.len() > 1 && now.since(self.seen[1].0) >= WINDOW {
            self.seen.pop_front();
        }
        if self.seen.len() >= limits::GUARD_POINTS {
            self.seen.pop_front();
        }
        let first = self.seen.front().copied();
        self.seen.push_back((now, logins));
        let (then, before) = first.filter(|(then, _)| now.since(*then) >= SPAN_MIN)?;
        #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
        Some((logins - before) as f64 / now.since(then).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::pool;

    fn snapshot(logins: u64) -> Snapshot {
        let mut row = pool("shop", 0);
        row.traffic.logins = logins;
        Snapshot { pools: vec![row], ..Snapshot::default() }
    }

    #[test]
    fn logins_have_a_rate_once_time_has_passed_and_begin_anew_when_pools_go() {
        let mut flow = Flow::default();
        let at = Instant::from_millis;
        assert_eq!(flow.note(at(0), &snapshot(100)), None);
        assert_eq!(flow.note(at(500), &snapshot(110)), None);
        assert_eq!(flow.note(at(1000), &snapshot(120)), Some(20.0));
        assert_eq!(flow.note(at(2000), &snapshot(5)), None);
        assert_eq!(flow.note(at(3000), &snapshot(6)), Some(1.0));
    }
}
