//! What Weir is to reach, and whether it does: a table of aims, held against what a run measured.

mod page;
mod table;
mod verdict;

use crate::cells::Cell;
use crate::contender::{Contender, Setting};
use crate::metric::Metric;
use crate::report::Report;
use crate::{rounds, stats};
pub(crate) use page::markdown;
use table::AIMS;
use verdict::{Bound, Judged, Rounds, Shows, Verdict};

/// One aim.
#[derive(Debug, Clone, Copy)]
struct Aim {
    /// What it is about, where the metric and the cells don't say it.
    what: &'static str,
    who: Setting,
    metric: Metric,
    /// Which cells of the long form it is for: the worst of them counts.
    cells: fn(&Cell) -> bool,
    against: Against,
    bound: Bound,
    /// Where both have less than this, a ratio is one of noise.
    floor_ms: Option<f64>,
}

/// What a figure is divided by, of the same round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Against {
    /// One: the figure itself.
    Nothing,
    /// The newest PgBouncer, in the same cell.
    PgBouncer,
    /// Weir in another setting, in the same cell.
    Weir(Setting),
    /// No proxy, with as many clients as there are slots.
    Direct,
}

impl Against {
    const fn sign(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::PgBouncer | Self::Weir(_) | Self::Direct => "×",
        }
    }

    /// The cell in which the other is measured.
    const fn cell(self, cell: Cell) -> Cell {
        match self {
            Self::Nothing | Self::PgBouncer | Self::Weir(_) => cell,
            Self::Direct => Cell { clients: cell.pool, ..cell },
        }
    }

    fn is_of(self, contender: &Contender) -> bool {
        match self {
            Self::Nothing => false,
            Self::PgBouncer => matches!(contender, Contender::PgBouncer { .. }),
            Self::Weir(setting) => contender.has_setting(setting),
            Self::Direct => *contender == Contender::Direct,
        }
    }
}

/// How an aim stands after a run.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    verdict: Verdict,
    /// The cells that have rounds to judge.
    cells: Vec<(Cell, Judged)>,
    /// Cells that the aim is for.
    wanted: usize,
}

/// The cells of the run whose rounds neither reach an aim nor miss it by more than luck explains,
/// by number, the nearest to their aim first.
///
/// Further rounds for these are no favour to anybody only because both sides are treated alike: a
/// cell that just reaches its aim is as near as one that just misses it.
pub(crate) fn open(report: &Report<'_>) -> Vec<usize> {
    let number = |cell: Cell| report.plan.cells.iter().position(|other| *other == cell);
    let mut near: Vec<(f64, usize)> = Vec::new();
    for aim in AIMS {
        let standing = aim.standing(report, &report.plan.cells);
        let is_open = |judged: &Judged| judged.shows == Shows::Open;
        if standing.verdict == Verdict::Neither {
            continue;
        }
        for (cell, judged) in standing.cells.iter().filter(|(_, judged)| is_open(judged)) {
            let both = [*cell, aim.against.cell(*cell)];
            near.extend(both.into_iter().filter_map(number).map(|at| (judged.errors, at)));
        }
    }
    near.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut cells: Vec<usize> = Vec::new();
    for (_, at) in near {
        if !cells.contains(&at) {
            cells.push(at);
        }
    }
    cells
}

impl Aim {
    fn standing(&self, report: &Report<'_>, cells: &[Cell]) -> Standing {
        let its: Vec<Cell> = cells.iter().copied().filter(|cell| (self.cells)(cell)).collect();
        let with = |cell: &Cell| Some((*cell, self.rounds(report, *cell)?));
        let (measured, values): (Vec<Cell>, Vec<Rounds>) = its.iter().filter_map(with).unzip();
        let judged = verdict::judge(self.bound, &values);
        let is_run = || its.iter().any(|cell| self.ours(report, *cell).is_some());
        let verdict = match judged.as_slice() {
            _ if its.iter().all(|cell| self.is_below(report, *cell)) => Verdict::Neither,
            [] if is_run() => Verdict::NoRatio,
            [] => Verdict::NotRun,
            judged => Verdict::of(judged, its.len()),
        };
        Standing { verdict, cells: measured.into_iter().zip(judged).collect(), wanted: its.len() }
    }

    fn ours(&self, report: &Report<'_>, cell: Cell) -> Option<Vec<(usize, f64)>> {
        values(report, cell, |it| it.has_setting(self.who), self.metric)
    }

    fn theirs(&self, report: &Report<'_>, cell: Cell) -> Option<Vec<(usize, f64)>> {
        values(report, self.against.cell(cell), |it| self.against.is_of(it), self.metric)
    }

    /// The figures, or the ratios, of each round of one cell; `None` without any.
    fn rounds(&self, report: &Report<'_>, cell: Cell) -> Option<Rounds> {
        let ours = self.ours(report, cell)?;
        let values = match self.against {
            Against::Nothing => ours.into_iter().map(|(_, value)| value).collect(),
            Against::PgBouncer | Against::Weir(_) | Against::Direct => {
                stats::ratios(&ours, &self.theirs(report, cell)?)
            }
        };
        (!values.is_empty()).then_some(Rounds { values, is_exact: cell.work.is_counted() })
    }

    /// Whether both medians are below the floor.
    fn is_below(&self, report: &Report<'_>, cell: Cell) -> bool {
        let is_below = |values: Option<Vec<(usize, f64)>>| {
            let values: Vec<f64> = values.into_iter().flatten().map(|(_, value)| value).collect();
            stats::summary(&values).zip(self.floor_ms).is_some_and(|(it, floor)| it.median < floor)
        };
        is_below(self.ours(report, cell)) && is_below(self.theirs(report, cell))
    }
}

/// Samples with their rounds; of several contenders that fit, the last's.
fn values(
    report: &Report<'_>,
    cell: Cell,
    is_it: impl Fn(&Contender) -> bool,
    metric: Metric,
) -> Option<Vec<(usize, f64)>> {
    let contender = report.contenders.iter().rposition(is_it)?;
    let at = report.plan.cells.iter().position(|other| *other == cell)?;
    let values = rounds::values(&report.outcome.records, at, contender, metric);
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::Work;
    use crate::load::script::Script;
    use crate::pgbench::Protocol;
    use crate::plan::Plan;
    use crate::rounds::{Outcome, Record};

    const CELL: Cell = Cell::new(Work::Load(Script::Select(Protocol::Simple)), 50);
    const OTHER: Cell = Cell::new(Work::Load(Script::Select(Protocol::Extended)), 50);
    const AIM: Aim = Aim {
        what: "processor time",
        who: Setting::Uring,
        metric: Metric::Cpu,
        cells: |cell| *cell == CELL || *cell == OTHER,
        against: Against::PgBouncer,
        bound: Bound::AtMost(0.7),
        floor_ms: None,
    };

    /// What `look` sees of a run of these cells with these figures of Weir and PgBouncer in each,
    /// a round a pair.
    fn with<T>(cells: &[(Cell, &[(f64, f64)])], look: impl Fn(&Report<'_>) -> T) -> T {
        let weir = Contender::Weir { program: "weir".into(), setting: Setting::Uring };
        let bouncer = Contender::PgBouncer { program: "pgb".into(), version: "1.24.1".to_owned() };
        let mut outcome = Outcome::default();
        for (cell, (_, rounds)) in cells.iter().enumerate() {
            for (round, (ours, theirs)) in rounds.iter().enumerate() {
                for (contender, value) in [ours, theirs].into_iter().enumerate() {
                    let sample = [(Metric::Cpu, *value)].into();
                    outcome.records.push(Record { cell, contender, round, sample });
                }
            }
        }
        let cells = cells.iter().map(|(cell, _)| *cell).collect();
        let plan = Plan { cells, ..Plan::long() };
        let (contenders, outcome) = (&[weir, bouncer], &outcome);
        look(&Report { plan: &plan, contenders, outcome })
    }

    fn verdict(aim: Aim, rounds: &[(f64, f64)], wanted: &[Cell]) -> Verdict {
        with(&[(CELL, rounds)], |report| aim.standing(report, wanted).verdict)
    }

    #[test]
    fn an_aim_is_met_only_by_all_its_cells() {
        let check = |rounds: &[(f64, f64)], expected| {
            assert_eq!(verdict(AIM, rounds, &[OTHER, CELL]), expected, "{rounds:?}");
        };
        check(&[], Verdict::NotRun);
        check(&[(8.0, 0.0)], Verdict::NoRatio);
        check(&[(8.0, 10.0), (6.0, 10.0), (9.0, 10.0)], Verdict::NotShown);
        check(&[(8.0, 10.0), (8.1, 10.0), (9.0, 10.0)], Verdict::No);
        check(&[(6.0, 10.0)], Verdict::SoFar);
        let reached = [(6.0, 10.0), (5.0, 10.0), (6.0, 10.0)];
        assert_eq!(verdict(AIM, &reached, &[CELL]), Verdict::Yes { surely: true });
    }

    #[test]
    fn a_ratio_of_noise_is_none() {
        let aim = Aim { floor_ms: Some(0.5), ..AIM };
        let noise = [(0.1, 0.05), (-0.1, 0.2), (0.2, 0.1)];
        assert_eq!(verdict(aim, &noise, &[CELL]), Verdict::Neither);
        let disturbed = [(0.1, 5.0), (-0.1, 4.0), (0.2, 5.0)];
        assert_eq!(verdict(aim, &disturbed, &[CELL]), Verdict::Yes { surely: true });
        assert_eq!(verdict(aim, &[(5.0, 0.1); 3], &[CELL]), Verdict::No);
        assert_eq!(verdict(aim, &[], &[CELL]), Verdict::NotRun);
    }

    #[test]
    fn cells_near_an_aim_are_open_on_either_side_of_it() {
        // Against the aims of the table: CPU at most 0.7, simple and extended.
        let far = [(3.0, 10.0), (3.1, 10.0), (2.9, 10.0)];
        let above = [(7.3, 10.0), (7.2, 10.0), (6.7, 10.0)];
        let below = [(6.8, 10.0), (6.9, 10.0), (7.1, 10.0)];
        let third = Cell { clients: 200, ..CELL };
        let open = with(&[(third, &far), (CELL, &above), (OTHER, &below)], open);
        assert_eq!(open, [2, 1], "the nearest first");
    }

    #[test]
    fn every_aim_has_cells_that_its_contender_is_in() {
        let cells = Plan::long().cells;
        for aim in AIMS {
            let weir = Contender::Weir { program: "weir".into(), setting: aim.who };
            let mut its = cells.iter().filter(|cell| (aim.cells)(cell)).peekable();
            assert!(its.peek().is_some(), "{}", aim.what);
            assert!(its.all(|cell| cell.is_for(&weir)), "{}", aim.what);
        }
    }
}
