//! SHOW STATS, STATS_TOTALS, STATS_AVERAGES and TOTALS.

use std::borrow::Cow;
use std::sync::Arc;

use crate::console::table::{Column, Kind, Table};
use crate::console::totals::Totals;
use crate::console::view::View;

/// A database with its totals and averages.
type Line = (Arc<str>, Totals, Totals);

/// Totals and averages.
pub(in crate::console) static STATS: Table<Line> = Table {
    name: "stats",
    about: "A line for each database that has pools: totals since the start, and averages over \
            the last one to two minutes.",
    columns: &[
        DATABASE,
        total("total_server_assignment_count", ASSIGNMENTS, |t| t.1.assignments),
        total("total_xact_count", TRANSACTIONS, |t| t.1.transactions),
        total("total_query_count", QUERIES, |t| t.1.queries),
        total("total_received", RECEIVED, |t| t.1.received),
        total("total_sent", SENT, |t| t.1.sent),
        total("total_xact_time", TRANSACTION_TIME, |t| t.1.transaction_us),
        total("total_query_time", QUERY_TIME, |t| t.1.query_us),
        total("total_wait_time", WAIT_TIME, |t| t.1.wait_us),
        total("total_client_parse_count", CLIENT_PARSES, |t| t.1.client_parses),
        total("total_server_parse_count", SERVER_PARSES, |t| t.1.server_parses),
        total("total_bind_count", BINDS, |t| t.1.binds),
        total("total_client_login_count", LOGINS, |t| t.1.logins),
        total("avg_server_assignment_count", EACH_SECOND, |t| t.2.assignments),
        total("avg_xact_count", EACH_SECOND, |t| t.2.transactions),
        total("avg_query_count", EACH_SECOND, |t| t.2.queries),
        total("avg_recv", EACH_SECOND, |t| t.2.received),
        total("avg_sent", EACH_SECOND, |t| t.2.sent),
        total("avg_xact_time", OF_A_TRANSACTION, |t| t.2.transaction_us),
        total("avg_query_time", OF_A_STATEMENT, |t| t.2.query_us),
        total("avg_wait_time", OF_A_CHECKOUT, |t| t.2.wait_us),
        total("avg_client_parse_count", EACH_SECOND, |t| t.2.client_parses),
        total("avg_server_parse_count", EACH_SECOND, |t| t.2.server_parses),
        total("avg_bind_count", EACH_SECOND, |t| t.2.binds),
        total("avg_client_login_count", EACH_SECOND, |t| t.2.logins),
    ],
    rows: lines,
};

/// Totals alone.
pub(in crate::console) static STATS_TOTALS: Table<Line> = Table {
    name: "stats_totals",
    about: "A line for each database that has pools: totals since the start.",
    columns: &[
        DATABASE,
        total("server_assignment_count", ASSIGNMENTS, |t| t.1.assignments),
        total("xact_count", TRANSACTIONS, |t| t.1.transactions),
        total("query_count", QUERIES, |t| t.1.queries),
        total("bytes_received", RECEIVED, |t| t.1.received),
        total("bytes_sent", SENT, |t| t.1.sent),
        total("xact_time", TRANSACTION_TIME, |t| t.1.transaction_us),
        total("query_time", QUERY_TIME, |t| t.1.query_us),
        total("wait_time", WAIT_TIME, |t| t.1.wait_us),
        total("client_parse_count", CLIENT_PARSES, |t| t.1.client_parses),
        total("server_parse_count", SERVER_PARSES, |t| t.1.server_parses),
        total("bind_count", BINDS, |t| t.1.binds),
        total("client_login_count", LOGINS, |t| t.1.logins),
    ],
    rows: lines,
};

/// Averages alone.
pub(in crate::console) static STATS_AVERAGES: Table<Line> = Table {
    name: "stats_averages",
    about: "A line for each database that has pools: averages over the last one to two minutes.",
    columns: &[
        DATABASE,
        total("server_assignment_count", EACH_SECOND, |t| t.2.assignments),
        total("xact_count", EACH_SECOND, |t| t.2.transactions),
        total("query_count", EACH_SECOND, |t| t.2.queries),
        total("bytes_received", EACH_SECOND, |t| t.2.received),
        total("bytes_sent", EACH_SECOND, |t| t.2.sent),
        total("xact_time", OF_A_TRANSACTION, |t| t.2.transaction_us),
        total("query_time", OF_A_STATEMENT, |t| t.2.query_us),
        total("wait_time", OF_A_CHECKOUT, |t| t.2.wait_us),
        total("avg_client_parse_count", EACH_SECOND, |t| t.2.client_parses),
        total("avg_server_parse_count", EACH_SECOND, |t| t.2.server_parses),
        total("avg_bind_count", EACH_SECOND, |t| t.2.binds),
        total("avg_client_login_count", EACH_SECOND, |t| t.2.logins),
    ],
    rows: lines,
};

/// The sums over all databases, one to a line.
pub(in crate::console) static TOTALS: Table<(String, u64)> = Table {
    name: "totals",
    about: "Totals and averages over all databases, one to a line.",
    columns: &[
        Column::new("name", Kind::Text, "total_… or avg_…, as in SHOW STATS.", |line, _| {
            line.0.clone().into()
        }),
        Column::new("value", Kind::Numeric, "Its value.", |line, _| line.1.into()),
    ],
    rows: |view| {
        let (totals, averages) = view.grand_totals();
        let named = |prefix: &'static str, totals: Totals| {
            lines_of(totals).map(move |(name, value)| (format!("{prefix}_{name}"), value))
        };
        Cow::Owned(named("total", totals).chain(named("avg", averages)).collect())
    },
};

const ASSIGNMENTS: &str = "Times a client got a server connection.";
const TRANSACTIONS: &str = "Transactions.";
const QUERIES: &str = "Statements: simple queries and Executes.";
const RECEIVED: &str = "Bytes from clients.";
const SENT: &str = "Bytes to clients.";
const TRANSACTION_TIME: &str =
    "Microseconds in transactions, waiting for the application included.";
const QUERY_TIME: &str = "Microseconds between a statement and the end of its reply.";
const WAIT_TIME: &str = "Microseconds clients waited for a server connection.";
const CLIENT_PARSES: &str = "Parse messages from clients.";
const SERVER_PARSES: &str = "Parse messages to servers.";
const BINDS: &str = "Bind messages.";
const LOGINS: &str = "Clients that logged in.";
const EACH_SECOND: &str = "The same each second.";
const OF_A_TRANSACTION: &str = "Microseconds of a transaction.";
const OF_A_STATEMENT: &str = "Microseconds of a statement.";
const OF_A_CHECKOUT: &str = "Microseconds a client waited for a server connection.";

const DATABASE: Column<Line> =
    Column::new("database", Kind::Text, "The database name clients use.", |line, _| {
        (&line.0).into()
    });

const fn total(name: &'static str, about: &'static str, count: fn(&Line) -> u64) -> Column<Line> {
    Column::count(name, Kind::Numeric, about, count)
}

fn lines<'v>(view: &'v View<'_>) -> Cow<'v, [Line]> {
    Cow::Owned(view.totals())
}

fn lines_of(totals: Totals) -> impl Iterator<Item = (&'static str, u64)> {
    [
        ("server_assignment_count", totals.assignments),
        ("xact_count", totals.transactions),
        ("query_count", totals.queries),
        ("client_bytes", totals.received),
        ("server_bytes", totals.sent),
        ("xact_time", totals.transaction_us),
        ("query_time", totals.query_us),
        ("wait_time", totals.wait_us),
        ("ps_client_parse_count", totals.client_parses),
        ("ps_server_parse_count", totals.server_parses),
        ("ps_bind_count", totals.binds),
        ("client_login_count", totals.logins),
    ]
    .into_iter()
}
