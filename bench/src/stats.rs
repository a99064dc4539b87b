//! Figures out of samples. Pure.

/// The middle of several samples, and the range they spread over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// The summary of `samples`; `None` without any.
pub(crate) fn summary(samples: &[f64]) -> Option<Summary> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (least, most) = (*sorted.first()?, *sorted.last()?);
    Some(Summary { median: quantile(&sorted, 0.5), least, most })
}

/// The value that a share `q` of `sorted` (not empty, ascending) is below, between two neighbours
/// by their distance.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "samples are counted in millions at most")]
    let place = q.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the last place"
    )]
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

/// `ours[n] / theirs[n]` of each round `n` that both have: what moved the whole machine in a round
/// moves both and cancels out. Where there is nothing to divide by, a round has none. Less than
/// nothing, a difference that noise made negative, counts as nothing.
pub(crate) fn ratios(ours: &[(usize, f64)], theirs: &[(usize, f64)]) -> Vec<f64> {
    let of = |round| theirs.iter().find(|(other, _)| *other == round).map(|(_, value)| *value);
    ours.iter()
        .filter_map(|(round, value)| {
            Some(value.max(0.0) / of(*round).filter(|theirs| *theirs > 0.0)?)
        })
        .collect()
}

/// The standard deviation of samples around the mean of their group, all groups pooled; `None`
/// where no group has two.
pub(crate) fn spread(groups: &[&[f64]]) -> Option<f64> {
    let free: usize = groups.iter().map(|group| group.len().saturating_sub(1)).sum();
    #[expect(clippy::cast_precision_loss, reason = "samples are few")]
    let squares = |group: &[f64]| {
        let mean = group.iter().sum::<f64>() / group.len() as f64;
        group.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>()
    };
    let sum: f64 = groups.iter().filter(|group| !group.is_empty()).map(|it| squares(it)).sum();
    #[expect(clippy::cast_precision_loss, reason = "samples are few")]
    let variance = (free > 0).then(|| sum / free as f64)?;
    Some(variance.sqrt())
}

/// Jain's index of fairness: 1 when all have the same, 1/n when one has all.
///
/// R. Jain, D. Chiu, W. Hawe: A Quantitative Measure of Fairness, DEC TR-301, 1984.
pub(crate) fn jain(shares: &[u32]) -> f64 {
    let sum: f64 = shares.iter().copied().map(f64::from).sum();
    let squares: f64 = shares.iter().map(|share| f64::from(*share).powi(2)).sum();
    #[expect(clippy::cast_precision_loss, reason = "as many as there are clients")]
    let count = shares.len() as f64;
    if squares > 0.0 { sum * sum / (count * squares) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_range() {
        let of = |samples: &[f64]| summary(samples).map(|it| (it.median, it.least, it.most));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(of(&[9.0, 1.0, 2.0]), Some((2.0, 1.0, 9.0)));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0, 4.0)));
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(&hundred, 0.99) - 99.0).abs() < 1e-9);
        assert!((quantile(&[0.0, 10.0], 0.25) - 2.5).abs() < 1e-9);
        assert!((quantile(&[7.0], 1.0) - 7.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let (ours, theirs) = ([(0, 10.0), (1, 40.0), (3, 9.0)], [(0, 5.0), (1, 20.0), (2, 1.0)]);
        assert_eq!(ratios(&ours, &theirs), [2.0, 2.0]);
        assert_eq!(ratios(&ours, &[(7, 1.0)]), [0.0; 0]);
        let noise = [(0, -3.0), (1, 2.0), (2, 2.0)];
        assert_eq!(ratios(&noise, &[(0, 1.0), (1, -1.0), (2, 4.0)]), [0.0, 0.5]);
    }

    #[test]
    fn the_spread_is_around_the_mean_of_each_group() {
        let spread = |groups: &[&[f64]]| spread(groups);
        assert_eq!(spread(&[&[1.0, 3.0]]), Some(2.0_f64.sqrt()));
        assert_eq!(spread(&[&[1.0, 3.0], &[11.0, 13.0], &[7.0], &[]]), Some(2.0_f64.sqrt()));
        assert_eq!(spread(&[&[1.0], &[3.0]]), None);
    }

    #[test]
    fn fairness_is_one_for_equals() {
        assert!((jain(&[5, 5, 5]) - 1.0).abs() < 1e-9);
        assert!((jain(&[9, 0, 0]) - 1.0 / 3.0).abs() < 1e-9);
    }
}
