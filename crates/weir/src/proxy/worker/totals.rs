//! The totals in the log: what each pool has done since they were told last.

use std::time::Duration;

use weir_core::console::Traffic;
use weir_core::session::Tally;
use weir_core::time::Instant;

use crate::proxy::worker::Worker;
use crate::proxy::worker::state::Home;

/// The sums when they were told last.
#[derive(Debug)]
pub(super) struct Told {
    at: Instant,
    tally: Tally,
    traffic: Traffic,
}

impl Told {
    /// Nothing has been told, and nothing has happened.
    pub(super) fn new(at: Instant) -> Self {
        Self { at, tally: Tally::default(), traffic: Traffic::default() }
    }
}

impl Worker {
    /// Logs the totals of the pools whose time has come.
    pub(super) fn tell_totals(&mut self) {
        for &pool in self.by_key.values() {
            let home = &mut self.homes[pool.0 as usize];
            let since = self.now.since(home.told.at);
            if home.target.care.stats_every.is_some_and(|every| since >= every) {
                let waiting = self.pools.view(pool).waiting;
                tell(home, since, waiting);
                home.told = Told { at: self.now, tally: home.tally, traffic: home.traffic };
            }
        }
    }
}

fn tell(home: &Home, since: Duration, waiting: u32) {
    let (tally, old) = (&home.tally, &home.told.tally);
    let (traffic, before) = (&home.traffic, &home.told.traffic);
    let transactions = tally.transactions - old.transactions;
    let queries = tally.queries - old.queries;
    let waits = traffic.assignments - before.assignments;
    tracing::info!(
        database = %home.key.database,
        user = %home.key.user,
        clients = home.clients,
        waiting,
        "totals: {} transactions/s, {} queries/s, in {} B/s, out {} B/s, \
         transaction {} us, query {} us, wait {} us",
        rate(transactions, since),
        rate(queries, since),
        rate(traffic.received - before.received, since),
        rate(traffic.sent - before.sent, since),
        mean_us(tally.transaction_ns - old.transaction_ns, transactions),
        mean_us(tally.query_ns - old.query_ns, queries),
        mean_us(traffic.wait_ns - before.wait_ns, waits),
    );
}

/// So many in that time, each second; rounded.
fn rate(count: u64, time: Duration) -> u64 {
    let millis = time.as_millis().max(1);
    let rate = (u128::from(count) * 1000 + millis / 2) / millis;
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// The mean of so many that took `sum_ns` together, in microseconds; 0 when there were none.
fn mean_us(sum_ns: u64, count: u64) -> u64 {
    sum_ns.checked_div(count).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_rounded_and_means_of_nothing_are_nothing() {
        assert_eq!(rate(90, Duration::from_secs(60)), 2);
        assert_eq!(rate(29, Duration::from_secs(60)), 0);
        assert_eq!(rate(5, Duration::ZERO), 5000);
        assert_eq!(mean_us(10_000, 4), 2);
        assert_eq!(mean_us(10_000, 0), 0);
    }
}
