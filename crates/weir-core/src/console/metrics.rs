//! Every metric: its definition, and its points at one moment.

use super::healing_metrics::HEALING_METRICS;
use super::ledger_metrics::LEDGER_METRICS;
use super::snapshot::PoolRow;
use super::view::View;
use crate::config::limits;
use crate::ledger::{Histogram, Phase};

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value at a moment.
    Gauge,
    /// A sum since the start.
    Counter,
    /// Durations since the start, by size.
    Histogram,
}

impl Kind {
    /// The word of Prometheus.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// A metric at one moment.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    pub(super) points: Vec<Point>,
}

/// One value with what tells it from the others of its metric.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) reading: Reading,
}

/// A value.
#[derive(Debug)]
pub(super) enum Reading {
    /// Of a gauge or a counter.
    Number(f64),
    /// Of a histogram, with the sum of all durations in nanoseconds.
    Spans(Histogram, u128),
}

impl Point {
    /// A number with its labels.
    pub(super) fn number(labels: Vec<(&'static str, String)>, value: f64) -> Self {
        Self { labels, reading: Reading::Number(value) }
    }
}

/// What a family of series means and how it is read from a pool.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    pub(super) series: &'static [Series],
}

/// One value of a pool, with a label of its own where the family has several.
pub(super) struct Series {
    pub(super) label: &'static str,
    value: fn(&PoolRow) -> f64,
    /// Only the ledger knows it.
    is_booked: bool,
}

const fn plain(value: fn(&PoolRow) -> f64) -> Series {
    Series { label: "", value, is_booked: false }
}

const fn state(label: &'static str, value: fn(&PoolRow) -> f64) -> Series {
    Series { label, value, is_booked: false }
}

const fn phase(label: &'static str, value: fn(&PoolRow) -> f64) -> Series {
    Series { label, value, is_booked: true }
}

/// The families with a line for each pool.
pub(super) const METRICS: [Metric; 17] = [
    Metric {
        name: "weir_pool_clients",
        kind: Kind::Gauge,
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
        kind: Kind::Gauge,
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
        kind: Kind::Gauge,
        about: "Server connections there may be, without the reserve.",
        series: &[plain(|pool| pool.view.size_max.into())],
    },
    Metric {
        name: "weir_pool_wait_max_seconds",
        kind: Kind::Gauge,
        about: "How long the longest waiting client has waited.",
        series: &[plain(|pool| pool.wait_max.as_secs_f64())],
    },
    Metric {
        name: "weir_pool_connect_failures",
        kind: Kind::Gauge,
        about: "Failed connects in a row.",
        series: &[plain(|pool| pool.view.failures.into())],
    },
    Metric {
        name: "weir_transactions_total",
        kind: Kind::Counter,
        about: "Transactions that ended.",
        series: &[plain(|pool| number(pool.tally.transactions))],
    },
    Metric {
        name: "weir_statements_total",
        kind: Kind::Counter,
        about: "Statements: simple queries and Executes.",
        series: &[plain(|pool| number(pool.tally.queries))],
    },
    Metric {
        name: "weir_checkouts_total",
        kind: Kind::Counter,
        about: "Times a client got a server connection.",
        series: &[plain(|pool| number(pool.traffic.assignments))],
    },
    Metric {
        name: "weir_wait_seconds_total",
        kind: Kind::Counter,
        about: "Seconds clients waited for a server connection.",
        series: &[plain(|pool| number(pool.traffic.wait_ns) / 1e9)],
    },
    Metric {
        name: "weir_logins_total",
        kind: Kind::Counter,
        about: "Clients that logged in.",
        series: &[plain(|pool| number(pool.traffic.logins))],
    },
    Metric {
        name: "weir_client_bytes_total",
        kind: Kind::Counter,
        about: "Bytes from clients (state received) and to clients (state sent).",
        series: &[
            state("received", |pool| number(pool.traffic.received)),
            state("sent", |pool| number(pool.traffic.sent)),
        ],
    },
    Metric {
        name: "db_client_connection_count",
        kind: Kind::Gauge,
        about: "Open server connections, by phase.",
        series: &[
            phase("idle", |pool| number(pool.phases[Phase::Idle as usize].into())),
            phase("resetting", |pool| number(pool.phases[Phase::Resetting as usize].into())),
            phase("executing", |pool| number(pool.phases[Phase::Executing as usize].into())),
            phase("client_blocked", |pool| {
                number(pool.phases[Phase::ClientBlocked as usize].into())
            }),
            phase("copy_in", |pool| number(pool.phases[Phase::CopyIn as usize].into())),
            phase("idle_in_transaction", |pool| {
                number(pool.phases[Phase::IdleInTransaction as usize].into())
            }),
            phase("pinned_idle", |pool| number(pool.phases[Phase::PinnedIdle as usize].into())),
            phase("cancel_settling", |pool| {
                number(pool.phases[Phase::CancelSettling as usize].into())
            }),
            phase("draining", |pool| number(pool.phases[Phase::Draining as usize].into())),
        ],
    },
    Metric {
        name: "db_client_connection_max",
        kind: Kind::Gauge,
        about: "Server connections there may be.",
        series: &[plain(|pool| pool.view.size_max.into())],
    },
    Metric {
        name: "db_client_connection_idle_max",
        kind: Kind::Gauge,
        about: "Server connections that may be idle: all there may be.",
        series: &[plain(|pool| pool.view.size_max.into())],
    },
    Metric {
        name: "db_client_connection_idle_min",
        kind: Kind::Gauge,
        about: "Server connections that are kept open when nobody needs them.",
        series: &[plain(|pool| pool.view.size_min.into())],
    },
    Metric {
        name: "db_client_connection_pending_requests",
        kind: Kind::Gauge,
        about: "Clients that wait for a server connection.",
        series: &[plain(|pool| pool.view.waiting.into())],
    },
    Metric {
        name: "weir_phase_seconds_total",
        kind: Kind::Counter,
        about: "Time of server connections, by phase.",
        series: &[
            phase("connecting", |pool| pool.times.seconds(Phase::Connecting)),
            phase("idle", |pool| pool.times.seconds(Phase::Idle)),
            phase("resetting", |pool| pool.times.seconds(Phase::Resetting)),
            phase("executing", |pool| pool.times.seconds(Phase::Executing)),
            phase("client_blocked", |pool| pool.times.seconds(Phase::ClientBlocked)),
            phase("copy_in", |pool| pool.times.seconds(Phase::CopyIn)),
            phase("idle_in_transaction", |pool| pool.times.seconds(Phase::IdleInTransaction)),
            phase("pinned_idle", |pool| pool.times.seconds(Phase::PinnedIdle)),
            phase("cancel_settling", |pool| pool.times.seconds(Phase::CancelSettling)),
            phase("draining", |pool| pool.times.seconds(Phase::Draining)),
        ],
    },
];

/// Exact up to 2^53, which a counter of nanoseconds reaches after three months.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floating-point values only")]
fn number(count: u64) -> f64 {
    count as f64
}

/// All metrics. Pools beyond [`limits::METRIC_POOLS`] are summed up under the name `other`. While the
/// ledger is off, what only it knows is left out.
pub(super) fn families(view: &View<'_>) -> Vec<Family> {
    let up = Family {
        name: "weir_up",
        kind: Kind::Gauge,
        about: "Whether the process serves; 0 while it stops.",
        points: vec![Point::number(Vec::new(), u8::from(!view.stopping).into())],
    };
    let off = view.snapshot.ledger.off;
    let known = METRICS.iter().filter(|metric| !(off && metric.series[0].is_booked));
    let pools = known.map(|metric| of_pools(metric, &view.snapshot.pools));
    let booked = LEDGER_METRICS.iter().filter(|metric| !(off && metric.is_booked));
    let others = booked.chain(&HEALING_METRICS).map(|metric| metric.family(view));
    std::iter::once(up).chain(pools).chain(others).collect()
}

fn of_pools(metric: &Metric, pools: &[PoolRow]) -> Family {
    let (named, rest) = pools.split_at(pools.len().min(limits::METRIC_POOLS));
    let mut points = Vec::with_capacity(metric.series.len() * (named.len() + 1));
    for series in metric.series {
        points.extend(named.iter().map(|pool| {
            let labels = labels(&pool.database, &pool.user, series.label);
            Point::number(labels, (series.value)(pool))
        }));
        if !rest.is_empty() {
            let sum: f64 = rest.iter().map(series.value).sum();
            points.push(Point::number(labels("other", "other", series.label), sum));
        }
    }
    let Metric { name, kind, about, .. } = *metric;
    Family { name, kind, about, points }
}

fn labels(database: &str, user: &str, state: &str) -> Vec<(&'static str, String)> {
    let mut labels = vec![("database", database.to_owned()), ("user", user.to_owned())];
    if !state.is_empty() {
        labels.push(("state", state.to_owned()));
    }
    labels
}
