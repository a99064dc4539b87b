//! Exponential times from integers alone, so that every machine draws the same.

use std::time::Duration;

use crate::pool::Chance;

/// Binary places of [`neg_log2`].
const PLACES: u32 = 24;
/// ln 2 with as many places.
const LN2: u64 = 11_629_080;

/// An exponentially distributed time with this `mean`.
pub(super) fn exponential(chance: &mut Chance, mean: Duration) -> Duration {
    let nats = (neg_log2(chance.draw() | 1) * LN2) >> PLACES;
    let nanos = (u128::from(nats) * mean.as_nanos()) >> PLACES;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The time that is meant by a plan: `mean` itself where times are even, else drawn around it.
pub(super) fn spread(chance: &mut Chance, mean: Duration, even: bool) -> Duration {
    let drawn = exponential(chance, mean);
    if even { mean } else { drawn }
}

/// `-log2(x / 2^64)` in fixed point, bit by bit: squaring a number doubles its logarithm.
fn neg_log2(x: u64) -> u64 {
    let zeros = x.leading_zeros();
    let mut mantissa = x << zeros;
    let mut fraction = 0;
    for bit in (PLACES - 16..PLACES).rev() {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let carry = square >> 127 == 1;
        mantissa = u64::try_from(square >> if carry { 64 } else { 63 }).unwrap_or(u64::MAX);
        fraction |= u64::from(carry) << bit;
    }
    (u64::from(zeros + 1) << PLACES) - fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_tail_are_those_of_an_exponential() {
        let mut chance = Chance::new(1);
        let mean = Duration::from_millis(10);
        let times: Vec<_> = (0..100_000).map(|_| exponential(&mut chance, mean)).collect();
        let sum: Duration = times.iter().sum();
        assert!((9_900..10_100).contains(&(sum / 100_000).as_micros()), "{sum:?}");
        let over = times.iter().filter(|&&time| time > mean * 3).count();
        assert!((4_700..5_250).contains(&over), "e^-3 is 4.98 %, not {over} of 100,000");
    }

    #[test]
    fn halves_are_one_bit_each() {
        assert_eq!(neg_log2(1 << 63) >> PLACES, 1);
        assert_eq!(neg_log2(1 << 62) >> PLACES, 2);
        assert!(neg_log2(u64::MAX) < 1 << (PLACES - 14));
    }
}
