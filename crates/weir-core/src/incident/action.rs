//! What was done to bring an incident to its end, or would have been done: on whom, why, what was
//! expected of it and what it changed.
//!
//! Whoever acts reports three things, each with the same number: the [`Action`] when it acts, the
//! [`Effect`] when that can be measured, and for what lasts the end ([`Lifted`]). Numbers are
//! the process's own; an incident counts its actions from 1.

use serde::{Deserialize, Serialize};

use crate::diagnosis::{Culprit, Figure, Measure};
use crate::dispatch::Why;
use crate::healing::{self, Doing, Mode, Origin, Prediction, Step, Verdict};

/// Why something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Its transactions hold slots much longer than usual, and others' do not.
    HoldsLong,
    /// The same, and it holds more than half of the pool.
    HoldsMost,
    /// All transactions take much longer than usual: nobody is to blame.
    AllSlow,
    /// Clients leave before they are served.
    Deserted,
    /// The queue is longer than can be served in the time allowed.
    QueueTooLong,
    /// The transaction waits for its application.
    Silent,
    /// A statement runs for too long.
    LongStatement,
    /// The statement was cancelled and runs on.
    DeafToCancel,
    /// The client does not take its rows.
    SlowReader,
    /// Its transactions had to be ended again and again.
    Repeated,
    /// An operator said so.
    Operator,
    /// An operator took it back.
    TakenBack,
}

impl Reason {
    /// The dispatch's reason; `None` where it has none.
    #[must_use]
    pub const fn of_dispatch(why: Why) -> Option<Self> {
        match why {
            Why::Nothing => None,
            Why::Inflated => Some(Self::HoldsLong),
            Why::Dominant => Some(Self::HoldsMost),
            Why::Common | Why::Shed => Some(Self::AllSlow),
            Why::Deserted => Some(Self::Deserted),
            Why::Hopeless => Some(Self::QueueTooLong),
        }
    }

    /// Why a holder that does this may be acted upon; `None` for what is never touched.
    #[must_use]
    pub const fn of_holder(doing: Doing) -> Option<Self> {
        match doing {
            Doing::Idle => Some(Self::Silent),
            Doing::Executing => Some(Self::LongStatement),
            Doing::Cancelling => Some(Self::DeafToCancel),
            Doing::Streaming => Some(Self::SlowReader),
            Doing::Committing => None,
        }
    }
}

/// What was done, or would have been done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Its number; effect and end have the same.
    pub number: u64,
    /// What it is.
    pub step: Step,
    /// Whether it was done.
    pub verdict: Verdict,
    /// On whom.
    pub target: Culprit,
    /// Why.
    pub reason: Reason,
    /// How that is known.
    pub evidence: Vec<Figure>,
    /// What is expected of it.
    pub prediction: Prediction,
}

impl Action {
    /// What a record of the healer says. `None` where the dispatch acts by itself, which
    /// [`super::DispatchLog`] tells.
    #[must_use]
    pub fn of(record: &healing::Record) -> Option<Self> {
        let reason = match (record.origin, record.doing, record.step) {
            (Origin::Operator, _, _) if record.lifts => Reason::TakenBack,
            (Origin::Operator, _, _) => Reason::Operator,
            (Origin::Healer, Some(doing), _) => Reason::of_holder(doing)?,
            (Origin::Healer, None, Step::Quarantine) => Reason::Repeated,
            (Origin::Healer, None, _) => return None,
        };
        let held = record.doing.map(|_| record.lasted.as_secs_f64());
        let held = held.map(|seconds| Figure::new(Measure::HeldFor, seconds));
        let waiting = Figure::new(Measure::Waiting, f64::from(record.prediction.waiting));
        Some(Self {
            number: record.number,
            step: record.step,
            verdict: record.verdict,
            target: record.culprit(),
            reason,
            evidence: held.into_iter().chain([waiting]).collect(),
            prediction: record.prediction,
        })
    }

    /// Something was changed: it is more than a forecast, and was not held back.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self.verdict {
            Verdict::Done | Verdict::Only(Mode::Enforce) => true,
            Verdict::Only(Mode::Observe | Mode::Warn) | Verdict::Withheld(_) => false,
        }
    }
}

/// What an action changed, as measured afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The action's number.
    pub number: u64,
    /// Slots it freed.
    pub slots_freed: u32,
    /// Clients that waited before it.
    pub waiting_before: u32,
    /// Clients that waited afterwards.
    pub waiting_after: u32,
}

impl Effect {
    /// What a record of the healer says, once it was measured.
    #[must_use]
    pub fn of(record: &healing::Record) -> Option<Self> {
        let effect = record.effect?;
        let done = record.verdict == Verdict::Done && effect.freed;
        Some(Self {
            number: record.number,
            slots_freed: if done { record.prediction.slots } else { 0 },
            waiting_before: record.prediction.waiting,
            waiting_after: effect.waiting,
        })
    }
}

/// The end of an action that lasts: a cap, a quarantine, refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// The action's number.
    pub number: u64,
    /// How long it lasted, in milliseconds.
    pub lasted_ms: u64,
    /// Requests that it refused in that time.
    pub refused: u64,
}
