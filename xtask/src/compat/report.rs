//! The comparison as a page for people and a file for programs.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::outcome::{Difference, Outcome, Results};

/// Longest reason shown in the table, characters.
const REASON_CHARS_MAX: usize = 160;

/// Two runs of one suite.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) suite: &'static str,
    pub(crate) route: String,
    pub(crate) postgres: u16,
    pub(crate) direct: Results,
    pub(crate) through: Results,
}

impl Report {
    /// Tests that pass directly and not through the proxy.
    pub(crate) fn regressions(&self) -> usize {
        self.differences().iter().filter(|difference| difference.regression()).count()
    }

    fn differences(&self) -> Vec<Difference<'_>> {
        self.direct.differences(&self.through)
    }

    /// Writes `NAME.md` and `NAME.json` into `dir` and returns the path of the first.
    pub(crate) fn save(&self, dir: &Path, name: &str) -> Result<PathBuf> {
        let page = dir.join(format!("{name}.md"));
        fs::write(&page, self.markdown()).with_context(|| format!("writing {}", page.display()))?;
        let data = serde_json::to_string_pretty(&self.json()).context("writing JSON")?;
        fs::write(dir.join(format!("{name}.json")), data + "\n").context("writing JSON")?;
        Ok(page)
    }

    /// The page.
    pub(crate) fn markdown(&self) -> String {
        let mut page = format!("# {}, PostgreSQL {}\n\n", self.suite, self.postgres);
        let (direct, through) = (self.direct.summary(), self.through.summary());
        let differences = self.differences();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "- directly: {direct}\n- {}: {through}", self.route);
        let _ = writeln!(page, "- different: {}", differences.len());
        if !differences.is_empty() {
            page.push_str("\n| test | directly | through | why |\n| --- | --- | --- | --- |\n");
        }
        for Difference { test, direct, through } in differences {
            let why = through.or(direct).and_then(|outcome| outcome.why.as_deref());
            let _ = writeln!(
                page,
                "| `{test}` | {} | {} | {} |",
                what(direct),
                what(through),
                cell(why.unwrap_or_default())
            );
        }
        page
    }

    fn json(&self) -> Value {
        let run = |results: &Results| {
            json!({"tests": results.tests.len(), "seconds": results.took.as_secs(),
                "counts": results.counts()})
        };
        let differences: Vec<Value> = self
            .differences()
            .iter()
            .map(|difference| {
                json!({"test": difference.test, "direct": what(difference.direct),
                    "through": what(difference.through),
                    "why": difference.through.and_then(|outcome| outcome.why.as_deref()),
                    "regression": difference.regression()})
            })
            .collect();
        json!({"suite": self.suite, "route": self.route, "postgres": self.postgres,
            "direct": run(&self.direct), "through": run(&self.through),
            "differences": differences})
    }
}

fn what(outcome: Option<&Outcome>) -> &str {
    outcome.map_or("not run", |outcome| &outcome.what)
}

/// One line that fits a table.
fn cell(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    line.chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn run(what: &str, why: Option<&str>) -> Results {
        let outcome = Outcome { what: what.to_owned(), why: why.map(str::to_owned) };
        let tests = BTreeMap::from([("t.one".to_owned(), outcome)]);
        Results { tests, took: Duration::from_secs(3) }
    }

    #[test]
    fn shows_a_regression_with_its_reason() {
        let report = Report {
            suite: "Suite 1",
            route: "through X".to_owned(),
            postgres: 15,
            direct: run("passed", None),
            through: run("error", Some("a | b\nc")),
        };
        assert_eq!(report.regressions(), 1);
        assert!(report.markdown().ends_with("| `t.one` | passed | error | a \\| b c |\n"));
        assert_eq!(report.json()["differences"][0]["regression"], true);
    }
}
