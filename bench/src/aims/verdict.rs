//! Whether an aim is reached, missed, or neither is shown. Pure.
//!
//! A figure of three rounds is a figure of chance as well, and of twenty such figures the worst is
//! mostly chance. So a miss counts as shown only when chance explains it in one of six runs at
//! most, were every cell of the aim exactly at it:
//!
//! - every round of a cell misses (the sign test). With `n` rounds and `k` cells that happens by
//!   chance in at most `k / 2^n` of all runs;
//! - or the median of a cell misses by more than three and a half standard errors. The spread is
//!   that of the rounds around their cell's mean, all cells of the aim together: three rounds alone
//!   don't tell theirs. Few cells have a wide distribution (Student's t) and many cells many
//!   chances, so that one number does for both.
//!
//! A test below draws such runs, with the further rounds that open cells get.

use crate::stats::{self, Summary};

/// The chance that is left to luck by the signs: one of so many runs.
const LUCK: usize = 8;

/// Standard errors that luck does not explain.
const ERRORS: f64 = 3.5;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    pub(super) const fn value(self) -> f64 {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => bound,
        }
    }

    /// How far a value misses it; negative where it reaches it.
    fn missed_by(self, value: f64) -> f64 {
        match self {
            Self::AtMost(most) => value - most,
            Self::AtLeast(least) => least - value,
        }
    }

    fn is_met(self, value: f64) -> bool {
        self.missed_by(value) <= 0.0
    }
}

/// The rounds of one cell: figures, or ratios.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rounds {
    /// At least one.
    pub(super) values: Vec<f64>,
    /// It was counted and does not spread: a round is enough.
    pub(super) is_exact: bool,
}

/// What the rounds of a cell show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shows {
    Reached,
    Missed,
    /// Neither: more rounds could turn it.
    Open,
}

/// A cell held against its aim.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Judged {
    pub(super) summary: Summary,
    pub(super) rounds: usize,
    pub(super) is_met: bool,
    pub(super) shows: Shows,
    /// How far its median is from the aim, to either side, in standard errors.
    pub(super) errors: f64,
    missed_by: f64,
}

/// Holds the cells of one aim against it, in their order.
pub(super) fn judge(bound: Bound, cells: &[Rounds]) -> Vec<Judged> {
    let values: Vec<&[f64]> = cells.iter().map(|cell| cell.values.as_slice()).collect();
    let spread = stats::spread(&values);
    let one = |cell: &Rounds| Judged::new(bound, cell, spread, cells.len());
    cells.iter().filter_map(one).collect()
}

impl Judged {
    fn new(bound: Bound, cell: &Rounds, spread: Option<f64>, cells: usize) -> Option<Self> {
        let Rounds { values, is_exact } = cell;
        let summary = stats::summary(values)?;
        let missed_by = bound.missed_by(summary.median);
        let is_met = bound.is_met(summary.median);
        let agree = values.iter().all(|value| bound.is_met(*value) == is_met);
        let many = 1_usize.checked_shl(u32::try_from(values.len()).unwrap_or(u32::MAX));
        let are_enough = many.is_none_or(|many| many >= LUCK * cells);
        #[expect(clippy::cast_precision_loss, reason = "rounds are few")]
        let error = spread.map(|spread| spread / (values.len() as f64).sqrt());
        let errors = error.map_or(0.0, |error| missed_by.abs() / error);
        let shows = match is_met {
            _ if !(*is_exact || (agree && are_enough) || errors > ERRORS) => Shows::Open,
            true => Shows::Reached,
            false => Shows::Missed,
        };
        Some(Self { summary, rounds: values.len(), is_met, shows, errors, missed_by })
    }
}

/// The cell that is furthest on the wrong side.
pub(super) fn worst(judged: &[Judged]) -> Option<usize> {
    let by = |at: &usize| judged[*at].missed_by;
    (0..judged.len()).max_by(|one, other| by(one).total_cmp(&by(other)))
}

/// How an aim stands after a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The median of every cell reaches it. `surely`: and each by more than luck explains.
    Yes {
        surely: bool,
    },
    /// A cell misses it by more than luck explains.
    No,
    /// The median of a cell misses it, and more rounds could turn it.
    NotShown,
    /// Nobody has enough of what is to be less.
    Neither,
    /// No cell that was run misses it; others are still to be run.
    SoFar,
    /// There is nothing to compare with.
    NoRatio,
    NotRun,
}

impl Verdict {
    /// Of an aim over `wanted` cells, those that were measured judged.
    pub(super) fn of(judged: &[Judged], wanted: usize) -> Self {
        if judged.iter().any(|it| it.shows == Shows::Missed) {
            return Self::No;
        }
        match judged.iter().all(|it| it.is_met) {
            false => Self::NotShown,
            true if judged.len() < wanted => Self::SoFar,
            true => Self::Yes { surely: judged.iter().all(|it| it.shows == Shows::Reached) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AIM: Bound = Bound::AtLeast(1.0);

    fn rounds(values: &[f64]) -> Rounds {
        Rounds { values: values.to_vec(), is_exact: false }
    }

    fn shows(cells: &[&[f64]]) -> Vec<Shows> {
        let cells: Vec<Rounds> = cells.iter().map(|values| rounds(values)).collect();
        judge(AIM, &cells).iter().map(|it| it.shows).collect()
    }

    #[test]
    fn three_rounds_on_one_side_show_what_a_single_cell_does() {
        assert_eq!(shows(&[&[0.9, 0.99, 0.6]]), [Shows::Missed]);
        assert_eq!(shows(&[&[1.1, 1.01, 1.6]]), [Shows::Reached]);
        assert_eq!(shows(&[&[0.9, 1.1, 0.6]]), [Shows::Open]);
        assert_eq!(shows(&[&[0.9, 0.6]]), [Shows::Open], "two heads in a row");
    }

    #[test]
    fn of_many_cells_one_misses_in_three_rounds_by_luck() {
        let (above, below) = ([1.3, 0.9, 1.1], [0.95, 0.8, 0.99]);
        assert_eq!(shows(&[&above, &below]), [Shows::Open; 2]);
        let four = [0.95, 0.8, 0.99, 0.9];
        assert_eq!(shows(&[&above, &four]), [Shows::Open, Shows::Missed]);
        let cells = [above; 19];
        let mut cells: Vec<&[f64]> = cells.iter().map(<[f64; 3]>::as_slice).collect();
        cells.push(&[0.95, 0.93, 0.99, 0.98, 0.97, 0.99, 0.98]);
        assert_eq!(shows(&cells)[19], Shows::Open, "seven rounds, twenty cells");
        cells[19] = &[0.95, 0.93, 0.99, 0.98, 0.97, 0.99, 0.98, 0.97];
        assert_eq!(shows(&cells)[19], Shows::Missed, "eight");
    }

    #[test]
    fn a_miss_far_beyond_the_spread_shows_whatever_the_number_of_cells() {
        let mut cells: Vec<&[f64]> = vec![&[1.1, 1.0, 1.05]; 19];
        cells.push(&[0.75, 0.7, 0.8]);
        assert_eq!(shows(&cells)[19], Shows::Missed);
        // Also where one round of many lies on the other side.
        assert_eq!(shows(&[&[0.7, 0.7, 0.71, 0.69, 0.72, 0.7, 1.01]]), [Shows::Missed]);
        assert_eq!(shows(&[&[0.9, 0.9, 0.91, 0.89, 0.92, 0.9, 1.3]]), [Shows::Open]);
    }

    #[test]
    fn what_is_counted_needs_no_second_round() {
        let counted = |value| Rounds { values: vec![value], is_exact: true };
        let judged = judge(AIM, &[counted(0.99), counted(1.0)]);
        assert_eq!(
            judged.iter().map(|it| it.shows).collect::<Vec<_>>(),
            [Shows::Missed, Shows::Reached]
        );
        assert_eq!(judge(AIM, &[rounds(&[0.5])])[0].shows, Shows::Open);
    }

    #[test]
    fn nearness_counts_to_both_sides() {
        let judged = judge(AIM, &[rounds(&[0.8, 0.9, 1.0]), rounds(&[1.0, 1.1, 1.2])]);
        assert!((judged[0].errors - judged[1].errors).abs() < 1e-9, "{judged:?}");
        assert!(judged[0].errors > 1.0, "{judged:?}");
    }

    #[test]
    fn the_verdict_says_what_was_shown() {
        let check = |cells: &[&[f64]], wanted, expected| {
            let cells: Vec<Rounds> = cells.iter().map(|values| rounds(values)).collect();
            assert_eq!(Verdict::of(&judge(AIM, &cells), wanted), expected, "{cells:?}");
        };
        check(&[&[1.1, 1.2, 1.3]], 1, Verdict::Yes { surely: true });
        check(&[&[1.1, 1.2, 0.9]], 1, Verdict::Yes { surely: false });
        check(&[&[1.1, 0.9, 0.8]], 1, Verdict::NotShown);
        check(&[&[0.7, 0.9, 0.8]], 1, Verdict::No);
        check(&[&[1.1, 1.2, 1.3]], 2, Verdict::SoFar);
        // Whatever is still to be run, it stays missed.
        check(&[&[0.7, 0.7, 0.71, 0.72]], 2, Verdict::No);
        check(&[&[1.1, 1.2, 1.3], &[0.99, 1.01, 0.98]], 2, Verdict::NotShown);
    }

    /// The share of runs that show a miss, of so many cells whose true ratio is `mean`, with a
    /// tenth of noise, three rounds each, and further ones while they are open. SplitMix64; twelve
    /// uniform numbers are near enough to a normal one.
    fn misses(cells: usize, rounds_max: usize, mean: f64) -> f64 {
        let mut state = 7_u64;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
        };
        let mut round = || mean + 0.1 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0);
        let mut run = || {
            let mut all = vec![rounds(&[]); cells];
            all.iter_mut().for_each(|cell| cell.values.extend([round(), round(), round()]));
            for _ in 3..rounds_max {
                let judged = judge(AIM, &all);
                let open = all.iter_mut().zip(judged).filter(|(_, it)| it.shows == Shows::Open);
                open.for_each(|(cell, _)| cell.values.push(round()));
            }
            u32::from(Verdict::of(&judge(AIM, &all), cells) == Verdict::No)
        };
        f64::from((0..1000).map(|_| run()).sum::<u32>()) / 1000.0
    }

    #[test]
    fn luck_alone_is_seldom_called_a_miss_and_a_clear_miss_nearly_always() {
        for (cells, rounds_max) in [(1, 3), (3, 3), (20, 3), (1, 8), (2, 8), (6, 8), (20, 8)] {
            let lucky = misses(cells, rounds_max, 1.0);
            assert!(lucky < 1.0 / 6.0, "{cells} cells, {rounds_max} rounds: {lucky}");
        }
        assert!(misses(20, 3, 0.8) > 0.95);
        assert!(misses(1, 8, 0.8) > 0.9);
        assert!(misses(20, 8, 1.1) < 0.01);
    }

    #[test]
    fn the_worst_is_furthest_on_the_wrong_side() {
        let cells = [rounds(&[1.2]), rounds(&[0.9]), rounds(&[1.0])];
        assert_eq!(worst(&judge(AIM, &cells)), Some(1));
        assert_eq!(worst(&judge(Bound::AtMost(1.0), &cells)), Some(0));
        assert_eq!(worst(&[]), None);
    }
}
