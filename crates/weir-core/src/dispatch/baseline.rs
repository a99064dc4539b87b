//! What is usual for a class: the mean time it holds a slot, learnt in calm times only.

use crate::time::Instant;

/// Length of one window of learning: 1 s.
const WINDOW_NANOS: u64 = 1_000_000_000;

/// Transactions after which the mean is trusted.
const WARM: u32 = 32;

/// A window counts for 1/16 once the mean is trusted: changes take about 16 s of calm.
const SLOWNESS: u64 = 16;

/// The usual hold time of one class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Baseline {
    mean_nanos: u64,
    samples: u32,
    window_sum: u64,
    window_count: u32,
    window_end: u64,
}

impl Baseline {
    /// A transaction held its slot for `held_nanos`. While `frozen` nothing is learnt.
    #[inline]
    pub(super) fn note(&mut self, now: Instant, held_nanos: u64, frozen: bool) {
        if now.as_nanos() >= self.window_end {
            self.fold(now, frozen);
        }
        self.window_sum = self.window_sum.saturating_add(held_nanos);
        self.window_count += 1;
    }

    /// The usual hold time in nanoseconds, at least 1; none before enough was seen.
    pub(super) fn usual_nanos(&self) -> Option<u64> {
        (self.samples >= WARM).then_some(self.mean_nanos.max(1))
    }

    fn fold(&mut self, now: Instant, frozen: bool) {
        if self.window_count > 0 && !frozen {
            self.learn(self.window_sum, self.window_count);
        }
        self.window_sum = 0;
        self.window_count = 0;
        self.window_end = now.as_nanos().saturating_add(WINDOW_NANOS);
    }

    /// Takes a window in. One that comes just before trouble is noticed moves a trusted mean by
    /// a sixteenth of itself at most.
    fn learn(&mut self, sum: u64, count: u32) {
        let (mean, seen) = (self.mean_nanos, u64::from(self.samples));
        if self.samples < WARM {
            self.mean_nanos = (mean * seen).saturating_add(sum) / (seen + u64::from(count));
        } else {
            let window = (sum / u64::from(count)).min(mean.saturating_mul(2));
            self.mean_nanos = mean - mean / SLOWNESS + window / SLOWNESS;
        }
        self.samples = self.samples.saturating_add(count).min(WARM);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn learn(baseline: &mut Baseline, seconds: std::ops::Range<u64>, held: u64, frozen: bool) {
        for second in seconds {
            for part in 0..20 {
                baseline.note(Instant::from_millis(second * 1_000 + part * 50), held, frozen);
            }
        }
    }

    #[test]
    fn it_is_unknown_until_enough_was_seen() {
        let mut baseline = Baseline::default();
        learn(&mut baseline, 0..2, 5 * MS, false);
        assert_eq!(baseline.usual_nanos(), None);
        learn(&mut baseline, 2..6, 5 * MS, false);
        assert_eq!(baseline.usual_nanos(), Some(5 * MS));
    }

    #[test]
    fn an_incident_does_not_poison_it() {
        let mut baseline = Baseline::default();
        learn(&mut baseline, 0..10, 5 * MS, false);
        learn(&mut baseline, 10..11, 2_000 * MS, false);
        learn(&mut baseline, 11..60, 2_000 * MS, true);
        learn(&mut baseline, 60..62, 5 * MS, false);
        let usual = baseline.usual_nanos().expect("it was trusted before");
        assert!(usual < 6 * MS, "{usual}");
    }

    #[test]
    fn a_lasting_change_in_calm_times_is_learnt() {
        let mut baseline = Baseline::default();
        learn(&mut baseline, 0..10, 5 * MS, false);
        learn(&mut baseline, 10..120, 50 * MS, false);
        assert!(baseline.usual_nanos() > Some(45 * MS));
    }
}
