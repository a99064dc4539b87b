//! SHOW HOLDERS and SHOW WAITERS.

use std::borrow::Cow;

use super::thousandths;
use crate::console::table::{Column, Kind, Table};
use crate::ledger::{Hold, Wait};

/// Who has a server connection.
pub(in crate::console) static HOLDERS: Table<Hold> = Table {
    name: "holders",
    about: "A line for each server connection that somebody has, or that is put in order after \
            somebody: who, for which route, doing what. The longest first.",
    columns: HOLDER_COLUMNS,
    rows: |view| Cow::Borrowed(&view.ledger.holders),
};

/// Who waits.
pub(in crate::console) static WAITERS: Table<Wait> = Table {
    name: "waiters",
    about: "A line for each client that waits for a server connection. The longest first.",
    columns: WAITER_COLUMNS,
    rows: |view| Cow::Borrowed(&view.ledger.waiters),
};

const HOLDER_COLUMNS: &[Column<Hold>] = &[
    Column::ours("database", Kind::Text, "The database clients ask for.", |row, _| {
        (&row.database).into()
    }),
    Column::ours("user", Kind::Text, "The user of the pool.", |row, _| (&row.user).into()),
    Column::ours(
        "route",
        Kind::Text,
        "Whose transaction it is: the tag in its SQL; else the application name; else the user, \
         if others share the pool; else its statements.",
        |row, _| (&row.route).into(),
    ),
    Column::ours(
        "route_from",
        Kind::Text,
        "Where that name comes from: tag, application, user, transaction or other.",
        |row, _| row.route_from.into(),
    ),
    Column::ours(
        "phase",
        Kind::Text,
        "executing, client_blocked (the client does not read its answer), copy_in, \
         idle_in_transaction, pinned_idle, resetting or cancel_settling.",
        |row, _| row.phase.into(),
    ),
    Column::ours("phase_s", Kind::Numeric, "Seconds in that phase.", |row, _| {
        thousandths(row.phase_seconds)
    }),
    Column::ours(
        "held_s",
        Kind::Numeric,
        "Seconds the transaction has had the server connection.",
        |row, _| thousandths(row.held_seconds),
    ),
    Column::ours("statement", Kind::Text, "Its last statement, without values.", |row, _| {
        (&row.statement).into()
    }),
    Column::ours("statement_s", Kind::Numeric, "Seconds since that was sent.", |row, _| {
        thousandths(row.statement_seconds)
    }),
    Column::ours("application_name", Kind::Text, "What the client called itself.", |row, _| {
        (&row.application).into()
    }),
    Column::ours("client_user", Kind::Text, "The client's user.", |row, _| {
        (&row.client_user).into()
    }),
    Column::ours("addr", Kind::Text, "The client's address and port.", |row, _| {
        (&row.address).into()
    }),
    Column::ours(
        "client_id",
        Kind::Int8,
        "The client's number in SHOW CLIENTS; NULL while the connection is put in order.",
        |row, _| row.client.into(),
    ),
    Column::ours("server_id", Kind::Int8, "The number in SHOW SERVERS.", |row, _| {
        row.server.into()
    }),
    Column::ours("backend_pid", Kind::Int4, "The process id of the backend.", |row, _| {
        row.backend_pid.cast_unsigned().into()
    }),
    Column::ours(
        "pinned",
        Kind::Text,
        "Why the client keeps it between transactions; empty when it does not.",
        |row, _| row.pinned.as_str().into(),
    ),
    Column::ours("fingerprint", Kind::Text, "The statement's fingerprint.", |row, _| {
        row.fingerprint.as_str().into()
    }),
];

const WAITER_COLUMNS: &[Column<Wait>] = &[
    Column::ours("database", Kind::Text, "The database it asked for.", |row, _| {
        (&row.database).into()
    }),
    Column::ours("user", Kind::Text, "The user of the pool.", |row, _| (&row.user).into()),
    Column::ours("route", Kind::Text, "Whose claim it is, as in SHOW HOLDERS.", |row, _| {
        (&row.route).into()
    }),
    Column::ours("waited_s", Kind::Numeric, "Seconds it has waited.", |row, _| {
        thousandths(row.waited_seconds)
    }),
    Column::ours("ahead", Kind::Int8, "How many of its pool came before it.", |row, _| {
        row.ahead.into()
    }),
    Column::ours("application_name", Kind::Text, "What the client called itself.", |row, _| {
        (&row.application).into()
    }),
    Column::ours("addr", Kind::Text, "The client's address and port.", |row, _| {
        (&row.address).into()
    }),
    Column::ours("client_id", Kind::Int8, "Its number in SHOW CLIENTS.", |row, _| {
        row.client.into()
    }),
];
