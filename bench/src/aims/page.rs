//! The aims as a chapter of the page.

use std::fmt::Write as _;

use crate::aims::table::AIMS;
use crate::aims::verdict::{self, Bound, Verdict};
use crate::aims::{Against, Aim, Standing};
use crate::plan::Plan;
use crate::report::Report;
use crate::stats::Summary;

/// The rule of `verdict`, for people.
const RULE: &str = "× is the median of the ratios of the same round [all rounds]; of several \
    cells the worst counts. **yes**: every cell's median reaches the aim. **no**: a cell misses \
    it by more than luck explains, which is to say in every round (of at least 3 with one cell, \
    8 with twenty) or by more than 3.5 standard errors of the rounds: were every cell exactly \
    at its aim, luck would do that in one of six runs at most. **not shown**: a median misses it, \
    and further rounds could turn that.\n\n";

/// The table of aims for the page.
pub(crate) fn markdown(report: &Report<'_>) -> String {
    let cells = Plan::long().cells;
    let standings: Vec<Standing> = AIMS.iter().map(|aim| aim.standing(report, &cells)).collect();
    let verdicts: Vec<Verdict> = standings.iter().map(|it| it.verdict).collect();
    let mut page = format!("## Aims\n\n{}\n\n{RULE}", counts(&verdicts));
    page.push_str("| what | aim | reached | cells that reach it | rounds | met? |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for (aim, standing) in AIMS.iter().zip(&standings) {
        let (reached, cells, rounds) = (aim.reached(standing), standing.met(), standing.rounds());
        let (what, aimed) = (aim.what, aim.bound.text(aim.against));
        let met = aim.met(standing.verdict);
        let _ = writeln!(page, "| {what} | {aimed} | {reached} | {cells} | {rounds} | {met} |");
    }
    page.push('\n');
    page
}

/// How many aims stand how.
fn counts(verdicts: &[Verdict]) -> String {
    let count = |is_it: fn(&Verdict) -> bool| verdicts.iter().filter(|it| is_it(it)).count();
    let surely = count(|it| *it == Verdict::Yes { surely: true });
    let mut parts = vec![
        format!(
            "{} reached, {surely} of them in every cell by more than luck explains",
            count(|it| matches!(it, Verdict::Yes { .. }))
        ),
        format!("{} missed", count(|it| *it == Verdict::No)),
        format!("{} not shown", count(|it| *it == Verdict::NotShown)),
    ];
    let neither = count(|it| *it == Verdict::Neither);
    let open = count(|it| matches!(it, Verdict::SoFar | Verdict::NoRatio | Verdict::NotRun));
    let others = [(neither, "with nothing to compare"), (open, "not run, or not wholly")];
    let others = others.iter().filter(|(count, _)| *count > 0);
    parts.extend(others.map(|(count, what)| format!("{count} {what}")));
    format!("**Of {} aims: {}.**", verdicts.len(), parts.join("; "))
}

impl Bound {
    fn text(self, against: Against) -> String {
        let sign = match self {
            Self::AtMost(_) => "≤",
            Self::AtLeast(_) => "≥",
        };
        format!("{sign} {}{}", against.sign(), self.value())
    }
}

impl Aim {
    /// The worst figure, the range of its rounds, and its cell.
    fn reached(&self, standing: &Standing) -> String {
        let judged: Vec<_> = standing.cells.iter().map(|(_, judged)| *judged).collect();
        let Some(worst) = verdict::worst(&judged) else { return "–".to_owned() };
        let Summary { median, least, most } = judged[worst].summary;
        let digits = if median.abs() >= 100.0 { 0 } else { 3 };
        let mut figure = format!("{}{median:.digits$}", self.against.sign());
        if least.to_bits() != most.to_bits() {
            let digits = digits.min(2);
            let _ = write!(figure, " [{least:.digits$}..{most:.digits$}]");
        }
        if standing.wanted > 1 {
            let _ = write!(figure, " ({})", standing.cells[worst].0);
        }
        figure
    }

    fn met(&self, verdict: Verdict) -> String {
        match verdict {
            Verdict::Yes { .. } => "yes",
            Verdict::No => "**no**",
            Verdict::NotShown => "not shown",
            Verdict::SoFar => "so far",
            Verdict::NoRatio => "no ratio",
            Verdict::NotRun => "not run",
            Verdict::Neither => {
                let floor = self.floor_ms.unwrap_or_default();
                return format!("neither is disturbed (below {floor} ms)");
            }
        }
        .to_owned()
    }
}

impl Standing {
    /// How many cells reach the aim, of those that were measured and, if they differ, of all.
    fn met(&self) -> String {
        let (all, wanted) = (self.cells.len(), self.wanted);
        let met = self.cells.iter().filter(|(_, judged)| judged.is_met).count();
        match all {
            0 => "–".to_owned(),
            _ if all == wanted => format!("{met} of {all}"),
            _ => format!("{met} of {all}; {wanted} wanted"),
        }
    }

    /// How many rounds the cells have, least and most.
    fn rounds(&self) -> String {
        let rounds = || self.cells.iter().map(|(_, judged)| judged.rounds);
        match (rounds().min(), rounds().max()) {
            (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
            (Some(rounds), _) => rounds.to_string(),
            (None, _) => "–".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aims::verdict::Rounds;
    use crate::cells::{Cell, Work};

    fn standing(cells: &[&[f64]], wanted: usize) -> Standing {
        let rounds = |values: &&[f64]| Rounds { values: values.to_vec(), is_exact: false };
        let rounds: Vec<Rounds> = cells.iter().map(rounds).collect();
        let judged = verdict::judge(Bound::AtMost(1.0), &rounds);
        let verdict = Verdict::of(&judged, wanted);
        let cell = Cell::new(Work::Recovery, 7);
        Standing { verdict, cells: judged.into_iter().map(|it| (cell, it)).collect(), wanted }
    }

    #[test]
    fn a_row_says_how_many_cells_reach_the_aim_and_how_the_worst_spreads() {
        let two = standing(&[&[0.8, 0.9, 0.7], &[1.12, 0.95, 1.31, 1.2]], 2);
        assert_eq!((two.met(), two.rounds()), ("1 of 2".to_owned(), "3 to 4".to_owned()));
        let reached = AIMS[0].reached(&two);
        assert!(reached.starts_with("×1.160 [0.95..1.31] (restart"), "{reached}");
        let one = standing(&[&[0.5]], 1);
        assert_eq!((one.met(), one.rounds()), ("1 of 1".to_owned(), "1".to_owned()));
        assert_eq!(AIMS[0].reached(&one), "×0.500");
        let part = standing(&[&[0.5]], 3);
        assert_eq!(part.met(), "1 of 1; 3 wanted");
        let none = standing(&[], 3);
        assert_eq!([none.met(), none.rounds(), AIMS[0].reached(&none)], ["–"; 3]);
    }

    #[test]
    fn the_verdicts_are_counted() {
        let (yes, just) = (Verdict::Yes { surely: true }, Verdict::Yes { surely: false });
        let text = counts(&[yes, just, yes, Verdict::No, Verdict::NotShown, Verdict::NotRun]);
        assert!(text.contains("Of 6 aims: 3 reached, 2 of them"), "{text}");
        assert!(text.ends_with("1 missed; 1 not shown; 1 not run, or not wholly.**"), "{text}");
    }
}
