//! What the ledger adds to `/metrics`. Names follow OpenTelemetry's `db.client.connection.*` where
//! they exist there.

use super::metrics::{Family, Kind, Point, Reading};
use super::view::View;
use crate::config::limits::METRIC_ROUTES;
use crate::ledger::{Histogram, Phase, Route};

/// A family of series that is not about one pool.
pub(super) struct LedgerMetric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    /// Labels of its series, for the reference.
    pub(super) labels: &'static str,
    /// Only a ledger that is on knows it.
    pub(super) is_booked: bool,
    pub(super) points: fn(&View<'_>) -> Vec<Point>,
}

impl LedgerMetric {
    /// The metric at this moment.
    pub(super) fn family(&self, view: &View<'_>) -> Family {
        let Self { name, kind, about, .. } = *self;
        Family { name, kind, about, points: (self.points)(view) }
    }
}

/// The families.
pub(super) const LEDGER_METRICS: [LedgerMetric; 9] = [
    LedgerMetric {
        name: "weir_ledger_enabled",
        kind: Kind::Gauge,
        about: "Whether the ledger is kept (`ledger.enabled`); while it is not, the metrics that \
                only it knows are left out.",
        labels: "",
        is_booked: false,
        points: |view| one(u8::from(!view.snapshot.ledger.off).into()),
    },
    LedgerMetric {
        name: "weir_ledger_drift_seconds",
        kind: Kind::Gauge,
        about: "By how much the phases differ from the time that server connections were open; \
                always 0.",
        labels: "",
        is_booked: true,
        points: |view| one(view.ledger.drift_seconds),
    },
    LedgerMetric {
        name: "weir_ledger_misbooked",
        kind: Kind::Gauge,
        about: "Server connections in another phase than they should be; always 0.",
        labels: "",
        is_booked: true,
        points: |view| one(view.ledger.misbooked.into()),
    },
    LedgerMetric {
        name: "weir_slots_needed",
        kind: Kind::Gauge,
        about: "Server connections that the work of the last minute needs, by Little's law.",
        labels: "",
        is_booked: true,
        points: |view| one(view.ledger.demand.needed),
    },
    LedgerMetric {
        name: "weir_route_slots",
        kind: Kind::Gauge,
        about: "Server connections that a route held in the last minute, on average, by phase; \
                routes behind the first 20 are summed up as other.",
        labels: "route, state",
        is_booked: true,
        points: routes,
    },
    LedgerMetric {
        name: "db_client_connection_wait_time_seconds",
        kind: Kind::Histogram,
        about: "How long clients waited for a server connection that they got.",
        labels: "",
        is_booked: false,
        points: waits,
    },
    LedgerMetric {
        name: "db_client_connection_use_time_seconds",
        kind: Kind::Histogram,
        about: "How long server connections stayed in a phase.",
        labels: "state",
        is_booked: true,
        points: visits,
    },
    LedgerMetric {
        name: "db_client_connection_create_time_seconds",
        kind: Kind::Histogram,
        about: "How long opening a server connection took, login included.",
        labels: "",
        is_booked: true,
        points: creations,
    },
    LedgerMetric {
        name: "db_client_connection_timeouts_total",
        kind: Kind::Counter,
        about: "Clients that were refused a server connection: none was free in time, or too many \
                waited.",
        labels: "",
        is_booked: false,
        points: |view| one(refusals(view)),
    },
];

/// The point of a metric without labels.
pub(super) fn one(value: f64) -> Vec<Point> {
    vec![Point::number(Vec::new(), value)]
}

fn routes(view: &View<'_>) -> Vec<Point> {
    let window = view.ledger.window_seconds;
    let all = &view.ledger.routes;
    let (named, rest) = all.split_at(all.len().min(METRIC_ROUTES));
    let slots = |routes: &[Route], phase: Phase| -> f64 {
        let spent = routes.iter().filter_map(|route| route.phase_seconds.get(phase.as_str()));
        if window > 0.0 { spent.sum::<f64>() / window } else { 0.0 }
    };
    let mut points = Vec::new();
    for phase in Phase::ALL.into_iter().filter(|phase| phase.is_held()) {
        let point = |route: &str, value: f64| {
            let labels = vec![("route", route.to_owned()), ("state", phase.as_str().to_owned())];
            Point::number(labels, value)
        };
        points.extend(
            named
                .iter()
                .map(|route| point(&route.route, slots(std::slice::from_ref(route), phase))),
        );
        if !rest.is_empty() {
            points.push(point("(all other routes)", slots(rest, phase)));
        }
    }
    points
}

fn waits(view: &View<'_>) -> Vec<Point> {
    let mut all = Histogram::default();
    view.snapshot.pools.iter().for_each(|pool| all.add(&pool.waits));
    let granted = view.snapshot.ledger.classes.iter().map(|class| class.sums.granted.nanos);
    vec![spans(Vec::new(), &all, granted.sum())]
}

fn visits(view: &View<'_>) -> Vec<Point> {
    let ledger = &view.snapshot.ledger;
    let all = Phase::ALL.into_iter().zip(&ledger.visits);
    all.map(|(phase, visits)| {
        spans(vec![("state", phase.as_str().to_owned())], visits, ledger.times[phase])
    })
    .collect()
}

/// Those under way are in the sum and not yet counted.
fn creations(view: &View<'_>) -> Vec<Point> {
    let ledger = &view.snapshot.ledger;
    let opening = ledger.visits.get(Phase::Connecting as usize);
    opening
        .map(|opening| spans(Vec::new(), opening, ledger.times[Phase::Connecting]))
        .into_iter()
        .collect()
}

fn spans(labels: Vec<(&'static str, String)>, spans: &Histogram, sum_nanos: u128) -> Point {
    Point { labels, reading: Reading::Spans(spans.clone(), sum_nanos) }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point values")]
fn refusals(view: &View<'_>) -> f64 {
    let classes = view.snapshot.ledger.classes.iter();
    classes.map(|class| class.sums.refused.count).sum::<u64>() as f64
}
