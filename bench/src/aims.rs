//! What Weir is to reach, and whether it does: a table of aims, held against what a run measured.

mod table;

use std::fmt::Write as _;

use crate::cells::Cell;
use crate::contender::{Contender, Setting};
use crate::metric::Metric;
use crate::plan::Plan;
use crate::report::Report;
use crate::{rounds, stats};
use table::AIMS;

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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::AtMost(_) => one.max(other),
            Self::AtLeast(_) => one.min(other),
        }
    }

    fn text(self, against: Against) -> String {
        let sign = against.sign();
        match self {
            Self::AtMost(most) => format!("≤ {sign}{most}"),
            Self::AtLeast(least) => format!("≥ {sign}{least}"),
        }
    }
}

impl Against {
    const fn sign(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::PgBouncer | Self::Weir(_) | Self::Direct => "×",
        }
    }
}

/// How an aim stands after a run.
#[derive(Debug, Clone, PartialEq)]
struct Standing {
    /// The worst value and its cell; `None` where nothing was measured.
    worst: Option<(f64, Cell)>,
    /// Cells with a value, and all that the aim is for.
    measured: usize,
    wanted: usize,
}

impl Standing {
    /// In words: an aim is met once all its cells were measured, and missed by any one.
    fn verdict(&self, bound: Bound) -> &'static str {
        match self.worst {
            None => "not run",
            Some((worst, _)) if !bound.is_met(worst) => "**no**",
            Some(_) if self.measured < self.wanted => "so far",
            Some(_) => "yes",
        }
    }
}

/// The table of aims for the page.
pub(crate) fn markdown(report: &Report<'_>) -> String {
    let mut page = "## Aims\n\n× is the median of the ratios of the same round; of several cells \
                    the worst counts.\n\n| what | aim | reached | met? |\n| --- | --- | --- | --- \
                    |\n"
    .to_owned();
    let cells = Plan::long().cells;
    for aim in AIMS {
        let standing = aim.standing(report, &cells);
        let aimed = aim.bound.text(aim.against);
        let (reached, verdict) = (aim.reached(&standing), standing.verdict(aim.bound));
        let _ = writeln!(page, "| {} | {aimed} | {reached} | {verdict} |", aim.what);
    }
    page.push('\n');
    page
}

impl Aim {
    fn standing(&self, report: &Report<'_>, cells: &[Cell]) -> Standing {
        let mut standing = Standing { worst: None, measured: 0, wanted: 0 };
        for cell in cells.iter().filter(|cell| (self.cells)(cell)) {
            standing.wanted += 1;
            let Some(value) = self.value(report, *cell) else { continue };
            standing.measured += 1;
            standing.worst = match standing.worst {
                Some((worst, of)) if self.bound.worse(worst, value) == worst => Some((worst, of)),
                Some(_) | None => Some((value, *cell)),
            };
        }
        standing
    }

    /// The figure, or the ratio, in one cell.
    fn value(&self, report: &Report<'_>, cell: Cell) -> Option<f64> {
        let is_ours = |it: &Contender| it.has_setting(self.who);
        let ours = values(report, cell, is_ours, self.metric)?;
        let theirs = match self.against {
            Against::Nothing => {
                let values: Vec<f64> = ours.into_iter().map(|(_, value)| value).collect();
                return Some(stats::summary(&values)?.median);
            }
            Against::PgBouncer => {
                let is_one = |it: &Contender| matches!(it, Contender::PgBouncer { .. });
                values(report, cell, is_one, self.metric)?
            }
            Against::Weir(setting) => {
                values(report, cell, |it| it.has_setting(setting), self.metric)?
            }
            Against::Direct => {
                let ideal = Cell { clients: cell.pool, ..cell };
                values(report, ideal, |it| *it == Contender::Direct, self.metric)?
            }
        };
        Some(stats::ratio(&ours, &theirs)?.median)
    }

    fn reached(&self, standing: &Standing) -> String {
        let Some((worst, cell)) = standing.worst else { return "–".to_owned() };
        let digits = if worst.abs() >= 100.0 { 0 } else { 3 };
        let figure = format!("{}{worst:.digits$}", self.against.sign());
        let Standing { measured, wanted, .. } = standing;
        match (*measured, *wanted) {
            (1, 1) => figure,
            (all, wanted) if all == wanted => format!("{figure} ({cell}, worst of {all})"),
            (some, wanted) => format!("{figure} ({cell}, worst of {some}; {wanted} wanted)"),
        }
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
    use crate::machine::Machine;
    use crate::pgbench::Protocol;
    use crate::rounds::{Outcome, Record};

    const CELL: Cell = Cell::new(Work::Load(Script::Select(Protocol::Simple)), 50);
    const OTHER: Cell = Cell::new(Work::Load(Script::Select(Protocol::Extended)), 50);

    /// How the aim of 0.7 stands after a run of one cell with these figures of Weir and PgBouncer,
    /// a round each.
    fn standing(rounds: &[(f64, f64)]) -> Standing {
        let aim = Aim {
            what: "processor time",
            who: Setting::Uring,
            metric: Metric::Cpu,
            cells: |cell| *cell == CELL || *cell == OTHER,
            against: Against::PgBouncer,
            bound: Bound::AtMost(0.7),
        };
        let weir = Contender::Weir { program: "weir".into(), setting: Setting::Uring };
        let bouncer = Contender::PgBouncer { program: "pgb".into(), version: "1.24.1".to_owned() };
        let record = |round, contender, value| {
            let sample = [(Metric::Cpu, value)].into();
            Record { cell: 0, contender, round, sample }
        };
        let pairs = rounds.iter().enumerate();
        let records = pairs.flat_map(|(round, (ours, theirs))| {
            [record(round, 0, *ours), record(round, 1, *theirs)]
        });
        let outcome = Outcome { records: records.collect(), ..Outcome::default() };
        let plan = Plan { cells: vec![CELL], ..Plan::long() };
        let (contenders, machine) = ([weir, bouncer], Machine::default());
        let report =
            Report { plan: &plan, contenders: &contenders, outcome: &outcome, machine: &machine };
        aim.standing(&report, &[OTHER, CELL])
    }

    #[test]
    fn an_aim_is_missed_by_one_cell_and_met_only_by_all() {
        let bound = Bound::AtMost(0.7);
        let check = |rounds: &[(f64, f64)], expected| {
            assert_eq!(standing(rounds).verdict(bound), expected, "{rounds:?}");
        };
        check(&[], "not run");
        check(&[(8.0, 10.0), (6.0, 10.0), (9.0, 10.0)], "**no**");
        check(&[(6.0, 10.0)], "so far");
        let all = Standing { measured: 2, ..standing(&[(6.0, 10.0)]) };
        assert_eq!(all.verdict(bound), "yes");
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

    #[test]
    fn the_worst_counts() {
        assert!(Bound::AtLeast(1.0).worse(0.9, 1.1) < 1.0);
        assert!(Bound::AtMost(1.0).worse(0.9, 1.1) > 1.0);
        assert!(Bound::AtLeast(1.0).is_met(1.0) && !Bound::AtMost(1.0).is_met(1.01));
    }
}
