//! Metrics as OTLP/JSON: the body of a POST to a collector's `/v1/metrics`.
//!
//! Names and attributes follow OpenTelemetry's semantic conventions for database client metrics
//! where those have them; everything else is `weir.…`. Sums are cumulative. The mapping of
//! protobuf to JSON is that of OTLP 1: integers of 64 bits are strings.

use std::time::Duration;

use serde_json::{Value, json};

use super::exposition::BUCKETS_MS;
use super::metrics::{Family, Kind, Point, Reading, families};
use super::view::View;
use crate::ledger::Histogram;

/// AGGREGATION_TEMPORALITY_CUMULATIVE.
const CUMULATIVE: u8 = 2;

/// When the sums began and when they were read: nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The start of the process.
    pub start_nanos: u64,
    /// Now.
    pub now_nanos: u64,
}

/// The request to a collector. `instance` names this process among its like.
#[must_use]
pub fn otlp(view: &View<'_>, instance: &str, period: Period) -> Value {
    let version = view.version.rsplit(' ').next().unwrap_or_default();
    let resource =
        [("service.name", "weir"), ("service.version", version), ("service.instance.id", instance)];
    let families = families(view);
    let metrics: Vec<Value> = families.iter().map(|family| metric(family, period)).collect();
    json!({ "resourceMetrics": [{
        "resource": { "attributes": resource.map(|(key, value)| attribute(key, value)) },
        "scopeMetrics": [{ "scope": { "name": "weir", "version": version }, "metrics": metrics }],
    }] })
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn metric(family: &Family, period: Period) -> Value {
    let (name, unit) = name_and_unit(family.name);
    let connections = name.starts_with(CONNECTION);
    let points = family.points.iter().map(|one| point(one, connections, period));
    let points: Vec<Value> = points.collect();
    let data = match family.kind {
        Kind::Gauge => ("gauge", json!({ "dataPoints": points })),
        Kind::Counter => (
            "sum",
            json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE,
                    "isMonotonic": true }),
        ),
        Kind::Histogram => {
            ("histogram", json!({ "dataPoints": points, "aggregationTemporality": CUMULATIVE }))
        }
    };
    json!({ "name": name, "unit": unit, "description": family.about, data.0: data.1 })
}

/// How the names of OpenTelemetry's metrics of connection pools begin.
const CONNECTION: &str = "db.client.connection.";

/// A name of Prometheus as OpenTelemetry has it: without the unit, and with points.
fn name_and_unit(name: &str) -> (String, &'static str) {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let (name, unit) = [("_seconds", "s"), ("_bytes", "By")]
        .into_iter()
        .find_map(|(suffix, unit)| name.strip_suffix(suffix).map(|name| (name, unit)))
        .unwrap_or((name, "1"));
    let name = match name.strip_prefix("db_client_connection_") {
        // Two of its names have a further level.
        Some(rest) => format!("{CONNECTION}{}", rest.replace("idle_m", "idle.m")),
        None => name.replacen('_', ".", 1),
    };
    (name, unit)
}

fn point(point: &Point, connections: bool, period: Period) -> Value {
    let mut value = json!({
        "attributes": attributes(point, connections),
        "startTimeUnixNano": period.start_nanos.to_string(),
        "timeUnixNano": period.now_nanos.to_string(),
    });
    let more = match &point.reading {
        Reading::Number(number) => json!({ "asDouble": number }),
        Reading::Spans(spans, sum_nanos) => buckets(spans, *sum_nanos),
    };
    if let (Some(value), Value::Object(mut more)) = (value.as_object_mut(), more) {
        value.append(&mut more);
    }
    value
}

/// The labels; of a pool's connections under OpenTelemetry's names.
fn attributes(point: &Point, connections: bool) -> Vec<Value> {
    if !connections {
        return point.labels.iter().map(|(label, value)| attribute(label, value)).collect();
    }
    let label = |name: &str| {
        point.labels.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    };
    let pool = label("database").zip(label("user"));
    let name = pool.map(|(database, user)| format!("{user}@{database}"));
    let name = name.map(|name| attribute("db.client.connection.pool.name", &name));
    let state = label("state").map(|state| attribute("db.client.connection.state", state));
    name.into_iter().chain(state).collect()
}

/// The last bucket is what is longer than all ends.
fn buckets(spans: &Histogram, sum_nanos: u128) -> Value {
    let ends = BUCKETS_MS.map(|millis| f64::from(millis) / 1000.0);
    let mut below = 0;
    let mut counts: Vec<String> = BUCKETS_MS
        .iter()
        .map(|&millis| {
            let at_most = spans.at_most(Duration::from_millis(millis.into()));
            (at_most - std::mem::replace(&mut below, at_most)).to_string()
        })
        .collect();
    counts.push((spans.total() - below).to_string());
    // Exact up to 2^53 nanoseconds, 104 days, then rounded.
    #[expect(clippy::cast_precision_loss)]
    let sum = sum_nanos as f64 / 1e9;
    json!({ "count": spans.total().to_string(), "sum": sum, "explicitBounds": ends,
            "bucketCounts": counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_conventions_where_there_are_some() {
        let check = |name: &str, expected: (&str, &str)| {
            let (found, unit) = name_and_unit(name);
            assert_eq!((found.as_str(), unit), expected);
        };
        let create = ("db.client.connection.create_time", "s");
        check("db_client_connection_create_time_seconds", create);
        check("db_client_connection_timeouts_total", ("db.client.connection.timeouts", "1"));
        check("db_client_connection_idle_max", ("db.client.connection.idle.max", "1"));
        let pending = ("db.client.connection.pending_requests", "1");
        check("db_client_connection_pending_requests", pending);
        check("weir_phase_seconds_total", ("weir.phase", "s"));
        check("weir_client_bytes_total", ("weir.client", "By"));
        check("weir_up", ("weir.up", "1"));
    }

    #[test]
    fn buckets_count_every_duration_once() {
        let mut spans = Histogram::default();
        let all = [0, 3, 3, 70, 2_000, 2_000_000].map(Duration::from_millis);
        all.iter().for_each(|&span| spans.record(span));
        let written = buckets(&spans, 7_000_000);
        let counts = written["bucketCounts"].as_array().unwrap();
        let count = |count: &Value| count.as_str().unwrap().parse::<u64>().unwrap();
        let counts: Vec<u64> = counts.iter().map(count).collect();
        assert_eq!(counts, [1, 0, 2, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!((&written["count"], &written["sum"]), (&json!("6"), &json!(0.007)));
    }
}
