//! SARIF 2.1.0 (OASIS standard, 27 March 2020), the parts that code scanning reads.

use serde_json::{Value, json};

use super::{Report, page_path, to_json};
use crate::finding::{Finding, Related, Severity};
use crate::rules::rules;

/// Where the schema of the format is published.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

pub(super) fn render(report: &Report<'_>) -> String {
    let results: Vec<Value> = report.findings.iter().map(|f| result(report, f)).collect();
    let notifications: Vec<Value> = report
        .problems()
        .map(|(module, problem)| {
            json!({
                "level": "error",
                "message": { "text": problem.message },
                "locations": [location(&module.path, problem.place.line)],
            })
        })
        .collect();
    to_json(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver() },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    }))
}

fn driver() -> Value {
    let rules: Vec<Value> = rules()
        .map(|rule| {
            json!({
                "id": rule.name,
                "shortDescription": { "text": rule.summary },
                "help": { "text": rule.page, "markdown": rule.page },
                "defaultConfiguration": {
                    "level": level(rule.severity),
                    "enabled": rule.default_on,
                },
            })
        })
        .collect();
    json!({ "name": "weir-lint", "version": env!("CARGO_PKG_VERSION"), "rules": rules })
}

fn result(report: &Report<'_>, finding: &Finding) -> Value {
    let index = rules().position(|rule| rule.name == finding.rule).unwrap_or_default();
    let related: Vec<Value> = finding.related.iter().map(related_location).collect();
    let print = finding.fingerprint(report.line(&finding.path, finding.start.line));
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}\n{}", finding.message, finding.help) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.path) },
                "region": {
                    "startLine": finding.start.line,
                    "startColumn": finding.start.column,
                    "endLine": finding.end.line,
                    "endColumn": finding.end.column,
                },
            },
        }],
        "relatedLocations": related,
        "partialFingerprints": { "weirLine/v1": print },
        "properties": {
            "confidence": finding.confidence.as_str(),
            "page": page_path(finding.rule),
        },
    })
}

fn related_location(related: &Related) -> Value {
    let mut value = location(&related.path, related.line);
    value["message"] = json!({ "text": related.message });
    value
}

fn location(path: &str, line: usize) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(path) },
            "region": { "startLine": line },
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A path as a relative URI reference (RFC 3986): everything but unreserved bytes and `/` escaped.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
