//! How long to wait before a call is made again.

use std::time::Duration;

/// Back-off with full jitter: an even draw between nothing and `first` doubled for each failure so
/// far, at most `longest`. After Brooker, "Exponential backoff and jitter" (2015).
///
/// `failures` counts from 1; `chance` is even in 0..1.
pub(super) fn pause(first: Duration, longest: Duration, failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    let ceiling = first.saturating_mul(1 << doublings).min(longest);
    ceiling.mul_f64(chance.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_longest() {
        let (first, longest) = (Duration::from_millis(500), Duration::from_secs(60));
        for (failures, ms) in [(1, 500), (2, 1_000), (3, 2_000), (8, 60_000), (u32::MAX, 60_000)] {
            assert_eq!(pause(first, longest, failures, 1.0), Duration::from_millis(ms));
        }
        assert_eq!(pause(first, longest, 3, 0.5), Duration::from_secs(1));
        assert_eq!(pause(first, longest, 3, 0.0), Duration::ZERO);
    }
}
