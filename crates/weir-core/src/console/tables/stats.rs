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
        ASSIGNMENTS.total("total_server_assignment_count"),
        TRANSACTIONS.total("total_xact_count"),
        QUERIES.total("total_query_count"),
        RECEIVED.total("total_received"),
        SENT.total("total_sent"),
        TRANSACTION_TIME.total("total_xact_time"),
        QUERY_TIME.total("total_query_time"),
        WAIT_TIME.total("total_wait_time"),
        CLIENT_PARSES.total("total_client_parse_count"),
        SERVER_PARSES.total("total_server_parse_count"),
        BINDS.total("total_bind_count"),
        LOGINS.total("total_client_login_count"),
        ASSIGNMENTS.average("avg_server_assignment_count"),
        TRANSACTIONS.average("avg_xact_count"),
        QUERIES.average("avg_query_count"),
        RECEIVED.average("avg_recv"),
        SENT.average("avg_sent"),
        TRANSACTION_TIME.average("avg_xact_time"),
        QUERY_TIME.average("avg_query_time"),
        WAIT_TIME.average("avg_wait_time"),
        CLIENT_PARSES.average("avg_client_parse_count"),
        SERVER_PARSES.average("avg_server_parse_count"),
        BINDS.average("avg_bind_count"),
        LOGINS.average("avg_client_login_count"),
    ],
    rows: lines,
};

/// Totals alone.
pub(in crate::console) static STATS_TOTALS: Table<Line> = Table {
    name: "stats_totals",
    about: "A line for each database that has pools: totals since the start.",
    columns: &[
        DATABASE,
        ASSIGNMENTS.total("server_assignment_count"),
        TRANSACTIONS.total("xact_count"),
        QUERIES.total("query_count"),
        RECEIVED.total("bytes_received"),
        SENT.total("bytes_sent"),
        TRANSACTION_TIME.total("xact_time"),
        QUERY_TIME.total("query_time"),
        WAIT_TIME.total("wait_time"),
        CLIENT_PARSES.total("client_parse_count"),
        SERVER_PARSES.total("server_parse_count"),
        BINDS.total("bind_count"),
        LOGINS.total("client_login_count"),
    ],
    rows: lines,
};

/// Averages alone.
pub(in crate::console) static STATS_AVERAGES: Table<Line> = Table {
    name: "stats_averages",
    about: "A line for each database that has pools: averages over the last one to two minutes.",
    columns: &[
        DATABASE,
        ASSIGNMENTS.average("server_assignment_count"),
        TRANSACTIONS.average("xact_count"),
        QUERIES.average("query_count"),
        RECEIVED.average("bytes_received"),
        SENT.average("bytes_sent"),
        TRANSACTION_TIME.average("xact_time"),
        QUERY_TIME.average("query_time"),
        WAIT_TIME.average("wait_time"),
        CLIENT_PARSES.average("avg_client_parse_count"),
        SERVER_PARSES.average("avg_server_parse_count"),
        BINDS.average("avg_bind_count"),
        LOGINS.average("avg_client_login_count"),
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
        let all: Line = ("".into(), totals, averages);
        let totals =
            IN_TOTALS.iter().map(|(name, count)| (format!("total_{name}"), (count.total)(&all)));
        let averages =
            IN_TOTALS.iter().map(|(name, count)| (format!("avg_{name}"), (count.average)(&all)));
        Cow::Owned(totals.chain(averages).collect())
    },
};

/// What is counted, said once for all tables; their names for it differ, as PgBouncer's do.
struct Counter {
    about: &'static str,
    average_about: &'static str,
    total: fn(&Line) -> u64,
    average: fn(&Line) -> u64,
}

impl Counter {
    const fn total(&self, name: &'static str) -> Column<Line> {
        Column::count(name, Kind::Numeric, self.about, self.total)
    }

    const fn average(&self, name: &'static str) -> Column<Line> {
        Column::count(name, Kind::Numeric, self.average_about, self.average)
    }
}

/// The counter of one field of [`Totals`].
macro_rules! counter {
    ($field:ident, $about:expr, $average_about:expr) => {
        Counter {
            about: $about,
            average_about: $average_about,
            total: |line| line.1.$field,
            average: |line| line.2.$field,
        }
    };
}

const EACH_SECOND: &str = "The same each second.";

const ASSIGNMENTS: Counter =
    counter!(assignments, "Times a client got a server connection.", EACH_SECOND);
const TRANSACTIONS: Counter = counter!(transactions, "Transactions.", EACH_SECOND);
const QUERIES: Counter = counter!(queries, "Statements: simple queries and Executes.", EACH_SECOND);
const RECEIVED: Counter = counter!(received, "Bytes from clients.", EACH_SECOND);
const SENT: Counter = counter!(sent, "Bytes to clients.", EACH_SECOND);
const TRANSACTION_TIME: Counter = counter!(
    transaction_us,
    "Microseconds in transactions, waiting for the application included.",
    "Microseconds of a transaction."
);
const QUERY_TIME: Counter = counter!(
    query_us,
    "Microseconds between a statement and the end of its reply.",
    "Microseconds of a statement."
);
const WAIT_TIME: Counter = counter!(
    wait_us,
    "Microseconds clients waited for a server connection.",
    "Microseconds a client waited for a server connection."
);
const CLIENT_PARSES: Counter = counter!(client_parses, "Parse messages from clients.", EACH_SECOND);
const SERVER_PARSES: Counter = counter!(server_parses, "Parse messages to servers.", EACH_SECOND);
const BINDS: Counter = counter!(binds, "Bind messages.", EACH_SECOND);
const LOGINS: Counter = counter!(logins, "Clients that logged in.", EACH_SECOND);

const DATABASE: Column<Line> =
    Column::new("database", Kind::Text, "The database name clients use.", |line, _| {
        (&line.0).into()
    });

fn lines<'v>(view: &'v View<'_>) -> Cow<'v, [Line]> {
    Cow::Owned(view.totals())
}

/// The names in SHOW TOTALS, behind what they begin with.
const IN_TOTALS: [(&str, Counter); 12] = [
    ("server_assignment_count", ASSIGNMENTS),
    ("xact_count", TRANSACTIONS),
    ("query_count", QUERIES),
    ("client_bytes", RECEIVED),
    ("server_bytes", SENT),
    ("xact_time", TRANSACTION_TIME),
    ("query_time", QUERY_TIME),
    ("wait_time", WAIT_TIME),
    ("ps_client_parse_count", CLIENT_PARSES),
    ("ps_server_parse_count", SERVER_PARSES),
    ("ps_bind_count", BINDS),
    ("client_login_count", LOGINS),
];
