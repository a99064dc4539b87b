//! One JSON document: findings, and files that could not be read.

use serde::Serialize;

use super::{Report, page_path, to_json};
use crate::finding::{Confidence, Finding, Fix, Related, Severity};

#[derive(Serialize)]
struct Document<'r> {
    version: u32,
    files: usize,
    accepted: usize,
    findings: Vec<Entry<'r>>,
    problems: Vec<Unread<'r>>,
}

#[derive(Serialize)]
struct Entry<'r> {
    rule: &'r str,
    severity: Severity,
    confidence: Confidence,
    path: &'r str,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    message: &'r str,
    help: &'r str,
    page: String,
    fingerprint: String,
    related: &'r [Related],
    fix: Option<&'r Fix>,
}

#[derive(Serialize)]
struct Unread<'r> {
    path: &'r str,
    line: usize,
    column: usize,
    message: &'r str,
}

pub(super) fn render(report: &Report<'_>) -> String {
    let problems = report.problems().map(|(module, problem)| Unread {
        path: &module.path,
        line: problem.place.line,
        column: problem.place.column,
        message: &problem.message,
    });
    to_json(&Document {
        version: 1,
        files: report.modules.len(),
        accepted: report.accepted,
        findings: report.findings.iter().map(|finding| entry(report, finding)).collect(),
        problems: problems.collect(),
    })
}

fn entry<'r>(report: &Report<'r>, finding: &'r Finding) -> Entry<'r> {
    Entry {
        rule: finding.rule,
        severity: finding.severity,
        confidence: finding.confidence,
        path: &finding.path,
        line: finding.start.line,
        column: finding.start.column,
        end_line: finding.end.line,
        end_column: finding.end.column,
        message: &finding.message,
        help: &finding.help,
        page: page_path(finding.rule),
        fingerprint: finding.fingerprint(report.line(&finding.path, finding.start.line)),
        related: &finding.related,
        fix: finding.fix.as_ref(),
    }
}
