//! How many slots the work needs, and how many it would need if it were done otherwise.
//!
//! Little's law: the slots that a class holds on average are its arrivals a second times the
//! seconds each holds one. While claims wait or are refused, fewer transactions end than are asked
//! for; then the demand is more than what is held, by that ratio.

use std::time::Duration;

use super::class::ClassSums;
use super::gap::GapSums;
use super::phase::{Phase, PhaseTimes};
use super::window::Frame;

/// The slots one class needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    slots: [f64; Phase::COUNT],
    /// Transactions asked for each second.
    pub arrivals_per_second: f64,
}

impl Demand {
    /// What a class that did this in `span` needs.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "rates and averages")]
    pub fn of(sums: &ClassSums, span: Duration) -> Self {
        let seconds = span.as_secs_f64();
        if seconds == 0.0 {
            return Self { slots: [0.0; Phase::COUNT], arrivals_per_second: 0.0 };
        }
        // A pinned client's claim brings many transactions.
        let arrivals = sums.claims.max(sums.transactions) as f64;
        let surplus =
            if sums.transactions == 0 { 1.0 } else { arrivals / sums.transactions as f64 };
        let slots = Phase::ALL.map(|phase| {
            let held = sums.times.seconds(phase) / seconds;
            if phase.is_held() { held * surplus } else { 0.0 }
        });
        Self { slots, arrivals_per_second: arrivals / seconds }
    }

    /// Slots needed for one phase, on average.
    #[must_use]
    pub const fn slots(&self, phase: Phase) -> f64 {
        self.slots[phase as usize]
    }

    /// Slots needed in all, on average.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.slots.iter().sum()
    }

    /// Slots needed in all if a change is made. `times` are those of the class over the time that
    /// the change's gaps were counted.
    #[must_use]
    pub fn total_with(&self, change: &Change<'_>, times: &PhaseTimes) -> f64 {
        let idle = times[Phase::IdleInTransaction];
        if idle == 0 {
            return self.total();
        }
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let share = (change.saved_nanos() as f64 / idle as f64).min(1.0);
        self.total() - self.slots(Phase::IdleInTransaction) * share
    }
}

/// A way to do the work otherwise.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// What happens in this gap happens outside of the transaction.
    WithoutGap(&'a GapSums),
    /// The slot is taken with the first statement behind BEGIN: the gaps right behind BEGIN go.
    DeferredBegin(&'a [&'a GapSums]),
    /// No gap lasts longer.
    GapLimit(&'a [&'a GapSums], Duration),
}

impl Change<'_> {
    /// Nanoseconds that it would have saved.
    #[must_use]
    pub fn saved_nanos(&self) -> u128 {
        match self {
            Self::WithoutGap(gap) => gap.nanos,
            Self::DeferredBegin(gaps) => gaps.iter().map(|gap| gap.nanos).sum(),
            Self::GapLimit(gaps, limit) => gaps.iter().map(|gap| beyond(gap, *limit)).sum(),
        }
    }
}

/// Nanoseconds of gaps beyond `limit`, by the histogram: at most an eighth off. Never more than
/// the whole.
fn beyond(gap: &GapSums, limit: Duration) -> u128 {
    gap.spans.beyond(limit).as_nanos().min(gap.nanos)
}

/// How long until `slots` are all held, if the use goes on to grow as it did in these frames
/// (the oldest first): by a straight line through them. `None` when it does not grow. Zero when
/// nothing is left.
#[must_use]
pub fn exhaustion(frames: &[&Frame], slots: u32) -> Option<Duration> {
    let last = frames.last()?;
    let free = f64::from(slots) - last.held();
    if free <= 0.0 {
        return Some(Duration::ZERO);
    }
    let points: Vec<(f64, f64)> = frames
        .iter()
        .map(|frame| ((frame.at - frames[0].at).as_secs_f64(), frame.held()))
        .collect();
    let slope = slope(&points)?;
    // A line that needs a day is no forecast.
    const FORECAST_MAX_SECONDS: f64 = 86_400.0;
    let seconds = free / slope;
    (slope > 0.0 && seconds <= FORECAST_MAX_SECONDS).then(|| Duration::from_secs_f64(seconds))
}

/// Least squares; `None` for points at one place.
#[expect(clippy::cast_precision_loss, reason = "few points")]
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut top, mut bottom) = (0.0, 0.0);
    for (x, y) in points {
        top += (x - mean_x) * (y - mean_y);
        bottom += (x - mean_x) * (x - mean_x);
    }
    (bottom > 0.0).then_some(top / bottom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Instant;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    }

    fn sums(claims: u64, transactions: u64, idle_ms: u64, executing_ms: u64) -> ClassSums {
        let mut sums = ClassSums { claims, transactions, ..ClassSums::default() };
        sums.times.charge(Phase::IdleInTransaction, idle_ms * 1_000_000);
        sums.times.charge(Phase::Executing, executing_ms * 1_000_000);
        sums
    }

    #[test]
    fn need_is_arrivals_times_holding_time() {
        // Ten a second, each 2 s in a gap and 0.1 s executing: 21 slots.
        let demand = Demand::of(&sums(100, 100, 200_000, 10_000), Duration::from_secs(10));
        near(demand.total(), 21.0);
        near(demand.slots(Phase::IdleInTransaction), 20.0);
        near(demand.arrivals_per_second, 10.0);
    }

    #[test]
    fn demand_counts_those_who_got_nothing() {
        let demand = Demand::of(&sums(100, 50, 100_000, 5_000), Duration::from_secs(10));
        near(demand.total(), 21.0);
        let pinned = Demand::of(&sums(1, 50, 0, 5_000), Duration::from_secs(10));
        near(pinned.total(), 0.5);
    }

    #[test]
    fn without_the_gap_little_is_needed() {
        let class = sums(100, 100, 200_000, 10_000);
        let demand = Demand::of(&class, Duration::from_secs(10));
        let mut gap = GapSums::default();
        (0..100).for_each(|_| gap.record(Duration::from_secs(2)));
        near(demand.total_with(&Change::WithoutGap(&gap), &class.times), 1.0);
        near(demand.total_with(&Change::DeferredBegin(&[&gap]), &class.times), 1.0);
        let limited =
            demand.total_with(&Change::GapLimit(&[&gap], Duration::from_secs(1)), &class.times);
        assert!((10.0..12.5).contains(&limited), "{limited}");
        near(demand.total_with(&Change::DeferredBegin(&[]), &class.times), 21.0);
    }

    #[test]
    fn growth_is_drawn_out_to_the_end() {
        let frame = |second: u64, held: u64| {
            let mut times = PhaseTimes::default();
            times.charge(Phase::Executing, held * 1_000_000_000);
            let at = Instant::from_millis(second * 1000);
            let span = Duration::from_secs(1);
            Frame { at, span, times, slots: 20, waiting: 0, classes: Vec::new() }
        };
        let growing: Vec<Frame> = (0..5).map(|second| frame(second, second * 2)).collect();
        let growing: Vec<&Frame> = growing.iter().collect();
        let left = exhaustion(&growing, 20).unwrap();
        near(left.as_secs_f64(), 6.0);
        assert_eq!(exhaustion(&growing, 8), Some(Duration::ZERO));
        let steady = [frame(0, 3), frame(1, 3)];
        assert_eq!(exhaustion(&steady.iter().collect::<Vec<_>>(), 20), None);
        assert_eq!(exhaustion(&[], 20), None);
    }
}
