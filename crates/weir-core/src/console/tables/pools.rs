//! SHOW POOLS.

use std::borrow::Cow;

use super::{micros, seconds};
use crate::console::snapshot::PoolRow;
use crate::console::table::{Column, Kind, Table, Value};
use crate::pool::Mode;
use crate::session::PoolMode;

/// One line for each pair of database and user.
pub(in crate::console) static POOLS: Table<PoolRow> = Table {
    name: "pools",
    about: "A line for each pool: a pair of database and user.",
    columns: COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.pools),
};

const COLUMNS: &[Column<PoolRow>] = &[
    Column::new("database", Kind::Text, "The database name clients use.", |pool, _| {
        (&pool.database).into()
    }),
    Column::new("user", Kind::Text, "The user; the server's where one is fixed.", |pool, _| {
        (&pool.user).into()
    }),
    Column::new(
        "cl_active",
        Kind::Int4,
        "Clients that do not wait: idle, or with a server connection.",
        |pool, _| pool.clients.saturating_sub(pool.view.waiting).into(),
    ),
    Column::new(
        "cl_waiting",
        Kind::Int4,
        "Clients that wait for a server connection.",
        |pool, _| pool.view.waiting.into(),
    ),
    Column::new(
        "cl_active_cancel_req",
        Kind::Int4,
        "Cancel requests of clients on their way to the server.",
        |pool, _| pool.cancels_asked.into(),
    ),
    Column::new(
        "cl_waiting_cancel_req",
        Kind::Int4,
        "Always 0: a cancel request needs no slot.",
        |_, _| 0_u32.into(),
    ),
    Column::new("sv_active", Kind::Int4, "Server connections that clients hold.", |pool, _| {
        pool.view.active.into()
    }),
    Column::new(
        "sv_active_cancel",
        Kind::Int4,
        "Cancel requests under way, those of time limits included.",
        |pool, _| pool.cancels.into(),
    ),
    Column::new(
        "sv_being_canceled",
        Kind::Int4,
        "Server connections that such a request is for; they are given to nobody until it has \
         arrived.",
        |pool, _| pool.cancels.into(),
    ),
    Column::new("sv_idle", Kind::Int4, "Server connections ready for use.", |pool, _| {
        pool.view.idle.into()
    }),
    Column::new(
        "sv_used",
        Kind::Int4,
        "Always 0: an idle connection is tried when it is given out.",
        |_, _| 0_u32.into(),
    ),
    Column::new(
        "sv_tested",
        Kind::Int4,
        "Server connections that are put in order or tried.",
        |pool, _| (pool.view.settling + pool.view.checking).into(),
    ),
    Column::new("sv_login", Kind::Int4, "Server connections being opened.", |pool, _| {
        (pool.view.dialling + pool.view.abandoned).into()
    }),
    Column::new(
        "maxwait",
        Kind::Int4,
        "Whole seconds the longest waiting client has waited.",
        |pool, _| seconds(pool.wait_max),
    ),
    Column::new("maxwait_us", Kind::Int4, "Microseconds beyond them.", |pool, _| {
        micros(pool.wait_max)
    }),
    Column::new("pool_mode", Kind::Text, "When server connections go back.", |pool, _| {
        mode(pool.mode).into()
    }),
    Column::new("load_balance_hosts", Kind::Text, "Always NULL: one host serves.", |_, _| {
        Value::Null
    }),
    Column::ours(
        "cl_idle_in_transaction",
        Kind::Int4,
        "Clients whose open transaction waits for the application.",
        |pool, _| pool.clients_idle_in_transaction.into(),
    ),
    Column::ours(
        "cl_pinned",
        Kind::Int4,
        "Clients that keep their server connection between transactions.",
        |pool, _| pool.tally.pinned.into(),
    ),
    Column::ours("sv_closing", Kind::Int4, "Server connections being closed.", |pool, _| {
        pool.view.closing.into()
    }),
    Column::ours(
        "sv_stale",
        Kind::Int4,
        "Server connections that close when they are released, after RECONNECT.",
        |pool, _| pool.stale.into(),
    ),
    Column::ours("pool_size", Kind::Int4, "Slots, without the reserve.", |pool, _| {
        pool.view.size_max.into()
    }),
    Column::ours(
        "state",
        Kind::Text,
        "running, pausing, paused, removing or stopping.",
        |pool, _| state(pool.view.mode).into(),
    ),
    Column::ours("failures", Kind::Int4, "Failed connects in a row.", |pool, _| {
        pool.view.failures.into()
    }),
    Column::ours(
        "last_error",
        Kind::Text,
        "Why the last connect failed; NULL after one succeeded.",
        |pool, _| pool.view.fault.as_ref().map(|error| &error.fault().message).into(),
    ),
];

pub(super) const fn mode(mode: PoolMode) -> &'static str {
    match mode {
        PoolMode::Session => "session",
        PoolMode::Transaction => "transaction",
        PoolMode::Statement => "statement",
    }
}

const fn state(mode: Mode) -> &'static str {
    match mode {
        Mode::Running => "running",
        Mode::Pausing => "pausing",
        Mode::Paused => "paused",
        Mode::Removing => "removing",
        Mode::Stopping => "stopping",
        Mode::Forgotten => "forgotten",
    }
}
