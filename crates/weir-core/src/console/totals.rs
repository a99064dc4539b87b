//! Sums over pools since the start, and averages between two moments.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::Duration;

use super::snapshot::{PoolRow, Snapshot};
use crate::time::Instant;

/// Counters, as sums since the start or (see [`Totals::average`]) as averages. Times in
/// microseconds, as PgBouncer has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Checkouts.
    pub assignments: u64,
    /// Transactions.
    pub transactions: u64,
    /// Statements.
    pub queries: u64,
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
    /// Microseconds in transactions.
    pub transaction_us: u64,
    /// Microseconds in statements.
    pub query_us: u64,
    /// Microseconds in the wait queue.
    pub wait_us: u64,
    /// Parse messages from clients.
    pub client_parses: u64,
    /// Parse messages to servers.
    pub server_parses: u64,
    /// Bind messages.
    pub binds: u64,
    /// Logins.
    pub logins: u64,
}

impl From<&PoolRow> for Totals {
    fn from(pool: &PoolRow) -> Self {
        let (tally, traffic) = (&pool.tally, &pool.traffic);
        Self {
            assignments: traffic.assignments,
            transactions: tally.transactions,
            queries: tally.queries,
            received: traffic.received,
            sent: traffic.sent,
            transaction_us: tally.transaction_ns / 1000,
            query_us: tally.query_ns / 1000,
            wait_us: traffic.wait_ns / 1000,
            client_parses: tally.client_parses,
            server_parses: tally.server_parses,
            binds: tally.binds,
            logins: traffic.logins,
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = self.zip(other, u64::saturating_add);
    }
}

impl Totals {
    fn zip(self, other: Self, f: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            assignments: f(self.assignments, other.assignments),
            transactions: f(self.transactions, other.transactions),
            queries: f(self.queries, other.queries),
            received: f(self.received, other.received),
            sent: f(self.sent, other.sent),
            transaction_us: f(self.transaction_us, other.transaction_us),
            query_us: f(self.query_us, other.query_us),
            wait_us: f(self.wait_us, other.wait_us),
            client_parses: f(self.client_parses, other.client_parses),
            server_parses: f(self.server_parses, other.server_parses),
            binds: f(self.binds, other.binds),
            logins: f(self.logins, other.logins),
        }
    }

    /// What happened since `older`, `span` ago: counts and bytes each second, times for each
    /// transaction, statement and checkout. Zero over no time.
    #[must_use]
    pub fn average(self, older: Self, span: Duration) -> Self {
        let since = self.zip(older, u64::saturating_sub);
        let micros = span.as_micros();
        // A rate is below its count unless the span is under a second.
        let rate = |count: u64| match micros {
            0 => 0,
            micros => u64::try_from(u128::from(count) * 1_000_000 / micros).unwrap_or(u64::MAX),
        };
        Self {
            transaction_us: since.transaction_us.checked_div(since.transactions).unwrap_or(0),
            query_us: since.query_us.checked_div(since.queries).unwrap_or(0),
            wait_us: since.wait_us.checked_div(since.assignments).unwrap_or(0),
            assignments: rate(since.assignments),
            transactions: rate(since.transactions),
            queries: rate(since.queries),
            received: rate(since.received),
            sent: rate(since.sent),
            client_parses: rate(since.client_parses),
            server_parses: rate(since.server_parses),
            binds: rate(since.binds),
            logins: rate(since.logins),
        }
    }
}

/// The totals of each database at one moment.
pub type PoolTotals = BTreeMap<Arc<str>, Totals>;

/// The totals of each database in a snapshot.
pub(super) fn by_database(snapshot: &Snapshot) -> PoolTotals {
    let mut totals = PoolTotals::new();
    for pool in &snapshot.pools {
        *totals.entry(Arc::clone(&pool.database)).or_default() += pool.into();
    }
    totals
}

/// What averages are made against: the totals of one and of two periods ago, as in PgBouncer, so
/// that an average is over at least one whole period (but for the first).
#[derive(Debug, Clone, Default)]
pub struct History {
    newer: (Instant, PoolTotals),
    older: (Instant, PoolTotals),
}

impl History {
    /// How often [`History::note`] is called. Averages are over one to two of these.
    pub const PERIOD: Duration = Duration::from_secs(60);

    /// Notes the totals at the end of a period.
    pub fn note(&mut self, now: Instant, snapshot: &Snapshot) {
        let noted = (now, by_database(snapshot));
        self.older = std::mem::replace(&mut self.newer, noted);
    }

    /// The totals of a database that averages are made against, and how long ago they were.
    #[must_use]
    pub fn before(&self, now: Instant, database: &str) -> (Totals, Duration) {
        let (then, totals) = &self.older;
        (totals.get(database).copied().unwrap_or_default(), now.since(*then))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_rates_and_times_of_one() {
        let older = Totals { transactions: 10, transaction_us: 1000, ..Totals::default() };
        let now = Totals {
            transactions: 130,
            transaction_us: 61_000,
            received: 6_000,
            wait_us: 5,
            ..Totals::default()
        };
        let average = now.average(older, Duration::from_secs(60));
        assert_eq!(average.transactions, 2);
        assert_eq!(average.transaction_us, 500);
        assert_eq!(average.received, 100);
        assert_eq!(average.wait_us, 0, "no checkout to divide by");
        assert_eq!(now.average(older, Duration::ZERO).transactions, 0);
        assert_eq!(older.average(now, Duration::from_secs(1)), Totals::default());
    }

    #[test]
    fn averages_reach_back_one_to_two_periods() {
        let mut history = History::default();
        let at = |seconds: u64| Instant::from_millis(seconds * 1000);
        assert_eq!(history.before(at(5), "d").1, Duration::from_secs(5));
        history.note(at(60), &Snapshot::default());
        assert_eq!(history.before(at(90), "d").1, Duration::from_secs(90));
        history.note(at(120), &Snapshot::default());
        assert_eq!(history.before(at(150), "d").1, Duration::from_secs(90));
    }
}
