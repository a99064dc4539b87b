//! What the healers add to `/metrics`.

use super::ledger_metrics::{LedgerMetric, one};
use super::metrics::{Kind, Point};
use super::view::View;
use crate::healing::{Step, Sum, Tallied};

/// The families.
pub(super) const HEALING_METRICS: [LedgerMetric; 7] = [
    LedgerMetric {
        name: "weir_healing_actions_total",
        kind: Kind::Counter,
        about: "Actions of the healing ladder, by what became of them: done, observed, warned or \
                withheld.",
        labels: "step, outcome",
        is_booked: false,
        points: |view| by_step(view, |sum| number(sum.count)),
    },
    LedgerMetric {
        name: "weir_healing_measured_total",
        kind: Kind::Counter,
        about: "Those whose effect was measured, a second later.",
        labels: "step, outcome",
        is_booked: false,
        points: |view| by_step(view, |sum| number(sum.measured)),
    },
    LedgerMetric {
        name: "weir_healing_helped_total",
        kind: Kind::Counter,
        about: "Those after which fewer clients waited, or none longer than before.",
        labels: "step, outcome",
        is_booked: false,
        points: |view| by_step(view, |sum| number(sum.helped)),
    },
    LedgerMetric {
        name: "weir_healing_kept_seconds_total",
        kind: Kind::Counter,
        about: "Time that slots were held on after an action was recorded, while others waited: \
                for those that were not done, what enforcing would have saved.",
        labels: "step, outcome",
        is_booked: false,
        points: |view| by_step(view, |sum| sum.kept.as_secs_f64()),
    },
    LedgerMetric {
        name: "weir_healing_frozen",
        kind: Kind::Gauge,
        about: "Workers that FREEZE stopped.",
        labels: "",
        is_booked: false,
        points: |view| one(view.snapshot.healing.frozen.into()),
    },
    LedgerMetric {
        name: "weir_healing_breakers_open",
        kind: Kind::Gauge,
        about: "Workers that end nothing any more, because what they did lately did not help.",
        labels: "",
        is_booked: false,
        points: |view| one(view.snapshot.healing.breakers.into()),
    },
    LedgerMetric {
        name: "weir_quarantines",
        kind: Kind::Gauge,
        about: "Routes and statements in quarantine, of each worker.",
        labels: "",
        is_booked: false,
        points: |view| one(view.snapshot.healing.quarantined.into()),
    },
];

fn by_step(view: &View<'_>, value: fn(&Sum) -> f64) -> Vec<Point> {
    let labels = |step: Step, how: Tallied| {
        vec![("step", step.as_str().to_owned()), ("outcome", how.as_str().to_owned())]
    };
    let sums = view.snapshot.healing.total.iter();
    sums.map(|(step, how, sum)| Point::number(labels(step, how), value(sum))).collect()
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floating-point values only")]
const fn number(count: u64) -> f64 {
    count as f64
}
