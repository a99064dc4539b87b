//! What was measured, as JSON and as tables.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::cells::Plan;
use crate::contender::Contender;
use crate::machine::Machine;
use crate::metric::Metric;
use crate::rounds::{self, Record};
use crate::stats::{self, Summary};

/// A whole run.
pub(crate) struct Report<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) contenders: &'a [Contender],
    pub(crate) records: &'a [Record],
    pub(crate) machine: &'a Machine,
}

impl Report<'_> {
    /// All samples, for programs.
    pub(crate) fn json(&self) -> Value {
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
        json!({
            "plan": self.plan.name,
            "rounds": self.plan.rounds,
            "measured_s": self.plan.measured.as_secs_f64(),
            "machine": self.machine.json(),
            "samples": self.records.iter().map(sample).collect::<Vec<_>>(),
        })
    }

    /// The conditions and a table for each metric, for people.
    pub(crate) fn markdown(&self) -> String {
        let mut page = self.machine.markdown();
        let _ = writeln!(
            page,
            "| measured | {} form: {} rounds of {} s a cell, contenders in turn |\n",
            self.plan.name,
            self.plan.rounds,
            self.plan.measured.as_secs_f64()
        );
        let baseline = (0..self.contenders.len()).find_map(|who| self.baseline(who));
        if let Some(baseline) = baseline {
            let name = self.contenders[baseline].name();
            let each = if self.is_of_ledger() { "the same Weir without ledger" } else { &name };
            let _ = writeln!(
                page,
                "Each figure is the median of the rounds [least..most]; × is the median of the \
                 ratios to {each} in the same round.\n"
            );
        }
        for metric in Metric::ALL {
            page.push_str(&self.table(metric));
        }
        page
    }

    /// The contender that one's ratios are to: itself without its ledger, or the last PgBouncer.
    fn baseline(&self, contender: usize) -> Option<usize> {
        if self.is_of_ledger() {
            let without = self.contenders[contender].without_ledger()?;
            return self.contenders.iter().position(|it| *it == without);
        }
        let is_one = |it: &Contender| matches!(it, Contender::PgBouncer { .. });
        self.contenders.iter().rposition(is_one).filter(|at| *at != contender)
    }

    fn is_of_ledger(&self) -> bool {
        self.contenders.iter().any(|it| matches!(it, Contender::Weir { ledger: false, .. }))
    }

    /// The table of a metric; empty when nothing has it.
    fn table(&self, metric: Metric) -> String {
        let has = |at: usize| rounds::has(self.records, at, metric);
        let rows: Vec<String> = rounds::cells(self.plan)
            .filter(|(at, _)| has(*at))
            .map(|(at, cell)| {
                let figures = (0..self.contenders.len()).map(|who| self.entry(at, who, metric));
                format!("| {cell} | {} |\n", figures.collect::<Vec<_>>().join(" | "))
            })
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        let names: Vec<String> = self.contenders.iter().map(Contender::name).collect();
        let rule = "| --- ".repeat(names.len() + 1);
        format!(
            "### {}\n\n| | {} |\n{rule}|\n{}\n",
            metric.title(),
            names.join(" | "),
            rows.concat()
        )
    }

    fn entry(&self, cell: usize, contender: usize, metric: Metric) -> String {
        let of = |who| rounds::values(self.records, cell, who, metric);
        let ours = of(contender);
        let values: Vec<f64> = ours.iter().map(|(_, value)| *value).collect();
        let Some(summary) = stats::summary(&values) else { return "–".to_owned() };
        let ratio = self.baseline(contender);
        let ratio = ratio.and_then(|baseline| stats::ratio(&ours, &of(baseline)));
        let ratio = ratio.map_or(String::new(), |it| format!(", ×{:.2}", it.median));
        format!("{}{ratio}", figure(summary))
    }
}

/// A median with its range, in as many digits as say something.
fn figure(summary: Summary) -> String {
    let Summary { median, least, most } = summary;
    let digits = match median.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.1 => 2,
        _ => 3,
    };
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

    #[test]
    fn figures_have_the_digits_that_say_something() {
        let check = |median: f64, expected: &str| {
            let summary = Summary { median, least: median, most: median * 2.0 };
            assert_eq!(figure(summary), expected);
        };
        check(10_234.4, "10234 [10234..20469]");
        check(36.52, "36.5 [36.5..73.0]");
        check(1.034, "1.03 [1.03..2.07]");
        check(0.001, "0.001 [0.001..0.002]");
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
