//! What changes from sample to sample: rates, and what is usual.

use std::collections::VecDeque;
use std::time::Duration;

use super::sample::{Sample, Totals};
use crate::time::Instant;

/// Rates are taken over this time, because PostgreSQL publishes its sums about once a second.
const WINDOW: Duration = Duration::from_secs(10);

/// The shortest time over which a rate is believed.
const SPAN_MIN: Duration = Duration::from_millis(400);

/// How fast what is usual follows what is: the weight of an old second halves in about five
/// minutes.
const HALF_LIFE_S: f64 = 300.0;

/// What is usual is known after so much time.
const USUAL_AFTER: Duration = Duration::from_secs(60);

/// Rates at one moment; what is not known yet is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Trend {
    /// Sessions opened a second: by the server's own count where it has one, else those that are
    /// still open.
    pub sessions_per_second: Option<f64>,
    /// Transactions that ended a second.
    pub transactions_per_second: Option<f64>,
    /// What that was over the last minutes.
    pub usual_transactions_per_second: Option<f64>,
    /// Rows read from tables and indexes a second, by transactions that ended.
    pub rows_read_per_second: Option<f64>,
    /// Client sessions more a second; negative when they become fewer.
    pub growth_per_second: Option<f64>,
}

/// Makes trends from samples.
#[derive(Debug, Clone, Default)]
pub struct Tracker {
    seen: VecDeque<Point>,
    usual: Usual,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    at: Instant,
    totals: Totals,
    used: u32,
}

impl Tracker {
    /// Takes a sample in. Sums that became smaller begin a new life: the server was restarted or
    /// its statistics reset.
    pub fn note(&mut self, sample: &Sample) -> Trend {
        let now = Point { at: sample.taken, totals: sample.totals, used: sample.used() };
        if self.seen.back().is_some_and(|last| last.totals.transactions > now.totals.transactions) {
            self.seen.clear();
        }
        while self.seen.len() > 1 && now.at.since(self.seen[1].at) >= WINDOW {
            self.seen.pop_front();
        }
        let trend = self.seen.front().map_or_else(Trend::default, |then| rates(then, &now, sample));
        self.seen.push_back(now);
        // A window has one point a sample; this holds also where samples come too often.
        if self.seen.len() > crate::config::limits::GUARD_POINTS {
            self.seen.pop_front();
        }
        let usual = self.usual.note(now.at, trend.transactions_per_second);
        Trend { usual_transactions_per_second: usual, ..trend }
    }
}

fn rates(then: &Point, now: &Point, sample: &Sample) -> Trend {
    let span = now.at.since(then.at);
    if span < SPAN_MIN {
        return Trend::default();
    }
    let seconds = span.as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "rates need no more than 52 bits")]
    let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
    let sessions = then.totals.sessions.zip(now.totals.sessions);
    let counted = sessions.map_or(0.0, |(before, after)| rate(before, after));
    let opened = sample.clients().filter(|session| session.age < span).count() as u64;
    Trend {
        sessions_per_second: Some(counted.max(rate(0, opened))),
        transactions_per_second: Some(rate(then.totals.transactions, now.totals.transactions)),
        usual_transactions_per_second: None,
        rows_read_per_second: Some(rate(then.totals.rows_read, now.totals.rows_read)),
        growth_per_second: Some((f64::from(now.used) - f64::from(then.used)) / seconds),
    }
}

/// A mean that forgets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usual {
    since: Option<Instant>,
    last: Option<Instant>,
    mean: f64,
}

impl Usual {
    /// Takes a value in, and tells what was usual before it, once that is known.
    pub(crate) fn note(&mut self, at: Instant, value: Option<f64>) -> Option<f64> {
        let value = value?;
        let since = *self.since.get_or_insert(at);
        let known = (at.since(since) >= USUAL_AFTER).then_some(self.mean);
        let step = self.last.map_or(Duration::ZERO, |last| at.since(last)).as_secs_f64();
        let keep = if self.last.is_none() { 0.0 } else { 0.5_f64.powf(step / HALF_LIFE_S) };
        self.mean = self.mean * keep + value * (1.0 - keep);
        self.last = Some(at);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{sample, session};
    use super::*;

    fn at(second: u64, transactions: u64, clients: i32) -> Sample {
        let mut sample = sample(100, (0..clients).map(session).collect());
        sample.taken = Instant::from_millis(second * 1000);
        let sessions = Some(transactions / 10);
        sample.totals =
            Totals { transactions, sessions, deadlocks: 0, rows_read: transactions * 300 };
        sample
    }

    #[test]
    fn rates_are_taken_over_the_window() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.note(&at(0, 0, 0)), Trend::default());
        for second in 1..=20 {
            tracker.note(&at(second, second * 100, 5));
        }
        let trend = tracker.note(&at(21, 2100, 25));
        assert_eq!(trend.transactions_per_second, Some(100.0));
        assert_eq!(trend.rows_read_per_second, Some(30_000.0));
        assert_eq!(trend.sessions_per_second, Some(10.0));
        assert_eq!(trend.growth_per_second, Some(2.0));
    }

    #[test]
    fn sums_that_fall_begin_a_new_life() {
        let mut tracker = Tracker::default();
        tracker.note(&at(0, 1000, 1));
        assert_eq!(tracker.note(&at(1, 10, 1)), Trend::default());
        assert_eq!(tracker.note(&at(2, 30, 1)).transactions_per_second, Some(20.0));
    }

    #[test]
    fn what_is_usual_is_known_after_a_minute_and_moves_slowly() {
        let mut tracker = Tracker::default();
        let mut trend = Trend::default();
        for second in 0..=90 {
            trend = tracker.note(&at(second, second * 100, 1));
        }
        let usual = trend.usual_transactions_per_second.unwrap();
        assert!((usual - 100.0).abs() < 1.0, "{usual}");
        for second in 91..=110 {
            trend = tracker.note(&at(second, 9_000 + (second - 90) * 1000, 1));
        }
        assert!(trend.transactions_per_second.unwrap() > 900.0);
        assert!(trend.usual_transactions_per_second.unwrap() < 200.0);
    }
}
