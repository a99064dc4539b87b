//! What was expected of an action, and what then happened.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

use super::guard::Withheld;
use super::ladder::Mode;
use super::plan::Proposal;

/// When the effect is measured.
pub(super) const MEASURED_AFTER: Duration = Duration::from_secs(1);

/// What an action is expected to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prediction {
    /// Slots it frees.
    pub slots: u32,
    /// Waiting clients now.
    pub waiting: u32,
    /// Waiting clients a moment later: each freed slot serves one.
    pub waiting_after: u32,
}

/// What then happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effect {
    /// Clients that waited a second later.
    pub waiting: u32,
    /// Fewer waited than before.
    pub helped: bool,
}

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was done.
    Done,
    /// The mode of the step only records or warns.
    Only(Mode),
    /// It was held back.
    Withheld(Withheld),
}

/// One action, done or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Counts from 1 since the start.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// What, to whom, and why.
    pub proposal: Proposal,
    /// What became of it.
    pub verdict: Verdict,
    /// What was expected.
    pub prediction: Prediction,
    /// What happened, also where nothing was done; none until it is measured.
    pub effect: Option<Effect>,
}

impl Record {
    /// True when the effect is to be measured.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.effect.is_none() && now.since(self.at) >= MEASURED_AFTER
    }
}
