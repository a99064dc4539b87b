//! For a terminal: the place, the line with the part underlined, what to do.

use std::fmt::Write as _;

use super::Report;
use crate::finding::{Finding, Severity};

/// Longest part of a source line that is shown, in characters.
const LINE_MAX: usize = 160;

struct Paint {
    color: bool,
}

impl Paint {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn severity(&self, severity: Severity) -> String {
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Info => "1;36",
        };
        self.paint(code, severity.as_str())
    }
}

pub(super) fn render(report: &Report<'_>, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    for finding in report.findings {
        one(report, finding, &paint, &mut out);
    }
    for (module, problem) in report.problems() {
        let place = format!("{}:{}:{}", module.path, problem.place.line, problem.place.column);
        let _ = writeln!(
            out,
            "{}: {}\n  --> {place}\n",
            paint.paint("1;31", "unreadable"),
            problem.message
        );
    }
    let _ = writeln!(out, "{}", summary(report));
    out
}

// Writing to a String cannot fail, so results of `writeln!` are dropped here.
fn one(report: &Report<'_>, finding: &Finding, paint: &Paint, out: &mut String) {
    let head = format!("[{}]", finding.rule);
    let head = paint.paint("1", &head);
    let _ =
        writeln!(out, "{}{head}: {}", paint.severity(finding.severity), visible(&finding.message));
    let _ = writeln!(out, "  --> {}:{}:{}", finding.path, finding.start.line, finding.start.column);
    excerpt(report, finding, paint, out);
    for related in &finding.related {
        let _ =
            writeln!(out, "  = {}:{}: {}", related.path, related.line, visible(&related.message));
    }
    let _ = writeln!(out, "  = {}: {}", paint.paint("1;32", "help"), visible(&finding.help));
    let _ = writeln!(
        out,
        "  = more: weir lint --explain {} (confidence: {})\n",
        finding.rule,
        finding.confidence.as_str()
    );
}

fn excerpt(report: &Report<'_>, finding: &Finding, paint: &Paint, out: &mut String) {
    let line = report.line(&finding.path, finding.start.line);
    if line.is_empty() {
        return;
    }
    let number = finding.start.line.to_string();
    let gutter = " ".repeat(number.len());
    let shown: String = line.chars().take(LINE_MAX).map(plain).collect();
    let length = shown.chars().count();
    let start = (finding.start.column - 1).min(length);
    let end = if finding.end.line == finding.start.line { finding.end.column - 1 } else { length };
    let marks = "^".repeat(end.min(length).saturating_sub(start).max(1));
    let _ = writeln!(out, "{gutter} |\n{number} | {shown}");
    let marks = paint.paint("1;33", &marks);
    let _ = writeln!(out, "{gutter} | {}{marks}", " ".repeat(start));
}

/// Control characters of a source must not reach the terminal.
fn plain(c: char) -> char {
    if c == '\t' || c.is_control() { ' ' } else { c }
}

fn visible(text: &str) -> String {
    text.chars().map(plain).collect()
}

/// `1 file`, `2 files`.
#[must_use]
pub fn counted(n: usize, name: &str) -> String {
    format!("{n} {name}{}", if n == 1 { "" } else { "s" })
}

fn summary(report: &Report<'_>) -> String {
    let count = |severity, name| {
        counted(report.findings.iter().filter(|f| f.severity == severity).count(), name)
    };
    let files = counted(report.modules.len(), "file");
    let mut line = match report.findings.len() {
        0 => format!("no findings in {files}"),
        n => format!(
            "{} in {files} ({}, {}, {})",
            counted(n, "finding"),
            count(Severity::Error, "error"),
            count(Severity::Warning, "warning"),
            count(Severity::Info, "info")
        ),
    };
    let unreadable = report.problems().count();
    if unreadable > 0 {
        let _ = write!(line, "; {} could not be read whole", counted(unreadable, "file"));
    }
    if report.accepted > 0 {
        let _ = write!(line, "; {} accepted by the baseline", report.accepted);
    }
    line
}
