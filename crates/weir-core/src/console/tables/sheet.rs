//! SHOW ROUTES, GAPS and LEDGER: what the time of the server connections goes into.

use std::borrow::Cow;

use super::thousandths;
use crate::console::table::{Column, Kind, Table, Value};
use crate::console::view::View;
use crate::ledger::{Gap, Phase, Route};

/// The balance sheet.
pub(in crate::console) static ROUTES: Table<Route> = Table {
    name: "routes",
    about: "What each route did with server connections in the last minute (or since the start, if \
            that is less), and how many it needs. The most time first.",
    columns: ROUTE_COLUMNS,
    rows: |view| Cow::Borrowed(&view.ledger.routes),
};

/// Where transactions wait for the application.
pub(in crate::console) static GAPS: Table<Gap> = Table {
    name: "gaps",
    about: "Where transactions wait for the application, since the start: between which two \
            statements. The most time first, at most 100.",
    columns: GAP_COLUMNS,
    rows: |view| Cow::Borrowed(&view.ledger.gaps),
};

/// A name and a number.
type Item = (&'static str, Value);

/// The whole.
pub(in crate::console) static LEDGER: Table<Item> = Table {
    name: "ledger",
    about: "The time of all server connections since the start, by phase, in seconds; that the \
            phases add up (drift 0); and what is held against what is needed.",
    columns: &[
        Column::ours("item", Kind::Text, "What is counted.", |line, _| line.0.into()),
        Column::ours("value", Kind::Numeric, "Seconds, or a number.", |line, _| line.1.clone()),
    ],
    rows: |view| Cow::Owned(items(view)),
};

const ROUTE_COLUMNS: &[Column<Route>] = &[
    Column::ours("route", Kind::Text, "Its name, as in SHOW HOLDERS.", |row, _| {
        (&row.route).into()
    }),
    Column::ours("route_from", Kind::Text, "Where the name comes from.", |row, _| {
        row.route_from.into()
    }),
    Column::ours("holding", Kind::Int4, "Server connections it has now.", |row, _| {
        row.holding.into()
    }),
    Column::ours("waiting", Kind::Int4, "Its clients that wait now.", |row, _| row.waiting.into()),
    Column::ours(
        "share_percent",
        Kind::Numeric,
        "Its part of the time that server connections were held.",
        |row, _| thousandths(row.share * 100.0),
    ),
    Column::ours(
        "needed",
        Kind::Numeric,
        "Server connections it needs: its arrivals a second times the seconds each holds one.",
        |row, _| thousandths(row.needed),
    ),
    Column::ours("claims", Kind::Int8, "Times it asked for one.", |row, _| row.claims.into()),
    Column::ours("transactions", Kind::Int8, "Transactions that ended.", |row, _| {
        row.transactions.into()
    }),
    Column::ours("refused", Kind::Int8, "Times it was refused one.", |row, _| row.refused.into()),
    Column::ours("left", Kind::Int8, "Clients that left while they waited.", |row, _| {
        row.left.into()
    }),
    Column::ours("waited_s", Kind::Numeric, "Seconds waited, by waits that ended.", |row, _| {
        thousandths(row.waited_seconds)
    }),
    Column::ours("executing_s", Kind::Numeric, "Seconds executing.", |row, _| {
        spent(row, Phase::Executing)
    }),
    Column::ours(
        "idle_in_transaction_s",
        Kind::Numeric,
        "Seconds in which a transaction waited for its application.",
        |row, _| spent(row, Phase::IdleInTransaction),
    ),
    Column::ours(
        "client_blocked_s",
        Kind::Numeric,
        "Seconds in which an answer waited for its client to read it.",
        |row, _| spent(row, Phase::ClientBlocked),
    ),
    Column::ours("copy_in_s", Kind::Numeric, "Seconds reading COPY data.", |row, _| {
        spent(row, Phase::CopyIn)
    }),
    Column::ours("pinned_idle_s", Kind::Numeric, "Seconds kept without need.", |row, _| {
        spent(row, Phase::PinnedIdle)
    }),
    Column::ours("resetting_s", Kind::Numeric, "Seconds being put in order.", |row, _| {
        spent(row, Phase::Resetting)
    }),
];

const GAP_COLUMNS: &[Column<Gap>] = &[
    Column::ours("route", Kind::Text, "Whose transactions.", |row, _| (&row.route).into()),
    Column::ours("before", Kind::Text, "The statement before, without values.", |row, _| {
        (&row.before).into()
    }),
    Column::ours(
        "after",
        Kind::Text,
        "The statement after; empty when none came, or none yet.",
        |row, _| (&row.after).into(),
    ),
    Column::ours("count", Kind::Int8, "How often.", |row, _| row.count.into()),
    Column::ours("open", Kind::Int4, "Those that last now.", |row, _| row.open.into()),
    Column::ours("total_s", Kind::Numeric, "Seconds in all.", |row, _| thousandths(row.seconds)),
    Column::ours("p50_s", Kind::Numeric, "Half of them are no longer.", |row, _| {
        thousandths(row.p50_seconds)
    }),
    Column::ours("p95_s", Kind::Numeric, "95 of 100 are no longer.", |row, _| {
        thousandths(row.p95_seconds)
    }),
    Column::ours("max_s", Kind::Numeric, "The longest.", |row, _| thousandths(row.max_seconds)),
    Column::ours(
        "share_percent",
        Kind::Numeric,
        "Their part of all time that server connections were held.",
        |row, _| thousandths(row.share * 100.0),
    ),
    Column::ours(
        "needed_without",
        Kind::Numeric,
        "Server connections that all work would need without them.",
        |row, _| thousandths(row.needed_without),
    ),
    Column::ours("before_fingerprint", Kind::Text, "Of the statement before.", |row, _| {
        row.before_fingerprint.as_str().into()
    }),
    Column::ours("after_fingerprint", Kind::Text, "Of the statement after.", |row, _| {
        row.after_fingerprint.as_str().into()
    }),
];

fn spent(row: &Route, phase: Phase) -> Value {
    thousandths(row.phase_seconds.get(phase.as_str()).copied().unwrap_or_default())
}

fn items(view: &View<'_>) -> Vec<Item> {
    let ledger = view.ledger;
    let demand = &ledger.demand;
    let phases = ledger.phase_seconds.iter().map(|(&phase, &spent)| (phase, thousandths(spent)));
    let exhausted = demand.exhausted_in_seconds.map_or(Value::Null, thousandths);
    let rest = [
        ("drift", thousandths(ledger.drift_seconds)),
        ("misbooked", ledger.misbooked.into()),
        ("open_connections", ledger.open.into()),
        ("window", thousandths(ledger.window_seconds)),
        ("slots", demand.slots.into()),
        ("held", thousandths(demand.held)),
        ("needed", thousandths(demand.needed)),
        ("needed_with_deferred_begin", thousandths(demand.needed_with_deferred_begin)),
        ("needed_with_gaps_of_1s", thousandths(demand.needed_with_gaps_of_1s)),
        ("exhausted_in", exhausted),
    ];
    phases.chain(rest).collect()
}
