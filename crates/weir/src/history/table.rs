//! A time as tables of plain text.

use std::fmt::Write as _;

use serde_json::{Value, json};
use weir_core::ledger::{ClassKind, Phase, PhaseTimes, Summary};

use crate::top::text::{Table, write_table};

const POOLS: Table = Table {
    title: "Pools, slots on average",
    list: "",
    columns: &[
        ("held", "held"),
        ("of", "slots"),
        ("transactions", "transactions"),
        ("waited s", "waited"),
        ("database", "database"),
        ("user", "user"),
    ],
};

const ROUTES: Table = Table {
    title: "Routes, slots on average",
    list: "",
    columns: &[
        ("held", "held"),
        ("executing", "executing"),
        ("in transaction", "in_transaction"),
        ("not read", "client_blocked"),
        ("claims", "claims"),
        ("rows", "rows"),
        ("waited s", "waited"),
        ("refused", "refused"),
        ("route", "route"),
    ],
};

const GAPS: Table = Table {
    title: "Gaps inside of transactions",
    list: "",
    columns: &[
        ("total s", "seconds"),
        ("count", "count"),
        ("route", "route"),
        ("before", "before"),
        ("after", "after"),
    ],
};

/// The whole, and the stretches that it is made of.
pub(super) fn write(whole: &Summary, stretches: &[Summary]) -> String {
    let span: f64 = stretches.iter().map(Summary::seconds).sum();
    let mut text = format!(
        "{} to {}: {:.0} s in {} stretches, {} slots, {:.2} held on average\n",
        whole.from,
        whole.until,
        span,
        stretches.len(),
        whole.slots,
        held(&whole.times, span),
    );
    for (phase, nanos) in whole.times.iter().filter(|(_, nanos)| *nanos > 0) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<20} {:>12.3} s", phase.as_str(), seconds(nanos));
    }
    write_table(&mut text, &POOLS, &pools(whole, span));
    write_table(&mut text, &ROUTES, &routes(whole, span));
    let gaps: Vec<Value> = whole.gaps.iter().map(|gap| json!(gap)).collect();
    write_table(&mut text, &GAPS, &gaps);
    text
}

fn pools(whole: &Summary, span: f64) -> Vec<Value> {
    let row = |pool: &weir_core::ledger::PoolSummary| {
        json!({
            "held": held(&pool.times, span), "slots": pool.slots,
            "transactions": pool.transactions, "waited": seconds(pool.waited_nanos),
            "database": pool.database, "user": pool.user,
        })
    };
    whole.pools.iter().map(row).collect()
}

fn routes(whole: &Summary, span: f64) -> Vec<Value> {
    let classes = whole.classes.iter().filter(|class| class.kind != ClassKind::Nobody);
    classes
        .map(|class| {
            let sums = &class.sums;
            let slots = |phase: Phase| over(sums.times[phase], span);
            json!({
                "held": held(&sums.times, span),
                "executing": slots(Phase::Executing) + slots(Phase::CopyIn),
                "in_transaction": slots(Phase::IdleInTransaction),
                "client_blocked": slots(Phase::ClientBlocked),
                "claims": sums.claims, "rows": sums.rows, "waited": seconds(sums.waited_nanos()),
                "refused": sums.refused.count, "route": class.label,
            })
        })
        .collect()
}

fn held(times: &PhaseTimes, span: f64) -> f64 {
    over(times.held(), span)
}

fn over(nanos: u128, span: f64) -> f64 {
    if span > 0.0 { seconds(nanos) / span } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three places")]
fn seconds(nanos: u128) -> f64 {
    nanos as f64 / 1e9
}
