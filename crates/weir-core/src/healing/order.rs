//! What the healer is given to look at, what it decides, and what is told of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::PoolId;

use super::holder::{Holder, Who};
use super::ladder::Step;
use super::outcome::{Record, Subject};
use super::plan::Proposal;

/// What the healer sees of one pool.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'see> {
    /// Which.
    pub pool: PoolId,
    /// Who holds its slots.
    pub holders: &'see [Holder],
    /// Clients that wait for one.
    pub waiting: u32,
    /// How long the first of them has waited.
    pub oldest: Duration,
    /// The classes whose slots would serve them; all without. Where only classes with a cap wait,
    /// a slot of another class is of no use to them.
    pub classes: Option<&'see BTreeSet<Arc<str>>>,
}

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A transaction, statement or connection is to be ended.
    End(Proposal),
    /// Somebody is to be let in one at a time, for this reason.
    Quarantine(Subject, String),
}

/// What people are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// There is a record.
    Recorded(Record),
    /// The effect of one is known.
    Measured(Record),
    /// Nothing is ended any more: what was done lately did not help.
    BreakerOpened,
}

/// What the dispatch did by itself, or would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Names the record.
    pub number: u64,
    /// Shed or cap.
    pub step: Step,
    /// The class it is about.
    pub route: Arc<str>,
    /// Slots that come free by it.
    pub slots: u32,
    /// The numbers behind it.
    pub why: String,
}

/// What an operator orders about one holder or class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Names the record.
    pub number: u64,
    /// What.
    pub step: Step,
    /// It is taken back.
    pub lifts: bool,
    /// About what.
    pub subject: Subject,
    /// The class it is about.
    pub route: Arc<str>,
    /// The holder's stretch, where it is about one.
    pub holder: Option<Holder>,
    /// Slots that come free by it.
    pub slots: u32,
    /// In a sentence.
    pub why: String,
    /// The holder.
    pub who: Who,
}

impl Order {
    /// Ending one holder's work, as the plan proposes it.
    #[must_use]
    pub fn end(proposal: &Proposal, (number, who): (u64, Who)) -> Self {
        let Proposal { step, holder, lasted } = proposal;
        let why = format!(
            "{} for {:.1} s, with {} done so far",
            holder.doing.as_str(),
            lasted.as_secs_f64(),
            holder.work.as_str()
        );
        Self {
            number,
            step: *step,
            lifts: false,
            subject: Subject::Holder(holder.server),
            route: Arc::clone(&holder.route),
            holder: Some(holder.clone()),
            slots: 1,
            why,
            who,
        }
    }
}
