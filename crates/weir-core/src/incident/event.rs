//! What can happen in an incident: a closed list, each with its figures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::action::{Action, Effect, Lifted};
use super::machine::State;
use super::moment::Wall;
use crate::diagnosis::{Cause, Finding, Severity};

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EventKind {
    /// The first finding at all, before or at the opening.
    FirstDeviation {
        /// What was found.
        finding: Box<Finding>,
    },
    /// The first client had to wait.
    FirstWait {
        /// How many waited.
        waiting: u32,
    },
    /// The first request was refused.
    FirstRefusal {
        /// How many in that second.
        refused: u64,
    },
    /// The first request failed for want of a connection.
    FirstFailure {
        /// How many in that second.
        failed: u64,
    },
    /// All connections that ordinary roles can open are used.
    LimitReached {
        /// Used.
        used: u32,
        /// Possible.
        limit: u32,
    },
    /// So much of the requests of the last seconds failed or was refused.
    FailureRate {
        /// Of a hundred requests.
        percent: u8,
    },
    /// A culprit is known, or known better.
    Offender {
        /// Its place among the causes, from 1.
        rank: u32,
        /// What is held against it.
        finding: Box<Finding>,
    },
    /// The healer or the dispatch acts.
    Action(Box<Action>),
    /// What an action changed.
    Effect(Effect),
    /// An action that lasts is over.
    Lifted(Lifted),
    /// PostgreSQL no longer answers.
    ServerLost,
    /// PostgreSQL answers again.
    ServerBack {
        /// How long it did not.
        seconds: u64,
    },
    /// The configuration was changed.
    ConfigChanged {
        /// What, in one line.
        what: String,
    },
    /// The state changed.
    State {
        /// Before; `None` at the opening.
        from: Option<State>,
        /// After.
        to: State,
    },
    /// Requests are served again.
    Recovered {
        /// How long they were not.
        seconds: u64,
    },
    /// The process ended while the incident was open; found at the next start.
    Interrupted,
    /// More happened than is kept.
    LeftOut {
        /// So many events.
        count: u64,
    },
}

/// Something that happened in an incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the incident, from 1, without gaps.
    pub seq: u32,
    /// When.
    pub at: Wall,
    /// How bad.
    pub severity: Severity,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl EventKind {
    /// How bad it is that this happened.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match self {
            Self::FirstDeviation { finding } | Self::Offender { finding, .. } => finding.severity,
            Self::FirstWait { .. } | Self::Action(_) | Self::Interrupted => Severity::Warning,
            Self::FirstRefusal { .. }
            | Self::FirstFailure { .. }
            | Self::LimitReached { .. }
            | Self::FailureRate { .. }
            | Self::ServerLost => Severity::Critical,
            Self::State { to, .. } => match to {
                State::Open => Severity::Critical,
                State::Mitigating => Severity::Warning,
                State::Watching | State::Closed => Severity::Info,
            },
            Self::Effect(_)
            | Self::Lifted(_)
            | Self::ServerBack { .. }
            | Self::ConfigChanged { .. }
            | Self::Recovered { .. }
            | Self::LeftOut { .. } => Severity::Info,
        }
    }

    /// The cause it speaks of.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::FirstDeviation { finding } | Self::Offender { finding, .. } => {
                Some(finding.cause)
            }
            Self::FirstWait { .. }
            | Self::FirstRefusal { .. }
            | Self::FirstFailure { .. }
            | Self::LimitReached { .. }
            | Self::FailureRate { .. }
            | Self::Action(_)
            | Self::Effect(_)
            | Self::Lifted(_)
            | Self::ServerLost
            | Self::ServerBack { .. }
            | Self::ConfigChanged { .. }
            | Self::State { .. }
            | Self::Recovered { .. }
            | Self::Interrupted
            | Self::LeftOut { .. } => None,
        }
    }
}

/// Whole seconds, for events.
pub(super) fn seconds(span: Duration) -> u64 {
    span.as_secs()
}
