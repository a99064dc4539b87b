//! Durations by size, in constant memory.
//!
//! Buckets are log-linear, as in HdrHistogram: each power of two of nanoseconds is cut into eight
//! equal parts, so a percentile is at most an eighth above the true value.

use std::time::Duration;

use crate::time::nanos;

/// Parts of each power of two.
const PARTS: u64 = 8;
const PARTS_LOG: u32 = PARTS.trailing_zeros();

/// Buckets up to 2^44 ns, about five hours; longer durations count in the last one.
const BUCKETS: usize = 42 * 8;

/// How often durations of each size were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), total: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    #[inline]
    pub fn record(&mut self, span: Duration) {
        self.record_nanos(nanos(span));
    }

    /// Counts one duration, in nanoseconds.
    #[inline]
    pub fn record_nanos(&mut self, nanos: u64) {
        self.counts[bucket(nanos).min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    /// How many durations were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How much longer than `limit` those counted were, together: each counts as the middle of
    /// its bucket, a sixteenth off at most.
    #[must_use]
    pub fn beyond(&self, limit: Duration) -> Duration {
        let limit = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        let beyond = |(at, &count): (usize, &u64)| {
            let lower = if at == 0 { 0 } else { upper(at - 1) + 1 };
            let middle = lower + (upper(at) - lower) / 2;
            u128::from(middle.saturating_sub(limit)) * u128::from(count)
        };
        let nanos: u128 = self.counts.iter().enumerate().map(beyond).sum();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many were at most `limit`, to within a bucket: those in the bucket of `limit` count.
    #[must_use]
    pub fn at_most(&self, limit: Duration) -> u64 {
        let nanos = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
        self.counts[..=bucket(nanos).min(BUCKETS - 1)].iter().sum()
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts.iter()) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// A duration that `percent` of those counted do not exceed, at most an eighth too long; zero
    /// when none was counted. `percent` is 0 to 100.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Duration {
        let share = (percent / 100.0).clamp(0.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, &count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper(at));
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a duration.
#[inline]
fn bucket(nanos: u64) -> usize {
    let part = if nanos < PARTS {
        nanos
    } else {
        let power = 63 - nanos.leading_zeros();
        let within = (nanos >> (power - PARTS_LOG)) & (PARTS - 1);
        u64::from(power - PARTS_LOG + 1) * PARTS + within
    };
    usize::try_from(part).unwrap_or(usize::MAX)
}

/// The longest duration of a bucket, nanoseconds.
fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < PARTS {
        return bucket;
    }
    let (power, within) = (bucket / PARTS - 1, bucket % PARTS);
    ((PARTS + within + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_counted_in_it() {
        for nanos in (0..10_000).chain((13..44).map(|power| (1_u64 << power) - 1)) {
            let at = bucket(nanos);
            assert!(nanos <= upper(at), "{nanos}");
            assert!(at == 0 || nanos > upper(at - 1), "{nanos}");
        }
    }

    #[test]
    fn percentiles_are_at_most_an_eighth_too_long() {
        let mut all = Histogram::default();
        assert_eq!(all.percentile(50.0), Duration::ZERO);
        (1..=1000).for_each(|micros| all.record(Duration::from_micros(micros)));
        for (percent, micros) in [(50.0, 500), (95.0, 950), (99.9, 999), (100.0, 1000)] {
            let found = all.percentile(percent).as_nanos();
            assert!((micros * 1000..=micros * 1125).contains(&found), "p{percent}: {found} ns");
        }
    }

    #[test]
    fn what_is_beyond_a_limit_is_told_from_what_is_not() {
        let mut all = Histogram::default();
        [1, 5, 500].iter().for_each(|&millis| all.record(Duration::from_millis(millis)));
        assert_eq!(all.at_most(Duration::from_millis(10)), 2);
        assert_eq!(all.at_most(Duration::ZERO), 0);
        assert_eq!(all.at_most(Duration::MAX), 3);
        let beyond = all.beyond(Duration::from_millis(100)).as_millis();
        assert!((360..=440).contains(&beyond), "{beyond}");
        assert_eq!(all.beyond(Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn the_longest_durations_have_a_place() {
        let mut all = Histogram::default();
        all.record(Duration::MAX);
        let mut sum = Histogram::default();
        sum.add(&all);
        assert_eq!((sum.total(), sum == all), (1, true));
    }
}
