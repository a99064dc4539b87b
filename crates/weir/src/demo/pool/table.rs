//! The figures at the end of the demonstration.

use std::fmt::Write;
use std::time::Duration;

use weir_core::console::Snapshot;
use weir_core::ledger::Histogram;

use crate::demo::pool::traffic::{Kind, Outcome};

/// The table, ready to print.
pub(super) fn write(
    seen: &Outcome,
    last: &Snapshot,
    peak: u32,
    clients: usize,
    slots: u32,
) -> String {
    let mut out = String::new();
    let mut waits = Histogram::default();
    let (mut transactions, mut statements) = (0, 0);
    for pool in &last.pools {
        waits.add(&pool.waits);
        transactions += pool.tally.transactions;
        statements += pool.tally.queries;
    }
    let mut row = |name: &str, value: String| {
        // Writing to a string does not fail.
        let _ = writeln!(out, "  {name:<44}{value:>16}");
    };
    row("client connections", clients.to_string());
    row("server connections, most at once", format!("{peak} of {slots}"));
    row("transactions", transactions.to_string());
    row("statements", statements.to_string());
    row("checkouts that did not wait", percent_without_wait(&waits));
    for percent in [50.0, 95.0, 99.0] {
        row(
            &format!("wait for a server connection, p{percent}"),
            millis(waits.percentile(percent)),
        );
    }
    for kind in Kind::ALL {
        let times = &seen.of(kind).times;
        row(&format!("{}: done", kind.name()), times.total().to_string());
        row(&format!("{}: p95", kind.name()), millis(times.percentile(95.0)));
    }
    let wrong: u64 = Kind::ALL.iter().map(|&kind| seen.of(kind).wrong).sum();
    row("wrong answers, or another client's setting", wrong.to_string());
    row("clients that failed", seen.errors.to_string());
    if let Some(error) = &seen.first_error {
        row("the first failure", String::new());
        let _ = writeln!(out, "    {error}");
    }
    out
}

/// A wait below a microsecond is none.
fn percent_without_wait(waits: &Histogram) -> String {
    if waits.total() == 0 {
        return "none yet".into();
    }
    let first = (0..=1000)
        .rev()
        .find(|&tenths| waits.percentile(f64::from(tenths) / 10.0) < Duration::from_micros(1));
    format!("{:.1} %", f64::from(first.unwrap_or(0)) / 10.0)
}

fn millis(span: Duration) -> String {
    format!("{:.2} ms", span.as_secs_f64() * 1000.0)
}
