//! Metrics as Prometheus text, format version 0.0.4.

use std::fmt::Write as _;
use std::time::Duration;

use super::metrics::{Family, Point, Reading, families};
use super::view::View;
use crate::ledger::Histogram;

/// Upper ends of buckets, milliseconds. A duration counts in a bucket to within an eighth.
pub(super) const BUCKETS_MS: [u32; 12] =
    [1, 2, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 60_000, 600_000];

/// All metrics.
#[must_use]
pub fn metrics(view: &View<'_>) -> String {
    let mut text = String::new();
    for Family { name, kind, about, points } in families(view) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} {}", kind.as_str());
        points.iter().for_each(|point| write(&mut text, name, point));
    }
    text
}

fn write(text: &mut String, name: &str, point: &Point) {
    let pair = |(label, value): &(&str, String)| format!("{label}=\"{}\"", escaped(value));
    let labels = point.labels.iter().map(pair).collect::<Vec<_>>().join(",");
    match &point.reading {
        Reading::Number(value) if labels.is_empty() => {
            let _ = writeln!(text, "{name} {value}");
        }
        Reading::Number(value) => {
            let _ = writeln!(text, "{name}{{{labels}}} {value}");
        }
        Reading::Spans(spans, sum_nanos) => buckets(text, name, &labels, spans, *sum_nanos),
    }
}

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

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
