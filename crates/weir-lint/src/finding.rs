//! What a rule reports.

use serde::{Deserialize, Serialize};

use crate::source::Place;

/// How much a finding matters when it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Costs connections or time under load.
    Warning,
    /// Breaks, loses data or empties the pool.
    Error,
}

/// How sure the rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A guess; reported only on request.
    Low,
    /// Something could not be seen, such as how many elements a parameter has.
    Medium,
    /// Everything the rule needs was seen.
    High,
}

/// A place that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Related {
    /// File.
    pub path: String,
    /// Line from 1.
    pub line: usize,
    /// What is there.
    pub message: String,
}

/// A change that repairs the finding without changing behaviour.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fix {
    /// First byte replaced.
    pub start: usize,
    /// One past the last byte replaced.
    pub end: usize,
    /// The new text.
    pub text: String,
    /// What the change does.
    pub title: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// File as given.
    pub path: String,
    /// First character.
    pub start: Place,
    /// One past the last character.
    pub end: Place,
    /// Name of the rule.
    pub rule: &'static str,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do.
    pub help: String,
    /// How much it matters.
    pub severity: Severity,
    /// How sure the rule is.
    pub confidence: Confidence,
    /// Places that explain it.
    pub related: Vec<Related>,
    /// The repair, when there is a safe one.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A stable name for a baseline: rule, file and the text of the line, so that moving the line
    /// does not make the finding new.
    #[must_use]
    pub fn fingerprint(&self, line: &str) -> String {
        let text = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let key = format!("{}\0{}\0{text}", self.rule, self.path);
        format!("{:016x}", fnv1a(key.as_bytes()))
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): stable over versions and machines.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

impl Severity {
    /// The word for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Confidence {
    /// The word for messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}
