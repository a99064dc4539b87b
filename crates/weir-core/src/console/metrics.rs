//! The view as Prometheus text, format version 0.0.4.

use std::fmt::Write as _;

use super::snapshot::PoolRow;
use super::view::View;
use crate::config::limits;
use crate::ledger::Phase;

/// What a family of series means and how it is read from a pool.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
    pub(super) series: &'static [Series],
}

/// One value of a pool, with a label of its own where the family has several.
pub(super) struct Series {
    pub(super) label: &'static str,
    value: fn(&PoolRow) -> f64,
}

const fn plain(value: fn(&PoolRow) -> f64) -> Series {
    Series { label: "", value }
}

const fn state(label: &'static str, value: fn(&PoolRow) -> f64) -> Series {
    Series { label, value }
}

/// The families with a line for each pool.
pub(super) const METRICS: [Metric; 15] = [
    Metric {
        name: "weir_pool_clients",
        kind: "gauge",
        about: "Client connections, by state.",
        series: &[
            state("waiting", |pool| pool.view.waiting.into()),
            state("idle_in_transaction", |pool| pool.clients_idle_in_transaction.into()),
            state("other", |pool| {
                let told = pool.view.waiting + pool.clients_idle_in_transaction;
                pool.clients.saturating_sub(told).into()
            }),
        ],
    },
    Metric {
        name: "weir_pool_servers",
        kind: "gauge",
        about: "Server connections, by state.",
        series: &[
            state("active", |pool| pool.view.active.into()),
            state("idle", |pool| pool.view.idle.into()),
            state("tidying", |pool| pool.view.settling.into()),
            state("checking", |pool| pool.view.checking.into()),
            state("connecting", |pool| (pool.view.dialling + pool.view.abandoned).into()),
            state("closing", |pool| pool.view.closing.into()),
        ],
    },
    Metric {
        name: "weir_pool_slots",
        kind: "gauge",
        about: "Server connections there may be, without the reserve.",
        series: &[plain(|pool| pool.view.size_max.into())],
    },
    Metric {
        name: "weir_pool_wait_max_seconds",
        kind: "gauge",
        about: "How long the longest waiting client has waited.",
        series: &[plain(|pool| pool.wait_max.as_secs_f64())],
    },
    Metric {
        name: "weir_pool_connect_failures",
        kind: "gauge",
        about: "Failed connects in a row.",
        series: &[plain(|pool| pool.view.failures.into())],
    },
    Metric {
        name: "weir_transactions_total",
        kind: "counter",
        about: "Transactions that ended.",
        series: &[plain(|pool| number(pool.tally.transactions))],
    },
    Metric {
        name: "weir_statements_total",
        kind: "counter",
        about: "Statements: simple queries and Executes.",
        series: &[plain(|pool| number(pool.tally.queries))],
    },
    Metric {
        name: "weir_checkouts_total",
        kind: "counter",
        about: "Times a client got a server connection.",
        series: &[plain(|pool| number(pool.traffic.assignments))],
    },
    Metric {
        name: "weir_wait_seconds_total",
        kind: "counter",
        about: "Seconds clients waited for a server connection.",
        series: &[plain(|pool| number(pool.traffic.wait_ns) / 1e9)],
    },
    Metric {
        name: "weir_logins_total",
        kind: "counter",
        about: "Clients that logged in.",
        series: &[plain(|pool| number(pool.traffic.logins))],
    },
    Metric {
        name: "weir_client_bytes_total",
        kind: "counter",
        about: "Bytes from clients (state received) and to clients (state sent).",
        series: &[
            state("received", |pool| number(pool.traffic.received)),
            state("sent", |pool| number(pool.traffic.sent)),
        ],
    },
    Metric {
        name: "db_client_connection_count",
        kind: "gauge",
        about: "Open server connections, by phase.",
        series: &[
            state("idle", |pool| number(pool.phases[Phase::Idle as usize].into())),
            state("resetting", |pool| number(pool.phases[Phase::Resetting as usize].into())),
            state("executing", |pool| number(pool.phases[Phase::Executing as usize].into())),
            state("client_blocked", |pool| {
                number(pool.phases[Phase::ClientBlocked as usize].into())
            }),
            state("copy_in", |pool| number(pool.phases[Phase::CopyIn as usize].into())),
            state("idle_in_transaction", |pool| {
                number(pool.phases[Phase::IdleInTransaction as usize].into())
            }),
            state("pinned_idle", |pool| number(pool.phases[Phase::PinnedIdle as usize].into())),
            state("cancel_settling", |pool| {
                number(pool.phases[Phase::CancelSettling as usize].into())
            }),
            state("draining", |pool| number(pool.phases[Phase::Draining as usize].into())),
        ],
    },
    Metric {
        name: "db_client_connection_max",
        kind: "gauge",
        about: "Server connections there may be.",
        series: &[plain(|pool| pool.view.size_max.into())],
    },
    Metric {
        name: "db_client_connection_pending_requests",
        kind: "gauge",
        about: "Clients that wait for a server connection.",
        series: &[plain(|pool| pool.view.waiting.into())],
    },
    Metric {
        name: "weir_phase_seconds_total",
        kind: "counter",
        about: "Time of server connections, by phase.",
        series: &[
            state("connecting", |pool| pool.times.seconds(Phase::Connecting)),
            state("idle", |pool| pool.times.seconds(Phase::Idle)),
            state("resetting", |pool| pool.times.seconds(Phase::Resetting)),
            state("executing", |pool| pool.times.seconds(Phase::Executing)),
            state("client_blocked", |pool| pool.times.seconds(Phase::ClientBlocked)),
            state("copy_in", |pool| pool.times.seconds(Phase::CopyIn)),
            state("idle_in_transaction", |pool| pool.times.seconds(Phase::IdleInTransaction)),
            state("pinned_idle", |pool| pool.times.seconds(Phase::PinnedIdle)),
            state("cancel_settling", |pool| pool.times.seconds(Phase::CancelSettling)),
            state("draining", |pool| pool.times.seconds(Phase::Draining)),
        ],
    },
];

/// Exact up to 2^53, which a counter of nanoseconds reaches after three months.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floating-point values only")]
fn number(count: u64) -> f64 {
    count as f64
}

/// All metrics. Pools beyond [`limits::METRIC_POOLS`] are summed up under the name `other`.
#[must_use]
pub fn metrics(view: &View<'_>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# HELP weir_up Whether the process serves; 0 while it stops.");
    let _ = writeln!(text, "# TYPE weir_up gauge\nweir_up {}", u8::from(!view.stopping));
    let pools = &view.snapshot.pools;
    let (named, rest) = pools.split_at(pools.len().min(limits::METRIC_POOLS));
    for metric in &METRICS {
        let _ = writeln!(text, "# HELP {} {}", metric.name, metric.about);
        let _ = writeln!(text, "# TYPE {} {}", metric.name, metric.kind);
        for series in metric.series {
            for pool in named {
                let labels = labels(&pool.database, &pool.user, series.label);
                let _ = writeln!(text, "{}{labels} {}", metric.name, (series.value)(pool));
            }
            if !rest.is_empty() {
                let sum: f64 = rest.iter().map(series.value).sum();
                let labels = labels("other", "other", series.label);
                let _ = writeln!(text, "{}{labels} {sum}", metric.name);
            }
        }
    }
    super::ledger_metrics::write(view, &mut text);
    super::healing_metrics::write(view, &mut text);
    text
}

fn labels(database: &str, user: &str, state: &str) -> String {
    let (database, user) = (escaped(database), escaped(user));
    let state = if state.is_empty() { String::new() } else { format!(",state=\"{state}\"") };
    format!("{{database=\"{database}\",user=\"{user}\"{state}}}")
}

pub(super) fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
