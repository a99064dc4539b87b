//! What was played beside what was measured.

use std::fmt::Write;
use std::time::Duration;

use super::outcome::Outcome;

/// The figures of one run that the replay reports first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headline {
    /// Innocent clients served within a second, in tenths of a percent.
    pub innocent_permille: u64,
    /// Tries that succeeded, in tenths of a percent.
    pub success_permille: u64,
    /// Clients served in the end, in tenths of a percent.
    pub served_permille: u64,
    /// Most server connections open at once.
    pub connections: u32,
    /// From the end of the trouble until innocent clients are served well and stay so; none when
    /// that did not come.
    pub recovery: Option<Duration>,
}

impl Headline {
    /// Those of what was played.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            innocent_permille: outcome.innocent.soon_permille(),
            success_permille: (outcome.good * 1_000).checked_div(outcome.tries).unwrap_or(1_000),
            served_permille: outcome.all.served_permille(),
            connections: outcome.open_max,
            recovery: outcome.recovery,
        }
    }
}

/// One line: its name, and where its figure is from.
struct Line {
    name: &'static str,
    unit: Unit,
    of: fn(&Headline) -> Option<u64>,
}

/// How a figure and a difference are written.
#[derive(Clone, Copy)]
enum Unit {
    /// Tenths of a percent.
    Share,
    /// As it is.
    Count,
    /// Milliseconds.
    Time,
}

const LINES: [Line; 5] = [
    Line {
        name: "innocent clients within 1 s",
        unit: Unit::Share,
        of: |one| Some(one.innocent_permille),
    },
    Line { name: "tries that succeed", unit: Unit::Share, of: |one| Some(one.success_permille) },
    Line {
        name: "clients served in the end",
        unit: Unit::Share,
        of: |one| Some(one.served_permille),
    },
    Line {
        name: "server connections at most",
        unit: Unit::Count,
        of: |one| Some(u64::from(one.connections)),
    },
    Line {
        name: "recovery",
        unit: Unit::Time,
        of: |one| one.recovery.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
    },
];

/// Each figure's median of what was played and of what was measured, and how far they are apart.
/// The first line names the two by `title`. Nothing where either is empty.
#[must_use]
pub fn beside(title: &str, played: &[Headline], measured: &[Headline]) -> String {
    let mut text = format!("{title:32}{:>11}{:>11}{:>14}\n", "simulated", "measured", "difference");
    for Line { name, unit, of } in LINES {
        let (Some(one), Some(other)) = (median(played, of), median(measured, of)) else {
            return String::new();
        };
        let apart = one.zip(other).map(|(one, other)| one.abs_diff(other));
        let difference = match (apart, one == other) {
            (Some(apart), _) => unit.difference(apart),
            (None, true) => "none".to_owned(),
            (None, false) => "only one ends".to_owned(),
        };
        let (one, other) = (unit.figure(one), unit.figure(other));
        let _ = writeln!(text, "{name:32}{one:>11}{other:>11}{difference:>14}");
    }
    text
}

/// The figure of the run in the middle, the lower of two; the figure none is the highest. None
/// where there is no run.
fn median(runs: &[Headline], of: fn(&Headline) -> Option<u64>) -> Option<Option<u64>> {
    let mut figures: Vec<_> = runs.iter().map(of).collect();
    figures.sort_by_key(|figure| figure.unwrap_or(u64::MAX));
    figures.get(figures.len().saturating_sub(1) / 2).copied()
}

impl Unit {
    fn figure(self, figure: Option<u64>) -> String {
        match (self, figure) {
            (_, None) => "never".into(),
            (Self::Share, Some(permille)) => format!("{}.{} %", permille / 10, permille % 10),
            (Self::Count, Some(count)) => count.to_string(),
            (Self::Time, Some(ms)) => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        }
    }

    fn difference(self, apart: u64) -> String {
        match self {
            Self::Share => format!("{}.{} points", apart / 10, apart % 10),
            Self::Count | Self::Time => self.figure(Some(apart)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn run(innocent_permille: u64, recovery: Option<Duration>) -> Headline {
        Headline {
            innocent_permille,
            success_permille: 479,
            served_permille: 741,
            connections: 39,
            recovery,
        }
    }

    #[test]
    fn the_run_in_the_middle_counts_and_never_is_the_longest() {
        let second = Some(Duration::from_secs(1));
        let played = [run(990, None), run(952, second), run(101, None)];
        let measured = [run(936, Some(Duration::from_millis(2_500)))];
        let text = beside("weir", &played, &measured);
        let has = |words: &str| {
            let found = text
                .lines()
                .any(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") == words);
            assert!(found, "no `{words}` in:\n{text}");
        };
        has("innocent clients within 1 s 95.2 % 93.6 % 1.6 points");
        has("tries that succeed 47.9 % 47.9 % 0.0 points");
        has("server connections at most 39 39 0");
        has("recovery never 2.5 s only one ends");
        assert_eq!(beside("weir", &played, &[]), "");
    }
}
