//! SHOW DATABASES.

use std::borrow::Cow;

use super::pools::mode;
use crate::config::settings::{Database, ServerLogin, UpstreamHost};
use crate::console::snapshot::PoolRow;
use crate::console::table::{Column, Kind, Table, Value};

/// A database and what serves it, if anything still does.
#[derive(Debug, Clone)]
pub(in crate::console) struct Line {
    name: String,
    entry: Option<Database>,
}

impl Line {
    fn value<T: Into<Value>>(&self, of: impl Fn(&Database) -> T) -> Value {
        self.entry.as_ref().map(of).into()
    }
}

/// Databases.
pub(in crate::console) static DATABASES: Table<Line> = Table {
    name: "databases",
    about: "A line for each database that is configured or has a pool; * is the entry that \
            serves all others.",
    columns: COLUMNS,
    rows: |view| {
        let line = |name: &str| Line {
            name: name.to_owned(),
            entry: view.settings.database(name).cloned(),
        };
        Cow::Owned(view.databases().into_iter().map(line).collect())
    },
};

const COLUMNS: &[Column<Line>] = &[
    Column::new("name", Kind::Text, "The name clients use.", |line, _| line.name.clone().into()),
    Column::new("host", Kind::Text, "Where PostgreSQL is: hosts or a directory.", |line, _| {
        line.value(|entry| hosts(&entry.hosts))
    }),
    Column::new("port", Kind::Int4, "The port of the first host.", |line, _| {
        line.value(|entry| entry.hosts.first().map_or(5432, port))
    }),
    Column::new("database", Kind::Text, "The name on the server.", |line, _| {
        line.value(|entry| entry.dbname.clone().unwrap_or_else(|| line.name.clone()))
    }),
    Column::new("force_user", Kind::Text, "The server's user where it is fixed.", |line, _| {
        match line.entry.as_ref().map(|entry| &entry.login) {
            Some(ServerLogin::Fixed { user, .. }) => user.as_str().into(),
            Some(ServerLogin::AsClient) | None => Value::Null,
        }
    }),
    Column::new("pool_size", Kind::Int4, "Slots of each of its pools.", |line, _| {
        line.value(|entry| entry.pool.size)
    }),
    Column::new("min_pool_size", Kind::Int4, "Connections kept open.", |line, _| {
        line.value(|entry| entry.pool.size_min)
    }),
    Column::new("reserve_pool_size", Kind::Int4, "Extra slots.", |line, _| {
        line.value(|entry| entry.pool.reserve_size)
    }),
    Column::new(
        "server_lifetime",
        Kind::Int4,
        "Seconds a server connection lives; 0 is no limit.",
        |line, _| line.value(|entry| entry.pool.server_lifetime.map_or(0, |span| span.as_secs())),
    ),
    Column::new("pool_mode", Kind::Text, "When server connections go back.", |line, _| {
        line.value(|entry| mode(entry.pool.mode))
    }),
    Column::new("load_balance_hosts", Kind::Text, "Always NULL: one host serves.", |_, _| {
        Value::Null
    }),
    Column::new(
        "max_connections",
        Kind::Int4,
        "Server connections over all of its pools; 0 is no limit.",
        |line, _| line.value(|entry| entry.servers_max.unwrap_or(0)),
    ),
    Column::new("current_connections", Kind::Int4, "Server connections it has.", |line, view| {
        view.pools_of(&line.name).map(PoolRow::servers).sum::<u32>().into()
    }),
    Column::new(
        "max_client_connections",
        Kind::Int4,
        "Client connections it may have; 0 is no limit.",
        |line, _| line.value(|entry| entry.clients_max.unwrap_or(0)),
    ),
    Column::new(
        "current_client_connections",
        Kind::Int4,
        "Client connections it has.",
        |line, view| view.pools_of(&line.name).map(|pool| pool.clients).sum::<u32>().into(),
    ),
    Column::new("paused", Kind::Int4, "1 after PAUSE or KILL.", |line, view| {
        view.holds.is_paused(&line.name).into()
    }),
    Column::new("disabled", Kind::Int4, "1 after DISABLE.", |line, view| {
        view.holds.is_disabled(&line.name).into()
    }),
];

fn hosts(hosts: &[UpstreamHost]) -> String {
    let name = |host: &UpstreamHost| match host {
        UpstreamHost::Tcp { host, .. } => host.clone(),
        UpstreamHost::Unix { dir, .. } => dir.clone(),
    };
    hosts.iter().map(name).collect::<Vec<_>>().join(",")
}

fn port(host: &UpstreamHost) -> u32 {
    match host {
        UpstreamHost::Tcp { port, .. } | UpstreamHost::Unix { port, .. } => (*port).into(),
    }
}
