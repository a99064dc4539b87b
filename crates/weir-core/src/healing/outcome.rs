//! What was expected of an action, and what then happened.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use weir_wire::sql::Fingerprint;

use crate::ids::{PoolId, ServerId};
use crate::time::Instant;

use super::door::Origin;
use super::guard::Withheld;
use super::holder::{Doing, Who};
use super::ladder::{Mode, Step};

/// When the effect is measured.
pub(super) const MEASURED_AFTER: Duration = Duration::from_secs(1);

/// What an action is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One holder of a slot.
    Holder(ServerId),
    /// A route: all transactions of a class.
    Route(Arc<str>),
    /// Transactions that begin with one statement.
    Fingerprint(Fingerprint),
}

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
    /// How long the first of them had waited.
    pub oldest: Duration,
    /// What it was about is over: the slot was free, or did something else.
    pub freed: bool,
    /// It is over, and fewer wait than before, or nobody longer than the first did then.
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

impl Verdict {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Only(mode) => mode.as_str(),
            Self::Withheld(why) => why.as_str(),
        }
    }
}

/// One action, done or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Names it; unique for the life of the process.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// In which pool.
    pub pool: PoolId,
    /// What.
    pub step: Step,
    /// It was taken back.
    pub lifts: bool,
    /// About what.
    pub subject: Subject,
    /// The class it is about.
    pub route: Arc<str>,
    /// Who wanted it.
    pub origin: Origin,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, in one sentence.
    pub why: String,
    /// What the holder did, where it is about one.
    pub doing: Option<Doing>,
    /// For how long.
    pub lasted: Duration,
    /// The holder, where it is about one.
    pub who: Who,
    /// What was expected.
    pub prediction: Prediction,
    /// How long the first of those who waited had waited.
    pub oldest: Duration,
    /// What happened, also where nothing was done; none until it is measured.
    pub effect: Option<Effect>,
    /// How long the slot was held on, from then on, while somebody waited: what it saved by being
    /// done is this, for one that was not.
    pub kept: Duration,
    /// The stretch of holding that it is about.
    pub(super) stretch: Option<(ServerId, Instant)>,
    /// The last look at which that went on; none when it is over.
    pub(super) seen: Option<Instant>,
}

impl Record {
    /// True when the effect is to be measured.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.effect.is_none() && now.since(self.at) >= MEASURED_AFTER
    }

    /// Work was ended by it.
    pub(super) fn is_destructive_act(&self) -> bool {
        self.verdict == Verdict::Done && self.origin == Origin::Healer && self.step.is_destructive()
    }
}
