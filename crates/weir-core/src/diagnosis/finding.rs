//! A finding: what is wrong, who does it, how that is known, what it leads to, what helps.

use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::figure::{Figure, Measure};
use crate::activity::Statement;
use crate::ids::Pid;

/// How bad it is. The exit code of `weir check` is that of the worst finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; nobody is hurt. Exit code 0.
    Info,
    /// Somebody will be hurt if it goes on. Exit code 1.
    Warning,
    /// Somebody is hurt now, or within seconds. Exit code 2.
    Critical,
}

impl Severity {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// How sure the rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// The signs fit this cause and others.
    Possible,
    /// The signs fit this cause best.
    Likely,
    /// The server or the ledger says so itself.
    Certain,
}

/// Whether one route got slow, or everything did (decided from hold times).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One route, and others are as usual: act on it.
    Local,
    /// All routes alike: the database or what is around it. Blame no route.
    Common,
    /// Too little is known.
    #[default]
    Undecided,
}

/// Where a transaction waited for its application: between these two statements.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GapEdge {
    /// The statement before the silence.
    pub before: Statement,
    /// The statement that ended it; `None` while it lasts, and where only samples are known.
    pub after: Option<Statement>,
}

/// Who does it, as far as that is known. What is `None` is unknown or differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Culprit {
    /// The code that asked: tag, else application name.
    pub route: Option<String>,
    /// The application name.
    pub application: Option<String>,
    /// The role on the server.
    pub user: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Where it comes from: the client's address where the proxy knows it.
    pub address: Option<String>,
    /// The backend on the server.
    pub pid: Option<Pid>,
    /// The statement, without its values.
    pub statement: Option<Statement>,
    /// The gap in which the application did something else.
    pub gap: Option<GapEdge>,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Remedy {
    /// The next step, in one or two sentences.
    pub text: String,
    /// The page that says more, from the documentation's top folder.
    pub page: String,
    /// Rules of the checker that find the same in code.
    pub checks: Vec<String>,
}

/// One diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One route or everything.
    pub scope: Scope,
    /// One sentence with the figures that matter.
    pub summary: String,
    /// Who.
    pub culprit: Culprit,
    /// How it is known.
    pub evidence: Vec<Figure>,
    /// What follows if nothing is done.
    pub consequence: String,
    /// What helps.
    pub remedy: Remedy,
}

impl Finding {
    /// A finding that is likely and says no more than its summary.
    #[must_use]
    pub fn new(cause: Cause, severity: Severity, summary: impl Into<String>) -> Self {
        Self {
            cause,
            severity,
            confidence: Confidence::Likely,
            scope: Scope::Undecided,
            summary: summary.into(),
            culprit: Culprit::default(),
            evidence: Vec::new(),
            consequence: String::new(),
            remedy: Remedy {
                text: String::new(),
                page: cause.page().into(),
                checks: cause.checks().iter().map(|&rule| rule.into()).collect(),
            },
        }
    }

    /// Says how sure it is.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// Says who does it.
    #[must_use]
    pub fn culprit(mut self, culprit: Culprit) -> Self {
        self.culprit = culprit;
        self
    }

    /// Adds evidence.
    #[must_use]
    pub fn figure(mut self, measure: Measure, value: impl Into<f64>) -> Self {
        self.evidence.push(Figure::new(measure, value.into()));
        self
    }

    /// Adds evidence where it is known.
    #[must_use]
    pub fn figure_if(self, measure: Measure, value: Option<f64>) -> Self {
        match value {
            Some(value) => self.figure(measure, value),
            None => self,
        }
    }

    /// Says what follows.
    #[must_use]
    pub fn leads_to(mut self, consequence: impl Into<String>) -> Self {
        self.consequence = consequence.into();
        self
    }

    /// Says what helps.
    #[must_use]
    pub fn helps(mut self, text: impl Into<String>) -> Self {
        self.remedy.text = text.into();
        self
    }

    /// The value of a measure in the evidence.
    #[must_use]
    pub fn value(&self, measure: Measure) -> Option<f64> {
        self.evidence.iter().find(|figure| figure.measure == measure).map(|figure| figure.value)
    }
}
