//! What the ledger adds to `/metrics`. Names follow OpenTelemetry's `db.client.connection.*` where
//! they exist there.

use std::fmt::Write as _;
use std::time::Duration;

use super::metrics::escaped;
use super::view::View;
use crate::config::limits::METRIC_ROUTES;
use crate::ledger::{Histogram, Phase, Route};

/// A family of series that is not about one pool.
pub(super) struct LedgerMetric {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) about: &'static str,
    /// Labels of its series, for the reference.
    pub(super) labels: &'static str,
    pub(super) series: fn(&str, &View<'_>, &mut String),
}

/// The families.
pub(super) const LEDGER_METRICS: [LedgerMetric; 6] = [
    LedgerMetric {
        name: "weir_ledger_drift_seconds",
        kind: "gauge",
        about: "By how much the phases differ from the time that server connections were open; \
                always 0.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.ledger.drift_seconds),
    },
    LedgerMetric {
        name: "weir_ledger_misbooked",
        kind: "gauge",
        about: "Server connections in another phase than they should be; always 0.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.ledger.misbooked.into()),
    },
    LedgerMetric {
        name: "weir_slots_needed",
        kind: "gauge",
        about: "Server connections that the work of the last minute needs, by Little's law.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.ledger.demand.needed),
    },
    LedgerMetric {
        name: "weir_route_slots",
        kind: "gauge",
        about: "Server connections that a route held in the last minute, on average, by phase; \
                routes behind the first 20 are summed up as other.",
        labels: "route, state",
        series: routes,
    },
    LedgerMetric {
        name: "db_client_connection_wait_time_seconds",
        kind: "histogram",
        about: "How long clients waited for a server connection that they got.",
        labels: "",
        series: waits,
    },
    LedgerMetric {
        name: "db_client_connection_use_time_seconds",
        kind: "histogram",
        about: "How long server connections stayed in a phase.",
        labels: "state",
        series: visits,
    },
];

/// Writes all of them.
pub(super) fn write(view: &View<'_>, text: &mut String) {
    LEDGER_METRICS.iter().for_each(|metric| metric.write(view, text));
}

impl LedgerMetric {
    /// Writes one family.
    pub(super) fn write(&self, view: &View<'_>, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {} {}", self.name, self.about);
        let _ = writeln!(text, "# TYPE {} {}", self.name, self.kind);
        (self.series)(self.name, view, text);
    }
}

/// Appends one series.
pub(super) fn line(text: &mut String, name: &str, labels: &str, value: f64) {
    let _ = writeln!(text, "{name}{labels} {value}");
}

fn routes(name: &str, view: &View<'_>, text: &mut String) {
    let window = view.ledger.window_seconds;
    let all = &view.ledger.routes;
    let (named, rest) = all.split_at(all.len().min(METRIC_ROUTES));
    let slots = |routes: &[Route], phase: Phase| -> f64 {
        let spent = routes.iter().filter_map(|route| route.phase_seconds.get(phase.as_str()));
        if window > 0.0 { spent.sum::<f64>() / window } else { 0.0 }
    };
    for phase in Phase::ALL.into_iter().filter(|phase| phase.is_held()) {
        let mut write = |route: &str, value: f64| {
            let labels = format!("{{route=\"{}\",state=\"{}\"}}", escaped(route), phase.as_str());
            line(text, name, &labels, value);
        };
        for route in named {
            write(&route.route, slots(std::slice::from_ref(route), phase));
        }
        if !rest.is_empty() {
            write("(all other routes)", slots(rest, phase));
        }
    }
}

fn waits(name: &str, view: &View<'_>, text: &mut String) {
    let mut all = Histogram::default();
    view.snapshot.pools.iter().for_each(|pool| all.add(&pool.waits));
    let granted = view.snapshot.ledger.classes.iter().map(|class| class.sums.granted.nanos);
    buckets(text, name, "", &all, granted.sum());
}

fn visits(name: &str, view: &View<'_>, text: &mut String) {
    let ledger = &view.snapshot.ledger;
    for (phase, spans) in Phase::ALL.into_iter().zip(&ledger.visits) {
        let label = format!("state=\"{}\"", phase.as_str());
        buckets(text, name, &label, spans, ledger.times[phase]);
    }
}

/// Upper ends of buckets, milliseconds. A duration counts in a bucket to within an eighth.
const BUCKETS_MS: [u32; 12] = [1, 2, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 60_000, 600_000];

fn buckets(text: &mut String, name: &str, label: &str, spans: &Histogram, sum_nanos: u128) {
    let comma = if label.is_empty() { "" } else { "," };
    for millis in BUCKETS_MS {
        let count = spans.at_most(Duration::from_millis(millis.into()));
        let end = f64::from(millis) / 1000.0;
        let _ = writeln!(text, "{name}_bucket{{{label}{comma}le=\"{end}\"}} {count}");
    }
    let total = spans.total();
    let labels = if label.is_empty() { String::new() } else { format!("{{{label}}}") };
    let _ = writeln!(text, "{name}_bucket{{{label}{comma}le=\"+Inf\"}} {total}");
    // Exact up to 2^53 nanoseconds, 104 days, then rounded.
    #[expect(clippy::cast_precision_loss)]
    let sum = sum_nanos as f64 / 1e9;
    let _ = writeln!(text, "{name}_sum{labels} {sum}\n{name}_count{labels} {total}");
}
