//! What the healers add to `/metrics`.

use super::ledger_metrics::{LedgerMetric, line};
use super::view::View;
use crate::healing::{Step, Sum, Tallied};

/// The families.
pub(super) const HEALING_METRICS: [LedgerMetric; 7] = [
    LedgerMetric {
        name: "weir_healing_actions_total",
        kind: "counter",
        about: "Actions of the healing ladder, by what became of them: done, observed, warned or \
                withheld.",
        labels: "step, outcome",
        series: |name, view, text| by_step(name, view, text, |sum| number(sum.count)),
    },
    LedgerMetric {
        name: "weir_healing_measured_total",
        kind: "counter",
        about: "Those whose effect was measured, a second later.",
        labels: "step, outcome",
        series: |name, view, text| by_step(name, view, text, |sum| number(sum.measured)),
    },
    LedgerMetric {
        name: "weir_healing_helped_total",
        kind: "counter",
        about: "Those after which fewer clients waited, or none longer than before.",
        labels: "step, outcome",
        series: |name, view, text| by_step(name, view, text, |sum| number(sum.helped)),
    },
    LedgerMetric {
        name: "weir_healing_kept_seconds_total",
        kind: "counter",
        about: "Time that slots were held on after an action was recorded, while others waited: \
                for those that were not done, what enforcing would have saved.",
        labels: "step, outcome",
        series: |name, view, text| by_step(name, view, text, |sum| sum.kept.as_secs_f64()),
    },
    LedgerMetric {
        name: "weir_healing_frozen",
        kind: "gauge",
        about: "Workers that FREEZE stopped.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.snapshot.healing.frozen.into()),
    },
    LedgerMetric {
        name: "weir_healing_breakers_open",
        kind: "gauge",
        about: "Workers that end nothing any more, because what they did lately did not help.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.snapshot.healing.breakers.into()),
    },
    LedgerMetric {
        name: "weir_quarantines",
        kind: "gauge",
        about: "Routes and statements in quarantine, of each worker.",
        labels: "",
        series: |name, view, text| line(text, name, "", view.snapshot.healing.quarantined.into()),
    },
];

/// Writes all of them.
pub(super) fn write(view: &View<'_>, text: &mut String) {
    HEALING_METRICS.iter().for_each(|metric| metric.write(view, text));
}

fn by_step(name: &str, view: &View<'_>, text: &mut String, value: fn(&Sum) -> f64) {
    let label = |step: Step, how: Tallied| {
        format!("{{step=\"{}\",outcome=\"{}\"}}", step.as_str(), how.as_str())
    };
    for (step, how, sum) in view.snapshot.healing.total.iter() {
        line(text, name, &label(step, how), value(sum));
    }
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "Prometheus has floating-point values only")]
const fn number(count: u64) -> f64 {
    count as f64
}
