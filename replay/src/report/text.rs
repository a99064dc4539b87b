//! The table as text: for the terminal, and as Markdown.

use std::fmt::Write as _;

use crate::report::rows::{Cell, rows};
use crate::report::{Report, claims};

/// The table, the claims and the circumstances, for a terminal.
#[must_use]
pub fn table(report: &Report) -> String {
    let lines = lines(report);
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for line in &lines {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out.push('\n');
    for claim in claims::claims(report) {
        let holds = if claim.holds { "holds" } else { "DOES NOT HOLD" };
        let _ =
            writeln!(out, "{holds}: {}: {} ({})", claim.setup.name(), claim.claim, claim.measured);
    }
    let _ = writeln!(
        out,
        "\nDown is a second with less than half of its answers good; pts are percentage points; a \
         client never served waits for ever.\n{}",
        report.circumstances()
    );
    out
}

/// The same as Markdown, with what happened and how to repeat it.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::from("# Replay of the incident\n\n");
    for (number, line) in lines(report).iter().enumerate() {
        let _ = writeln!(out, "| {} |", line.join(" | "));
        if number == 0 {
            let _ = writeln!(out, "|{}", " --- |".repeat(line.len()));
        }
    }
    out.push_str(
        "\nChanges are against the first column. Times until served count a client that \
                  never was as waiting for ever.\n\n## Claims\n\n",
    );
    for claim in claims::claims(report) {
        let holds = if claim.holds { "holds" } else { "**does not hold**" };
        let _ = writeln!(
            out,
            "- {}: {}: {} ({})",
            claim.setup.name(),
            claim.claim,
            holds,
            claim.measured
        );
    }
    out.push_str(
        "\n## Routes under load\n\n| set-up | route | clients | success | in the exhaustion | \
                  mean until served or given up |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for figures in &report.set_ups {
        for r in &figures.routes {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {:.1} % | {:.1} % | {:.3} s |",
                figures.setup.name(),
                r.route.name(),
                r.clients,
                r.success * 100.0,
                r.success_exhausted * 100.0,
                r.mean_client_s
            );
        }
    }
    out.push_str("\n## What was done\n\n");
    for figures in &report.set_ups {
        for event in &figures.events {
            let _ =
                writeln!(out, "- {}, {:.1} s: {}", figures.setup.name(), event.at_s, event.what);
        }
    }
    let _ = writeln!(out, "\n{}\n\n```\n{}\n```", report.circumstances(), report.command);
    out
}

fn lines(report: &Report) -> Vec<Vec<String>> {
    let mut head = vec!["under load".to_owned()];
    head.extend(report.set_ups.iter().map(|figures| figures.setup.name().to_owned()));
    let mut lines = vec![head];
    for row in rows(report) {
        let mut line = vec![row.name];
        line.extend(row.cells.iter().map(Cell::text));
        lines.push(line);
    }
    lines
}
