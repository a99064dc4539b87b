//! What became of each test, and where two runs differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// `passed`, `failed`, `error`, `skipped`, `xfailed` or `xpassed`; `unsteady` for one that
    /// failed among the others and passed by itself.
    pub(crate) what: String,
    /// The message of a failure.
    pub(crate) why: Option<String>,
}

impl Outcome {
    fn bad(&self) -> bool {
        matches!(self.what.as_str(), "failed" | "error")
    }
}

/// A run, by test id.
#[derive(Debug, Clone)]
pub(crate) struct Results {
    pub(crate) tests: BTreeMap<String, Outcome>,
    pub(crate) took: Duration,
}

/// A test whose outcome differs; `None` where it did not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference<'a> {
    pub(crate) test: &'a str,
    pub(crate) direct: Option<&'a Outcome>,
    pub(crate) through: Option<&'a Outcome>,
}

impl Difference<'_> {
    /// Whether the test passes directly and does not through the proxy.
    pub(crate) fn regression(&self) -> bool {
        self.direct.is_some_and(|outcome| outcome.what == "passed")
            && self
                .through
                .is_none_or(|outcome| !matches!(outcome.what.as_str(), "passed" | "unsteady"))
    }
}

impl Results {
    /// Reads the lines that the suites' plugins write.
    pub(crate) fn read(file: &Path, took: Duration) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        Self::parse(&text, took)
    }

    fn parse(text: &str, took: Duration) -> Result<Self> {
        let mut tests: BTreeMap<String, Outcome> = BTreeMap::new();
        for line in text.lines() {
            let note: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            let field = |name: &str| note[name].as_str().map(str::to_owned);
            let id = field("id").with_context(|| format!("no id in {line}"))?;
            let what = field("outcome").with_context(|| format!("no outcome in {line}"))?;
            let outcome = Outcome { what, why: field("why") };
            // A test can have several: a subtest that failed, or a teardown. The bad one counts.
            if tests.get(&id).is_none_or(|known| !known.bad()) {
                tests.insert(id, outcome);
            }
        }
        Ok(Self { tests, took })
    }

    /// How many there are of each outcome.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for outcome in self.tests.values() {
            *counts.entry(outcome.what.as_str()).or_insert(0) += 1;
        }
        counts
    }

    /// How many passed.
    pub(crate) fn passed(&self) -> usize {
        self.counts().get("passed").copied().unwrap_or(0)
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let counts: Vec<String> =
            self.counts().iter().map(|(what, count)| format!("{count} {what}")).collect();
        let seconds = self.took.as_secs();
        format!("{} tests in {seconds} s: {}", self.tests.len(), counts.join(", "))
    }

    /// Calls the failed tests that pass in `second` unsteady.
    pub(crate) fn mark_unsteady(&mut self, second: &Self) {
        for (id, outcome) in &mut self.tests {
            if outcome.bad() && second.tests.get(id).is_some_and(|again| again.what == "passed") {
                "unsteady".clone_into(&mut outcome.what);
            }
        }
    }

    /// Where `through` differs from this run.
    pub(crate) fn differences<'a>(&'a self, through: &'a Self) -> Vec<Difference<'a>> {
        let ids: BTreeSet<&String> = self.tests.keys().chain(through.tests.keys()).collect();
        ids.into_iter()
            .map(|id| Difference {
                test: id,
                direct: self.tests.get(id),
                through: through.tests.get(id),
            })
            .filter(|pair| pair.direct.map(|o| &o.what) != pair.through.map(|o| &o.what))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(lines: &[(&str, &str)]) -> Results {
        let line = |(id, what): &(&str, &str)| format!(r#"{{"id":"{id}","outcome":"{what}"}}"#);
        let text: Vec<String> = lines.iter().map(line).collect();
        Results::parse(&text.join("\n"), Duration::ZERO).unwrap()
    }

    #[test]
    fn a_failure_is_not_forgotten_for_what_comes_after() {
        let run = results(&[("a", "failed"), ("a", "passed"), ("b", "passed"), ("b", "error")]);
        assert_eq!(run.counts(), BTreeMap::from([("failed", 1), ("error", 1)]));
    }

    #[test]
    fn a_failure_that_does_not_repeat_is_unsteady_and_no_regression() {
        let direct = results(&[("a", "passed"), ("b", "passed")]);
        let mut through = results(&[("a", "failed"), ("b", "failed")]);
        through.mark_unsteady(&results(&[("a", "passed"), ("b", "error")]));
        let found = direct.differences(&through);
        let found: Vec<bool> = found.iter().map(Difference::regression).collect();
        assert_eq!(found, [false, true]);
    }

    #[test]
    fn differences_are_by_test() {
        let direct = results(&[("a", "passed"), ("b", "failed"), ("c", "passed"), ("d", "passed")]);
        let through = results(&[("a", "passed"), ("b", "passed"), ("c", "error"), ("e", "passed")]);
        let found: Vec<(&str, bool)> = direct
            .differences(&through)
            .iter()
            .map(|difference| (difference.test, difference.regression()))
            .collect();
        assert_eq!(found, [("b", false), ("c", true), ("d", true), ("e", false)]);
    }
}
