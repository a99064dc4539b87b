//! Writes the pages on the console and on the metrics from their definitions.

use std::fmt::Write as _;

use super::healing_metrics::HEALING_METRICS;
use super::ledger_metrics::LEDGER_METRICS;
use super::metrics::METRICS;
use super::table::{Heading, Relation};
use super::topic::Topic;
use super::usage::COMMANDS;

const INTRODUCTION: &str = "\
# Console

The console is a database of Weir's own on the address where clients connect. It answers SHOW and
takes commands, in the words of PgBouncer:

```sh
psql -h 127.0.0.1 -p 6432 -U dba weir -c 'SHOW POOLS'
```

It answers to the names in `console.databases`, by default `weir` and `pgbouncer`. Statements end
with `;` or with the line, may be several, and may hold comments; words are in any case. The names
of databases keep theirs, and need double quotes only when they hold spaces. psql, psycopg and JDBC
work, with simple queries or with the extended protocol, as long as they send no parameters and
take results as text.

This page is made by `cargo xtask gen` from the definitions the program uses.

## Who may use it

A user proves itself to the console as to any database, by `auth.method`. Then:

| who | may |
| --- | --- |
| a user in `console.admin_users` | do everything |
| a user in `console.stats_users` | SHOW |
| processes of root, or of Weir's own system user, over a Unix socket | do everything |
| anybody on this machine, while both lists are empty and `auth.method` is `trust` | do everything |
| anybody else | nothing: the login is refused |

The last but one is for trying things out: with `trust` a name proves nothing, and whoever is on
the machine can reach the databases themselves. Name administrators, and it is off.

At most 64 console sessions are open at once. They are not counted among the clients, so an
administrator gets in when `limits.clients_max` is reached.
";

/// The page on the console, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    // Writing to a String cannot fail: the results of `write!` are dropped on purpose.
    page.push_str("\n## Commands\n\nAll but SHOW are for administrators.\n");
    for command in &COMMANDS {
        let _ = write!(page, "\n### `{}`\n\n{}\n", command.syntax, command.about);
    }
    page.push_str(
        "\n## Tables\n\nColumns have the names, the order and the types of PgBouncer 1.25. Those \
         marked + are ours and\nfollow after them.\n",
    );
    for topic in Topic::ALL {
        table(&mut page, topic.table());
    }
    page
}

fn table(page: &mut String, table: &dyn Relation) {
    let name = table.name().to_ascii_uppercase();
    let _ = write!(page, "\n### SHOW {name}\n\n{}\n\n", table.about());
    page.push_str("| column | type | what it is |\n| --- | --- | --- |\n");
    for Heading { name, kind, about, ours } in table.headings() {
        let mark = if ours { " +" } else { "" };
        let _ = writeln!(page, "| `{name}`{mark} | {} | {about} |", kind.as_str());
    }
}

/// The page on the metrics, in Markdown.
#[must_use]
pub fn metrics_page() -> String {
    let mut page = "\
# Metrics

`/metrics` on `http.address` answers in Prometheus' text format. Every series has the labels
`database` and `user` of its pool; at most 1,000 pools have series of their own, further ones are
summed up under the name `other`. This page is made by `cargo xtask gen` from the definitions the
program uses.

With `otlp.url` the same metrics are sent to an OpenTelemetry collector, as OTLP/HTTP with JSON,
each `otlp.every`. There `weir_client_bytes_total` is `weir.client` with the unit `By`, and
`db_client_connection_create_time_seconds` is `db.client.connection.create_time` with the unit `s`;
of the latter family `database` and `user` are `db.client.connection.pool.name` (`user@database`),
and `state` is `db.client.connection.state`, with our phases as its values. A collector that is
away, slow or refuses delays nothing: an export that is not taken is dropped and said once, and the
next one holds the whole sums.

| metric | type | what it is | values of the label `state` |
| --- | --- | --- | --- |
| `weir_up` | gauge | Whether the process serves; 0 while it stops. No labels. | |
"
    .to_owned();
    for metric in &METRICS {
        let states: Vec<&str> = metric.series.iter().map(|series| series.label).collect();
        let (name, kind, about) = (metric.name, metric.kind.as_str(), metric.about);
        let _ = writeln!(page, "| `{name}` | {kind} | {about} | {} |", states.join(", "));
    }
    page.push_str(LEDGER_METRICS_INTRODUCTION);
    for metric in LEDGER_METRICS.iter().chain(&HEALING_METRICS) {
        let (name, kind) = (metric.name, metric.kind.as_str());
        let (about, labels) = (metric.about, metric.labels);
        let _ = writeln!(page, "| `{name}` | {kind} | {about} | {labels} |");
    }
    page
}

const LEDGER_METRICS_INTRODUCTION: &str = "
These are about all pools together:

| metric | type | what it is | labels |
| --- | --- | --- | --- |
";
