//! Which step fits which holder.

use std::time::Duration;

use crate::time::Instant;

use super::holder::{Doing, Holder, Work};
use super::ladder::Step;

/// What counts as too long, and who may be a victim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Waiting for the application inside a transaction. Default 5 s.
    pub idle: Duration,
    /// One statement. Default 60 s.
    pub statement: Duration,
    /// From the cancel to the end of the statement, and a client that takes no rows. Default
    /// 10 s.
    pub stuck: Duration,
    /// Transactions that wrote rows may be evicted, too. Default no.
    pub writers: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(5),
            statement: Duration::from_secs(60),
            stuck: Duration::from_secs(10),
            writers: false,
        }
    }
}

impl Limits {
    /// Those of an operator who points at somebody: nothing is too short, and `writers` as said.
    #[must_use]
    pub const fn ordered(writers: bool) -> Self {
        Self { idle: Duration::ZERO, statement: Duration::ZERO, stuck: Duration::ZERO, writers }
    }
}

/// What might be done to one holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// What.
    pub step: Step,
    /// To whom.
    pub holder: Holder,
    /// How long it has done what it does.
    pub lasted: Duration,
}

/// What might be done, in the order of victims: the mildest step first, then what has done least,
/// then what has lasted longest.
#[must_use]
pub fn propose(now: Instant, holders: &[Holder], limits: &Limits) -> Vec<Proposal> {
    let fits = |holder: &Holder| {
        let lasted = now.since(holder.since);
        let step = step(holder, lasted, limits)?;
        Some(Proposal { step, holder: holder.clone(), lasted })
    };
    let mut all: Vec<_> = holders.iter().filter_map(fits).collect();
    all.sort_by_key(|one| (one.step, one.holder.work, one.holder.since));
    all
}

/// The step for one holder, if there is any.
fn step(holder: &Holder, lasted: Duration, limits: &Limits) -> Option<Step> {
    if holder.shield.is_some() {
        return None;
    }
    match holder.doing {
        Doing::Committing => None,
        Doing::Idle if holder.work == Work::Wrote && !limits.writers => None,
        Doing::Idle => (lasted >= limits.idle).then_some(Step::Evict),
        Doing::Executing => (lasted >= limits.statement).then_some(Step::Cancel),
        // PostgreSQL does not notice a cancel while it writes to a client that does not read.
        Doing::Cancelling | Doing::Streaming => (lasted >= limits.stuck).then_some(Step::Close),
    }
}
