//! The ledger as tables of plain text.

use std::fmt::Write as _;

use serde_json::Value;

/// Lines of each table.
const LINES_MAX: usize = 15;

/// Characters of a statement or name.
const TEXT_MAX: usize = 60;

/// A table: its title, the list in the answer, and its columns as heading and key.
pub(crate) struct Table {
    pub(crate) title: &'static str,
    pub(crate) list: &'static str,
    pub(crate) columns: &'static [(&'static str, &'static str)],
}

const TABLES: [Table; 4] = [
    Table {
        title: "Holders",
        list: "holders",
        columns: &[
            ("held s", "held_seconds"),
            ("phase", "phase"),
            ("for s", "phase_seconds"),
            ("route", "route"),
            ("statement", "statement"),
            ("application", "application"),
            ("client", "address"),
        ],
    },
    Table {
        title: "Waiters",
        list: "waiters",
        columns: &[
            ("waited s", "waited_seconds"),
            ("ahead", "ahead"),
            ("route", "route"),
            ("application", "application"),
            ("client", "address"),
        ],
    },
    Table {
        title: "Routes, last minute",
        list: "routes",
        columns: &[
            ("share", "share"),
            ("needed", "needed"),
            ("holding", "holding"),
            ("waiting", "waiting"),
            ("claims", "claims"),
            ("refused", "refused"),
            ("route", "route"),
        ],
    },
    Table {
        title: "Gaps inside of transactions, since the start",
        list: "gaps",
        columns: &[
            ("total s", "seconds"),
            ("share", "share"),
            ("count", "count"),
            ("p95 s", "p95_seconds"),
            ("route", "route"),
            ("before", "before"),
            ("after", "after"),
        ],
    },
];

/// All of it.
pub(super) fn tables(ledger: &Value) -> String {
    let demand = &ledger["demand"];
    let number = |key: &str| cell(&demand[key]);
    let mut text = format!(
        "slots {}, held {}, needed {} (with gaps of at most 1 s: {}), drift {} s\n",
        number("slots"),
        number("held"),
        number("needed"),
        number("needed_with_gaps_of_1s"),
        cell(&ledger["drift_seconds"]),
    );
    text.push_str(&healer(&ledger["healing"]));
    for table in &TABLES {
        write_table(&mut text, table, ledger[table.list].as_array().map_or(&[], Vec::as_slice));
    }
    text
}

/// Why nobody helps: lines for what keeps the healer from acting.
fn healer(healing: &Value) -> String {
    let line = |key: &str, what: &str| match healing[key].as_u64() {
        None | Some(0) => String::new(),
        Some(workers) => format!("healing {what} (workers: {workers}) until UNFREEZE\n"),
    };
    line("frozen_workers", "is frozen: neither the ladder nor caps do anything")
        + &line("stopped_workers", "has stopped itself: what it did last had no effect")
}

/// One of them.
pub(crate) fn write_table(text: &mut String, table: &Table, rows: &[Value]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n{} ({})", table.title, rows.len());
    let shown = &rows[..rows.len().min(LINES_MAX)];
    let lines: Vec<Vec<String>> = shown
        .iter()
        .map(|row| table.columns.iter().map(|(_, key)| cell(&row[*key])).collect())
        .collect();
    if lines.is_empty() {
        return;
    }
    let headings = table.columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|at| {
            let cells = lines.iter().chain([&headings]).map(|line: &Vec<String>| line[at].chars());
            cells.map(Iterator::count).max().unwrap_or_default()
        })
        .collect();
    for line in [&headings].into_iter().chain(&lines) {
        let padded = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => match number.as_f64() {
            Some(number) if number.fract() != 0.0 => format!("{number:.3}"),
            Some(_) | None => number.to_string().trim_end_matches(".0").to_owned(),
        },
        Value::String(text) => text.chars().take(TEXT_MAX).collect(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_are_aligned_and_cut() {
        let shown = tables(&json!({
            "drift_seconds": 0.0,
            "demand": { "slots": 20, "held": 1.23456, "needed": 2.0 },
            "holders": [
                { "held_seconds": 12.5, "phase": "idle_in_transaction", "route": "/a" },
                { "held_seconds": 1.0, "phase": "executing", "statement": "x".repeat(100) },
            ],
        }));
        assert!(shown.starts_with("slots 20, held 1.235, needed 2 "), "{shown}");
        assert!(shown.contains("drift 0 s"), "{shown}");
        assert!(shown.contains("\n  12.500  idle_in_transaction         /a"), "{shown}");
        assert!(shown.contains("\nWaiters (0)\n"), "{shown}");
        assert!(shown.lines().all(|line| line.len() < 130), "{shown}");
    }

    #[test]
    fn a_healer_that_does_nothing_is_shown() {
        let shown = |healing: Value| tables(&json!({ "healing": healing }));
        let calm = shown(json!({ "frozen_workers": 0, "stopped_workers": 0 }));
        assert!(!calm.contains("healing"), "{calm}");
        let frozen = shown(json!({ "frozen_workers": 2, "stopped_workers": 0 }));
        assert!(frozen.contains("\nhealing is frozen: ") && frozen.contains("2"), "{frozen}");
        assert!(!frozen.contains("stopped itself"), "{frozen}");
        let stopped = shown(json!({ "frozen_workers": 0, "stopped_workers": 1 }));
        assert!(stopped.contains("\nhealing has stopped itself: "), "{stopped}");
    }
}
