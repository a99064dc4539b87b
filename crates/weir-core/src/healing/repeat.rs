//! Whose transactions had to be ended again and again: a reason to let them in one at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use weir_wire::sql::Fingerprint;

use crate::config::limits::HEALING_RECORDS;
use crate::ids::{PoolId, ServerId};
use crate::time::Instant;

use super::ladder::{Mode, Step};
use super::outcome::Subject;
use super::plan::Proposal;

/// In so long a time
const WITHIN: Duration = Duration::from_secs(60);
/// so many make a repeated offender.
const OFTEN: usize = 3;

/// One transaction that was ended, or would have been.
#[derive(Debug, Clone)]
struct Offence {
    at: Instant,
    pool: PoolId,
    /// What it held and since when it did what it did: one that was cancelled and then closed is
    /// the same.
    stretch: (ServerId, Instant),
    route: Arc<str>,
    statement: Option<Fingerprint>,
    mode: Mode,
}

/// The last minute's.
#[derive(Debug, Clone, Default)]
pub(super) struct Offences(VecDeque<Offence>);

impl Offences {
    /// Notes one that was ended in this mode. What is to be quarantined for it, if it was often
    /// enough, and the mildest mode of those that led to it: what nobody ended is no reason to
    /// refuse anybody.
    pub(super) fn note(
        &mut self,
        now: Instant,
        pool: PoolId,
        (proposal, mode): (&Proposal, Mode),
    ) -> Option<(Subject, Mode)> {
        self.0.retain(|one| now.since(one.at) < WITHIN);
        if self.0.len() >= HEALING_RECORDS {
            self.0.pop_front();
        }
        let holder = &proposal.holder;
        let stretch = (holder.server, holder.began);
        let known = |one: &&mut Offence| one.pool == pool && one.stretch == stretch;
        if let Some(one) = self.0.iter_mut().find(known) {
            one.mode = one.mode.max(mode);
            return None;
        }
        let at_door = proposal.step == Step::Cancel && holder.first;
        let statement = at_door.then_some(holder.fingerprint);
        let route = Arc::clone(&holder.route);
        self.0.push_back(Offence { at: now, pool, stretch, route, statement, mode });
        let mine = |one: &&Offence| one.pool == pool && one.route == holder.route;
        let (count, mildest) = self
            .0
            .iter()
            .filter(mine)
            .fold((0, mode), |(count, least), one| (count + 1, least.min(one.mode)));
        if count < OFTEN {
            return None;
        }
        let same = self.0.iter().filter(mine).all(|one| one.statement == statement);
        self.0.retain(|one| !mine(&one));
        let subject = match statement.filter(|_| same) {
            Some(fingerprint) => Subject::Fingerprint(fingerprint),
            None => Subject::Route(Arc::clone(&holder.route)),
        };
        Some((subject, mildest))
    }
}
