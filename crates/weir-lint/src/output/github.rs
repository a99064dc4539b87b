//! GitHub Actions workflow commands: one annotation a finding.

use std::fmt::Write as _;

use super::Report;
use crate::finding::Severity;

pub(super) fn render(report: &Report<'_>) -> String {
    let mut out = String::new();
    for finding in report.findings {
        let level = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "::{level} file={},line={},col={},endLine={},title={}::{}",
            property(&finding.path),
            finding.start.line,
            finding.start.column,
            finding.end.line,
            property(finding.rule),
            data(&format!("{} ({})", finding.message, finding.help)),
        );
    }
    for (module, problem) in report.problems() {
        let (path, line) = (property(&module.path), problem.place.line);
        let _ = writeln!(out, "::error file={path},line={line}::{}", data(&problem.message));
    }
    out
}

/// Escapes a message: the runner decodes these three.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a property, which must not end early either.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
