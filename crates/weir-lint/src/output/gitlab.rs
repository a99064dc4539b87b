//! GitLab code quality: the subset of Code Climate's format that GitLab reads.

use std::collections::HashMap;

use serde::Serialize;

use super::{Report, to_json};
use crate::finding::Severity;

#[derive(Serialize)]
struct Issue<'r> {
    description: String,
    check_name: &'r str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'r>,
}

#[derive(Serialize)]
struct Location<'r> {
    path: &'r str,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
    end: usize,
}

pub(super) fn render(report: &Report<'_>) -> String {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut issues: Vec<Issue<'_>> = Vec::new();
    for finding in report.findings {
        let print = finding.fingerprint(report.line(&finding.path, finding.start.line));
        let count = seen.entry(print.clone()).or_default();
        *count += 1;
        issues.push(Issue {
            description: format!("{} ({})", finding.message, finding.help),
            check_name: finding.rule,
            // GitLab drops issues whose fingerprint it has seen in the report.
            fingerprint: format!("{print}{count:04x}"),
            severity: level(finding.severity),
            location: Location {
                path: &finding.path,
                lines: Lines { begin: finding.start.line, end: finding.end.line },
            },
        });
    }
    issues.extend(report.problems().map(|(module, problem)| Issue {
        description: problem.message.clone(),
        check_name: "unreadable",
        fingerprint: format!("unreadable-{}", module.path),
        severity: "major",
        location: Location {
            path: &module.path,
            lines: Lines { begin: problem.place.line, end: problem.place.line },
        },
    }));
    to_json(&issues)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "major",
        Severity::Warning => "minor",
        Severity::Info => "info",
    }
}
