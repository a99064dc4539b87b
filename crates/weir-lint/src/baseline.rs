//! A baseline: findings known and accepted on one day, so that only new ones are reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::finding::Finding;

/// Fingerprints of accepted findings with how often each occurs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Format of the file, 1.
    version: u32,
    /// Fingerprint to number of findings.
    findings: BTreeMap<String, usize>,
}

/// A baseline file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a baseline file ({0}); write a new one with --write-baseline")]
pub struct BaselineError(String);

impl Baseline {
    /// A baseline that accepts `findings`; `line` gives the text of a finding's first line.
    pub fn accept<'a>(findings: &'a [Finding], line: impl Fn(&'a Finding) -> &'a str) -> Self {
        let mut counts = BTreeMap::new();
        for finding in findings {
            *counts.entry(finding.fingerprint(line(finding))).or_insert(0) += 1;
        }
        Self { version: 1, findings: counts }
    }

    /// Reads a baseline from its JSON text.
    ///
    /// # Errors
    /// When it is not one.
    pub fn parse(text: &str) -> Result<Self, BaselineError> {
        let parsed: Self = serde_json::from_str(text).map_err(|e| BaselineError(e.to_string()))?;
        if parsed.version == 1 {
            Ok(parsed)
        } else {
            Err(BaselineError(format!("version {}", parsed.version)))
        }
    }

    /// The JSON text, sorted, with a final newline.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The findings that are not accepted, and how many were.
    #[must_use]
    pub fn filter(
        &self,
        findings: Vec<Finding>,
        line: impl Fn(&Finding) -> String,
    ) -> (Vec<Finding>, usize) {
        let mut left = self.findings.clone();
        let total = findings.len();
        let new: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| match left.get_mut(&finding.fingerprint(&line(finding))) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    false
                }
                _ => true,
            })
            .collect();
        let accepted = total - new.len();
        (new, accepted)
    }
}
