//! What was measured, as JSON and as tables.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::aims;
use crate::cells::Section;
use crate::contender::{Contender, Setting};
use crate::machine::Machine;
use crate::metric::Metric;
use crate::plan::Plan;
use crate::rounds::{self, Failure, Outcome, Record};
use crate::stats::{self, Summary};

/// A whole run.
pub(crate) struct Report<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) contenders: &'a [Contender],
    pub(crate) outcome: &'a Outcome,
}

impl Report<'_> {
    /// All samples, for programs.
    pub(crate) fn json(&self, machine: &Machine) -> Value {
        let sample = |record: &Record| {
            let figures: serde_json::Map<String, Value> = record
                .sample
                .iter()
                .map(|(metric, value)| (metric.key().to_owned(), json!(value)))
                .collect();
            json!({
                "cell": self.plan.cells[record.cell].to_string(),
                "contender": self.contenders[record.contender].name(),
                "round": record.round,
                "figures": figures,
            })
        };
        let failure = |failure: &Failure| {
            json!({
                "cell": self.plan.cells[failure.cell].to_string(),
                "contender": self.contenders[failure.contender].name(),
                "round": failure.round,
                "reason": failure.reason,
            })
        };
        json!({
            "plan": self.plan.name,
            "rounds": self.plan.rounds,
            "measured_s": self.plan.measured.as_secs_f64(),
            "took_s": self.outcome.took.as_secs(),
            "machine": machine.json(),
            "samples": self.outcome.records.iter().map(sample).collect::<Vec<_>>(),
            "failures": self.outcome.failures.iter().map(failure).collect::<Vec<_>>(),
        })
    }

    /// The conditions, the aims, and a table for each metric, for people.
    pub(crate) fn markdown(&self, machine: &Machine) -> String {
        let mut page = machine.markdown();
        let (plan, took) = (self.plan, self.outcome.took.as_secs());
        let _ = writeln!(
            page,
            "| measured | {} form: {} of {} s a cell, contenders in turn, in {} min {} s |\n",
            plan.name,
            self.rounds(),
            plan.measured.as_secs_f64(),
            took / 60,
            took % 60
        );
        page.push_str(&self.failed());
        page.push_str(&aims::markdown(self));
        page.extend(Section::ALL.map(|section| self.section(section)));
        page
    }

    /// How many rounds there were, in words.
    fn rounds(&self) -> String {
        let plan = self.plan;
        let further =
            |record: &&Record| record.round >= plan.rounds * plan.cells[record.cell].turns();
        let mut cells: Vec<usize> =
            self.outcome.records.iter().filter(further).map(|it| it.cell).collect();
        cells.sort_unstable();
        cells.dedup();
        match cells.len() {
            0 => format!("{} rounds", plan.rounds),
            some => format!(
                "{} rounds, and up to {} in {some} cells near an aim,",
                plan.rounds, plan.further.rounds_max
            ),
        }
    }

    /// What failed, and why; empty when nothing did.
    fn failed(&self) -> String {
        if self.outcome.failures.is_empty() {
            return String::new();
        }
        let rows = self.outcome.failures.iter().map(|failure| {
            // One line, and no bar that would end the column.
            let reason = failure.reason.split_whitespace().collect::<Vec<_>>().join(" ");
            format!(
                "| {} | {} | {} | {} |\n",
                self.plan.cells[failure.cell],
                self.contenders[failure.contender].name(),
                failure.round + 1,
                reason.replace('|', "/")
            )
        });
        let rows: String = rows.collect();
        format!(
            "## Failed\n\n| cell | contender | round | reason |\n| --- | --- | --- | --- |\n{rows}\n"
        )
    }

    /// All tables of a section; empty when nothing of it was measured.
    fn section(&self, section: Section) -> String {
        let tables: String = Metric::ALL.map(|metric| self.table(section, metric)).concat();
        if tables.is_empty() {
            return String::new();
        }
        let ratios = self.baseline(section).map_or(String::new(), |baseline| {
            format!(
                "Each figure is the median of the rounds [least..most]; × is the median of the \
                 ratios to {} in the same round.\n\n",
                self.contenders[baseline].name()
            )
        });
        format!("## {}\n\n{ratios}{tables}", section.title())
    }

    /// The contender that ratios are to: the last PgBouncer, or Weir as it was or is without.
    fn baseline(&self, section: Section) -> Option<usize> {
        let is_one = |it: &Contender| match section {
            Section::Proxies => matches!(it, Contender::PgBouncer { .. }),
            Section::Policy => it.has_setting(Setting::Fifo),
            Section::Ledger => it.has_setting(Setting::Unbooked),
            Section::Workers => it.has_setting(Setting::Alone),
        };
        self.contenders.iter().rposition(is_one)
    }

    /// The table of a metric; empty when nothing has it. Who failed in every cell has a column.
    fn table(&self, section: Section, metric: Metric) -> String {
        let has = |record: &Record| {
            let cell = self.plan.cells[record.cell];
            cell.section == section && record.sample.contains_key(&metric)
        };
        let with: Vec<&Record> = self.outcome.records.iter().filter(|it| has(it)).collect();
        let whos: Vec<usize> = (0..self.contenders.len())
            .filter(|who| self.contenders[*who].section() == section)
            .filter(|who| with.iter().any(|it| it.contender == *who) || self.fails(*who, &with))
            .collect();
        let cells = self.plan.cells.iter().enumerate();
        let rows: Vec<String> = cells
            .filter(|(at, _)| with.iter().any(|it| it.cell == *at))
            .map(|(at, cell)| {
                let figures = whos.iter().map(|who| self.entry(at, *who, metric));
                format!("| {cell} | {} |\n", figures.collect::<Vec<_>>().join(" | "))
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let names: Vec<String> = whos.iter().map(|who| self.contenders[*who].name()).collect();
        let rule = "| --- ".repeat(names.len() + 1);
        format!(
            "### {}\n\n| | {} |\n{rule}|\n{}\n",
            metric.title(),
            names.join(" | "),
            rows.concat()
        )
    }

    /// Whether the contender failed in a cell where others have a figure.
    fn fails(&self, contender: usize, with: &[&Record]) -> bool {
        let mut failures = self.outcome.failures.iter();
        failures.any(|it| it.contender == contender && with.iter().any(|at| at.cell == it.cell))
    }

    fn entry(&self, cell: usize, contender: usize, metric: Metric) -> String {
        let of = |who| rounds::values(&self.outcome.records, cell, who, metric);
        let ours = of(contender);
        let values: Vec<f64> = ours.iter().map(|(_, value)| *value).collect();
        let mut failures = self.outcome.failures.iter();
        let Some(summary) = stats::summary(&values) else {
            let failed = failures.any(|it| (it.cell, it.contender) == (cell, contender));
            return if failed { "failed" } else { "–" }.to_owned();
        };
        let baseline = self.baseline(self.plan.cells[cell].section);
        let baseline = baseline.filter(|baseline| *baseline != contender);
        let ratio =
            baseline.and_then(|baseline| stats::summary(&stats::ratios(&ours, &of(baseline))));
        let ratio = ratio.map_or(String::new(), |it| format!(", ×{:.2}", it.median));
        format!("{}{ratio}", figure(metric, summary))
    }
}

/// A median with its range, in as many digits as say something.
fn figure(metric: Metric, summary: Summary) -> String {
    let Summary { median, least, most } = summary;
    let digits = match median.abs() {
        // An index of fairness is close to one, and the rest of it is what counts.
        _ if metric == Metric::Jain => 4,
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
    if least.to_bits() == most.to_bits() {
        return format!("{median:.digits$}");
    }
    format!("{median:.digits$} [{least:.digits$}..{most:.digits$}]")
}

/// Puts `figures` between the marks of `page`; what people wrote around them stays.
pub(crate) fn placed(page: &str, figures: &str) -> Option<String> {
    const BEGIN: &str = "<!-- figures: written by cargo xtask bench -->\n";
    const END: &str = "<!-- end of figures -->";
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{}\n{END}{after}", figures.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cells::{Cell, Work};

    #[test]
    fn figures_have_the_digits_that_say_something() {
        let check = |median: f64, expected: &str| {
            let summary = Summary { median, least: median, most: median * 2.0 };
            assert_eq!(figure(Metric::Cpu, summary), expected);
        };
        check(10_234.4, "10234 [10234..20469]");
        check(36.52, "36.5 [36.5..73.0]");
        check(1.034, "1.03 [1.03..2.07]");
        check(0.001, "0.001 [0.001..0.002]");
        let one = |value| Summary { median: value, least: value, most: value };
        assert_eq!(figure(Metric::Cpu, one(36.52)), "36.5");
        assert_eq!(figure(Metric::Jain, one(0.99812)), "0.9981");
    }

    #[test]
    fn a_failure_is_in_the_table_and_has_its_reason() {
        let cell = Cell::new(Work::Recovery, 200);
        let plan = Plan { cells: vec![cell], ..Plan::long() };
        let weir = |setting| Contender::Weir { program: "weir".into(), setting };
        let contenders = [weir(Setting::Epoll), weir(Setting::Uring)];
        let record = Record {
            cell: 0,
            contender: 0,
            round: 0,
            sample: [(Metric::FirstServed, 0.25)].into(),
        };
        let failure = Failure { cell: 0, contender: 1, round: 0, reason: "no|\nanswer".to_owned() };
        let (records, failures) = (vec![record], vec![failure]);
        let outcome = Outcome { records, failures, ..Outcome::default() };
        let report = Report { plan: &plan, contenders: &contenders, outcome: &outcome };
        let page = report.markdown(&Machine::default());
        assert!(page.contains(&format!("| {cell} | 0.25 | failed |")), "{page}");
        assert!(page.contains(&format!("| {cell} | weir uring | 1 | no/ answer |")), "{page}");
    }

    #[test]
    fn further_rounds_are_named() {
        let cells = vec![Cell::new(Work::Recovery, 200), Cell::new(Work::Active, 20)];
        let plan = Plan { cells, ..Plan::long() };
        let record = |cell, round| Record {
            cell,
            contender: 0,
            round,
            sample: crate::sample::Sample::new(),
        };
        let rounds = |records| {
            let outcome = Outcome { records, ..Outcome::default() };
            Report { plan: &plan, contenders: &[], outcome: &outcome }.rounds()
        };
        assert_eq!(rounds(vec![record(0, 2), record(1, 2)]), "3 rounds");
        let further = vec![record(0, 2), record(1, 3), record(1, 4)];
        assert_eq!(rounds(further), "3 rounds, and up to 8 in 1 cells near an aim,");
    }

    #[test]
    fn what_people_wrote_stays() {
        let page = "# T\n\n<!-- figures: written by cargo xtask bench -->\nold\n\
                    <!-- end of figures -->\nremarks\n";
        let placed = placed(page, "\nnew\n\n").unwrap();
        assert!(placed.starts_with("# T\n\n<!-- figures"), "{placed}");
        assert!(placed.contains("\nnew\n<!-- end") && !placed.contains("old"), "{placed}");
        assert!(placed.ends_with("remarks\n"), "{placed}");
        assert_eq!(super::placed("no marks", "new"), None);
    }
}
