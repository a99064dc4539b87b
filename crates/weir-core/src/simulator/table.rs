//! Outcomes side by side, as text and as Markdown.

use std::fmt::Write;

use super::bound::bound_permille;
use super::outcome::Outcome;
use super::plan::Plan;
use super::rule::Rule;

/// All rules for one plan, for a terminal.
#[must_use]
pub fn compare(plan: &Plan, outcomes: &[(Rule, Outcome)]) -> String {
    let mut text = String::new();
    let [from, to] = plan.trouble;
    let _ = writeln!(text, "{}", plan.about.trim());
    let _ = writeln!(text, "requests begun in the trouble, second {from} to {to}:\n");
    let _ = write!(text, "{:14}{:>10}{:>10}", "", "innocent", "all");
    for class in &plan.classes {
        let _ = write!(text, "{:>12}", clip(&class.name, 11));
    }
    let _ = writeln!(text, "{:>10}{:>9}{:>8}", "recovery", "refused", "killed");
    for (rule, outcome) in outcomes {
        let _ = write!(text, "{:14}", rule.name());
        let soon = [&outcome.innocent, &outcome.all].map(super::ClassOutcome::soon_permille);
        for permille in soon {
            let _ = write!(text, "{:>10}", percent(permille));
        }
        for class in &outcome.classes {
            let _ = write!(text, "{:>12}", percent(class.soon_permille()));
        }
        let (refused, killed) = (outcome.refused, outcome.killed);
        let _ = writeln!(text, "{:>10}{refused:>9}{killed:>8}", recovery(outcome));
    }
    text.push_str(
        "\nserved, with a connection within a second of the first attempt; recovery: until innocent ones are\n",
    );
    text.push_str("served well again and stay so\n");
    text
}

/// One scenario in a table of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it says.
    pub plan: Plan,
    /// What it came to under each rule.
    pub outcomes: Vec<(Rule, Outcome)>,
}

/// All rules and plans in one Markdown table: the bound and what is asked of Weir, then innocent
/// requests served within a second, and the recovery.
#[must_use]
pub fn overview(rows: &[Row]) -> String {
    let mut text = String::from("| scenario | bound | asked |");
    for rule in Rule::ALL {
        let _ = write!(text, " {} |", rule.name());
    }
    text.push_str("\n| --- | ---: | ---: |");
    text.push_str(&" ---: |".repeat(Rule::ALL.len()));
    text.push('\n');
    for Row { name, plan, outcomes } in rows {
        let bound = percent(bound_permille(plan));
        let asked = percent(plan.expect.soon_permille);
        let _ = write!(text, "| {name} | {bound} | {asked} |");
        for (_, outcome) in outcomes {
            let soon = percent(outcome.innocent.soon_permille());
            let _ = write!(text, " {soon}, {} |", recovery(outcome));
        }
        text.push('\n');
    }
    text
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn recovery(outcome: &Outcome) -> String {
    outcome.recovery.map_or_else(|| "never".into(), |span| format!("{:.1} s", span.as_secs_f64()))
}

/// The beginning of a name.
fn clip(name: &str, chars: usize) -> String {
    name.chars().take(chars).collect()
}
