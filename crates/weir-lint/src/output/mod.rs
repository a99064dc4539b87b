//! Findings for people and for machines.

mod github;
mod gitlab;
mod json;
mod sarif;
mod text;

pub use text::counted;

use crate::finding::Finding;
use crate::source::{Module, Problem};

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// With source excerpts, for a terminal; with colours or without.
    Text {
        /// Whether to use ANSI colours.
        color: bool,
    },
    /// One JSON document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// GitHub Actions annotations.
    Github,
    /// GitLab code quality.
    Gitlab,
}

/// Everything a run has to say.
#[derive(Debug, Clone, Copy)]
pub struct Report<'r> {
    /// Findings, sorted.
    pub findings: &'r [Finding],
    /// All files that were read.
    pub modules: &'r [Module],
    /// Findings left out because the baseline accepts them.
    pub accepted: usize,
}

impl<'r> Report<'r> {
    /// The module with `path`; modules are sorted by path.
    fn module(&self, path: &str) -> Option<&'r Module> {
        let at = self.modules.binary_search_by(|module| module.path.as_str().cmp(path)).ok()?;
        self.modules.get(at)
    }

    /// The text of a finding's first line.
    #[must_use]
    pub fn line_of(&self, finding: &Finding) -> &'r str {
        self.line(&finding.path, finding.start.line)
    }

    /// Text of a line, empty when there is none.
    fn line(&self, path: &str, line: usize) -> &'r str {
        self.module(path).map_or("", |module| module.line(line))
    }

    /// Files that could not be read, or not wholly.
    fn problems(&self) -> impl Iterator<Item = (&'r Module, &'r Problem)> {
        self.modules.iter().filter_map(|module| Some((module, module.problem()?)))
    }
}

/// The report in one format, with a final newline unless it is empty.
#[must_use]
pub fn render(report: &Report<'_>, format: Format) -> String {
    match format {
        Format::Text { color } => text::render(report, color),
        Format::Json => json::render(report),
        Format::Sarif => sarif::render(report),
        Format::Github => github::render(report),
        Format::Gitlab => gitlab::render(report),
    }
}

/// Where the page of a rule is, relative to the project's documentation.
pub(crate) fn page_path(rule: &str) -> String {
    format!("docs/using/rules/{rule}.md")
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    // The values are plain structs and strings; serializing them cannot fail.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
