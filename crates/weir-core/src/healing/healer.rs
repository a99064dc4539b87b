//! The ladder, its brakes and its records together.

use std::collections::VecDeque;

use crate::config::limits::HEALING_RECORDS;
use crate::time::Instant;

use super::guard::Guard;
use super::holder::Holder;
use super::ladder::{Ladder, Mode};
use super::outcome::{Effect, Prediction, Record, Verdict};
use super::plan::{Limits, Proposal, propose};

/// What the healer sees of one pool.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'see> {
    /// Who holds its slots.
    pub holders: &'see [Holder],
    /// Clients that wait for one.
    pub waiting: u32,
}

/// What is to be done, or said, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Do it. The number is that of the record.
    Do(u64, Proposal),
    /// Tell people that it would have been done.
    Tell(u64, Proposal),
}

/// The healer of one pool.
#[derive(Debug, Clone, Default)]
pub struct Healer {
    /// The modes.
    pub ladder: Ladder,
    /// The brakes.
    pub guard: Guard,
    /// What counts as too long.
    pub limits: Limits,
    records: VecDeque<Record>,
    numbers: u64,
}

impl Healer {
    /// Decides what to do: no more than there are waiting clients, and nothing when there are
    /// none. What is held back or only observed is recorded, too, once for each stretch of
    /// holding.
    pub fn consider(&mut self, now: Instant, scene: Scene<'_>) -> Vec<Decision> {
        self.measure(now, scene.waiting);
        let proposals = propose(now, scene.holders, &self.limits);
        let most = usize::try_from(scene.waiting).unwrap_or(usize::MAX);
        let mut left = scene.waiting;
        let mut decisions = Vec::new();
        for proposal in proposals.into_iter().take(most) {
            let verdict = self.verdict(now, &proposal);
            if self.is_known(&proposal, verdict) {
                continue;
            }
            let prediction =
                Prediction { slots: 1, waiting: left, waiting_after: left.saturating_sub(1) };
            left = prediction.waiting_after;
            decisions.extend(self.record(now, (proposal, verdict), prediction));
        }
        decisions
    }

    /// What would be done now, to whom, without doing or recording it: the dry run.
    #[must_use]
    pub fn dry_run(&self, now: Instant, holders: &[Holder]) -> Vec<Proposal> {
        propose(now, holders, &self.limits)
    }

    /// The latest actions, the oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    fn verdict(&self, now: Instant, one: &Proposal) -> Verdict {
        let mode = self.ladder.mode(one.holder.class, one.step);
        match (mode, self.guard.withholds(now, one.step)) {
            (Mode::Observe | Mode::Warn, _) => Verdict::Only(mode),
            (Mode::Enforce, Some(why)) => Verdict::Withheld(why),
            (Mode::Enforce, None) => Verdict::Done,
        }
    }

    fn record(
        &mut self,
        now: Instant,
        (one, verdict): (Proposal, Verdict),
        prediction: Prediction,
    ) -> Option<Decision> {
        self.numbers += 1;
        let number = self.numbers;
        if self.records.len() >= HEALING_RECORDS {
            self.records.pop_front();
        }
        let (at, proposal) = (now, one);
        self.records.push_back(Record { number, at, proposal, verdict, prediction, effect: None });
        match verdict {
            Verdict::Done => {
                self.guard.did(now, one.step);
                Some(Decision::Do(number, one))
            }
            Verdict::Only(Mode::Warn) => Some(Decision::Tell(number, one)),
            Verdict::Only(Mode::Observe | Mode::Enforce) | Verdict::Withheld(_) => None,
        }
    }

    /// True when this stretch of holding has a record already that says the same, or more.
    fn is_known(&self, proposal: &Proposal, verdict: Verdict) -> bool {
        let (step, holder) = (proposal.step, proposal.holder);
        let same = |one: &Proposal| {
            (one.step, one.holder.server, one.holder.since) == (step, holder.server, holder.since)
        };
        let last = self.records.iter().rev().find(|record| same(&record.proposal));
        last.is_some_and(|last| match last.verdict {
            Verdict::Done | Verdict::Only(_) => true,
            Verdict::Withheld(_) => last.verdict == verdict,
        })
    }

    /// Measures the effects that are due, and tells the breaker.
    fn measure(&mut self, now: Instant, waiting: u32) {
        for record in self.records.iter_mut().filter(|record| record.is_due(now)) {
            let helped = waiting < record.prediction.waiting;
            record.effect = Some(Effect { waiting, helped });
            if record.verdict == Verdict::Done && record.proposal.step.is_destructive() {
                self.guard.learnt(helped);
            }
        }
    }
}
