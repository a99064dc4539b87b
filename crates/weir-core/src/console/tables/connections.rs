//! SHOW CLIENTS and SHOW SERVERS: the same columns, then each its own.

use std::borrow::Cow;

use super::{micros, millis, seconds};
use crate::console::snapshot::{Activity, ClientRow, Serial, ServerActivity, ServerRow};
use crate::console::table::{Column, Kind, Table, Value};

/// Client connections.
pub(in crate::console) static CLIENTS: Table<ClientRow> = Table {
    name: "clients",
    about: "A line for each client connection.",
    columns: CLIENT_COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.clients),
};

/// Server connections.
pub(in crate::console) static SERVERS: Table<ServerRow> = Table {
    name: "servers",
    about: "A line for each open server connection.",
    columns: SERVER_COLUMNS,
    rows: |view| Cow::Borrowed(&view.snapshot.servers),
};

const CLIENT_COLUMNS: &[Column<ClientRow>] = &[
    Column::new("type", Kind::Text, "C: a client.", |_, _| "C".into()),
    Column::new("user", Kind::Text, "The user it logged in as.", |row, _| (&row.user).into()),
    Column::new("database", Kind::Text, "The database it asked for.", |row, _| {
        (&row.database).into()
    }),
    Column::new("replication", Kind::Text, "Always none.", |_, _| "none".into()),
    Column::new(
        "state",
        Kind::Text,
        "active (it has a server connection), waiting (for one) or idle.",
        |row, _| client_state(row.activity).into(),
    ),
    Column::new("addr", Kind::Text, "Its address; unix for a Unix socket.", |row, _| {
        host(&row.address).into()
    }),
    Column::new("port", Kind::Int4, "Its port; 0 for a Unix socket.", |row, _| port(&row.address)),
    Column::new("local_addr", Kind::Text, "The address it connected to.", |row, _| {
        host(&row.local).into()
    }),
    Column::new("local_port", Kind::Int4, "The port it connected to.", |row, _| port(&row.local)),
    Column::new("connect_time", Kind::Text, "When it logged in.", |row, view| {
        view.when(row.age).into()
    }),
    Column::new("request_time", Kind::Text, "When it last sent something.", |row, view| {
        view.when(row.idle).into()
    }),
    Column::new(
        "wait",
        Kind::Int4,
        "Whole seconds it has waited for a server connection, while it does.",
        |row, _| seconds(row.waited),
    ),
    Column::new("wait_us", Kind::Int4, "Microseconds beyond them.", |row, _| micros(row.waited)),
    Column::new("close_needed", Kind::Int4, "Always 0 for clients.", |_, _| 0_u32.into()),
    Column::new("ptr", Kind::Text, "Its name in the column link of SHOW SERVERS.", |row, _| {
        client_name(row.id).into()
    }),
    Column::new("link", Kind::Text, "The ptr of its server connection, or empty.", |row, _| {
        row.server.map(server_name).unwrap_or_default().into()
    }),
    Column::new(
        "remote_pid",
        Kind::Int4,
        "Always 0: the process id of a client is not looked up.",
        |_, _| 0_u32.into(),
    ),
    Column::new("tls", Kind::Text, "on when TLS is spoken, else empty.", |row, _| tls(row.tls)),
    Column::new("application_name", Kind::Text, "What it called itself at login.", |row, _| {
        (&row.application).into()
    }),
    Column::new("prepared_statements", Kind::Int4, "Serial statements it holds.", |row, _| {
        row.statements.into()
    }),
    Column::new("id", Kind::Int8, "Its number, for KILL_CLIENT. Never used again.", |row, _| {
        row.id.0.into()
    }),
    Column::ours(
        "activity",
        Kind::Text,
        "login, idle, waiting, active, idle in transaction, or pinned.",
        |row, _| row.activity.as_str().into(),
    ),
    Column::ours(
        "transaction_ms",
        Kind::Int8,
        "Milliseconds its transaction has been open; NULL without one.",
        |row, _| row.transaction.map(millis).into(),
    ),
    Column::ours(
        "backend_pid",
        Kind::Int4,
        "The process id of its backend in PostgreSQL, while it has one.",
        |row, _| row.backend.map(i32::cast_unsigned).into(),
    ),
    Column::ours(
        "pinned",
        Kind::Text,
        "Why it keeps its server connection between transactions; empty when it does not.",
        |row, _| row.pinned.as_str().into(),
    ),
];

const SERVER_COLUMNS: &[Column<ServerRow>] = &[
    Column::new("type", Kind::Text, "S: a server.", |_, _| "S".into()),
    Column::new("user", Kind::Text, "The user it is logged in as.", |row, _| (&row.user).into()),
    Column::new("database", Kind::Text, "The database name clients use.", |row, _| {
        (&row.database).into()
    }),
    Column::new("replication", Kind::Text, "Always none.", |_, _| "none".into()),
    Column::new(
        "state",
        Kind::Text,
        "active (a client has it), idle, or tested (put in order or tried).",
        |row, _| server_state(row.activity).into(),
    ),
    Column::new("addr", Kind::Text, "Where PostgreSQL is.", |row, _| host(&row.address).into()),
    Column::new("port", Kind::Int4, "Its port; 0 for a Unix socket.", |row, _| port(&row.address)),
    Column::new("local_addr", Kind::Text, "Our address.", |row, _| host(&row.local).into()),
    Column::new(
        "local_port",
        Kind::Int4,
        "Our port: client_port in pg_stat_activity.",
        |row, _| port(&row.local),
    ),
    Column::new("connect_time", Kind::Text, "When it was opened.", |row, view| {
        view.when(row.age).into()
    }),
    Column::new("request_time", Kind::Text, "When a client last got it.", |row, view| {
        view.when(row.assigned).into()
    }),
    Column::new("wait", Kind::Int4, "Always 0 for servers.", |_, _| 0_u32.into()),
    Column::new("wait_us", Kind::Int4, "Always 0 for servers.", |_, _| 0_u32.into()),
    Column::new(
        "close_needed",
        Kind::Int4,
        "1 when it closes at its release, after RECONNECT or a reload.",
        |row, _| row.stale.into(),
    ),
    Column::new("ptr", Kind::Text, "Its name in the column link of SHOW CLIENTS.", |row, _| {
        server_name(row.id).into()
    }),
    Column::new("link", Kind::Text, "The ptr of its client, or empty.", |row, _| {
        row.client.map(client_name).unwrap_or_default().into()
    }),
    Column::new("remote_pid", Kind::Int4, "The process id of its backend.", |row, _| {
        row.backend.cast_unsigned().into()
    }),
    Column::new("tls", Kind::Text, "on when TLS is spoken, else empty.", |row, _| tls(row.tls)),
    Column::new("application_name", Kind::Text, "That of its client.", |row, _| {
        (&row.application).into()
    }),
    Column::new("prepared_statements", Kind::Int4, "Statements prepared on it.", |row, _| {
        row.statements.into()
    }),
    Column::new("id", Kind::Int8, "Its number. Never used again.", |row, _| row.id.0.into()),
    Column::ours(
        "activity",
        Kind::Text,
        "idle, active, idle in transaction, pinned, tidying, or checking.",
        |row, _| row.activity.as_str().into(),
    ),
    Column::ours(
        "leased_ms",
        Kind::Int8,
        "Milliseconds its client has had it; NULL without one.",
        |row, _| row.leased.map(millis).into(),
    ),
    Column::ours("client_id", Kind::Int8, "The id of its client.", |row, _| {
        row.client.map(|client| client.0).into()
    }),
];

const fn client_state(activity: Activity) -> &'static str {
    match activity {
        Activity::Idle => "idle",
        Activity::Login | Activity::Waiting => "waiting",
        Activity::Active | Activity::IdleInTransaction | Activity::Pinned => "active",
    }
}

const fn server_state(activity: ServerActivity) -> &'static str {
    match activity {
        ServerActivity::Idle => "idle",
        ServerActivity::Tidying | ServerActivity::Checking => "tested",
        ServerActivity::Active | ServerActivity::IdleInTransaction | ServerActivity::Pinned => {
            "active"
        }
    }
}

fn client_name(id: Serial) -> String {
    format!("c{}", id.0)
}

fn server_name(id: Serial) -> String {
    format!("s{}", id.0)
}

fn tls(on: bool) -> Value {
    if on { "on".into() } else { "".into() }
}

/// The address in `127.0.0.1:5000`, `[::1]:5000`, `unix` or a socket's file name.
fn host(address: &str) -> &str {
    match address.rsplit_once(':') {
        Some((host, _)) => host.trim_start_matches('[').trim_end_matches(']'),
        None => address,
    }
}

fn port(address: &str) -> Value {
    address.rsplit_once(':').map_or(0, |(_, port)| port.parse::<u32>().unwrap_or(0)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let check = |address, expected_host, expected_port: u32| {
            assert_eq!(host(address), expected_host);
            assert_eq!(port(address), expected_port.into());
        };
        check("127.0.0.1:5000", "127.0.0.1", 5000);
        check("[::1]:5000", "::1", 5000);
        check("unix", "unix", 0);
        check("/run/postgresql/.s.PGSQL.5432", "/run/postgresql/.s.PGSQL.5432", 0);
    }
}
