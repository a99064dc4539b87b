//! The ladder, its brakes and its records together.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::config::limits::HEALING_RECORDS;
use crate::ids::PoolId;
use crate::time::Instant;

use super::door::Origin;
use super::guard::Guard;
use super::holder::{Holder, Who};
use super::ladder::{Mode, Step};
use super::order::{Decision, News, Order, Scene, Sign};
use super::outcome::{Effect, Prediction, Record, Subject, Verdict};
use super::plan::{Proposal, propose};
use super::repeat::Offences;
use super::rules::Rules;
use super::sums::{Calendar, Sums};

/// Looks are this far apart at most while somebody waits; what lies between two that are further
/// apart was not seen.
const LOOKS_APART_MAX: Duration = Duration::from_millis(250);

/// The healer of one worker.
#[derive(Debug, Clone, Default)]
pub struct Healer {
    /// The brakes.
    pub guard: Guard,
    records: VecDeque<Record>,
    offences: Offences,
    calendar: Calendar,
    news: VecDeque<News>,
    /// Records whose effect is not measured yet.
    unmeasured: usize,
}

impl Healer {
    /// Decides what to do: no more than there are waiting clients, and nothing when there are
    /// none. What is held back or only observed is recorded, too, once for each stretch of
    /// holding. `name` gives each record a number, and says who has a slot.
    pub fn consider(
        &mut self,
        now: Instant,
        scene: Scene<'_>,
        rules: &Rules,
        mut name: impl FnMut(Option<&Holder>) -> (u64, Who),
    ) -> Vec<Decision> {
        self.guard.set_envelope(rules.envelope);
        self.follow(now, scene);
        let mut proposals = propose(now, scene.holders, &rules.limits);
        proposals.retain(|one| scene.classes.is_none_or(|of| of.contains(&one.holder.class)));
        let most = usize::try_from(scene.waiting).unwrap_or(usize::MAX);
        let mut left = scene.waiting;
        let mut decisions = Vec::new();
        for proposal in proposals.into_iter().take(most) {
            let verdict = self.verdict(now, rules, (&proposal.holder.class, proposal.step));
            if self.is_known(scene.pool, &proposal, verdict) {
                continue;
            }
            let prediction = predict(left, 1);
            left = prediction.waiting_after;
            let order = Order::end(&proposal, name(Some(&proposal.holder)));
            self.record(now, scene, (order, Origin::Healer, verdict), prediction);
            let number = || name(None).0;
            decisions.extend(self.again(now, scene, rules, (&proposal, verdict, number)));
            if verdict == Verdict::Done {
                decisions.push(Decision::End(proposal));
            }
        }
        decisions
    }

    /// What would be done now, to whom, without doing or recording it: the dry run.
    #[must_use]
    pub fn dry_run(now: Instant, holders: &[Holder], rules: &Rules) -> Vec<Proposal> {
        propose(now, holders, &rules.limits)
    }

    /// Records what the dispatch did, or would have done.
    pub fn sign(&mut self, now: Instant, scene: Scene<'_>, rules: &Rules, sign: Sign) {
        let verdict = match rules.ladder.mode(&sign.route, sign.step) {
            Mode::Enforce => Verdict::Done,
            mode @ (Mode::Observe | Mode::Warn) => Verdict::Only(mode),
        };
        let Sign { number, step, route, slots, why } = sign;
        let subject = Subject::Route(Arc::clone(&route));
        let who = Who::default();
        let lifts = false;
        let order = Order { number, step, lifts, subject, route, holder: None, slots, why, who };
        let prediction = predict(scene.waiting, slots);
        self.record(now, scene, (order, Origin::Healer, verdict), prediction);
    }

    /// Records what an operator ordered. The brakes are for the healer, not for people.
    pub fn order(&mut self, now: Instant, scene: Scene<'_>, order: Order) {
        let prediction = predict(scene.waiting, order.slots);
        self.record(now, scene, (order, Origin::Operator, Verdict::Done), prediction);
    }

    /// True while effects are to be measured, so that pools are looked at although nobody waits.
    #[must_use]
    pub const fn is_curious(&self) -> bool {
        self.unmeasured > 0
    }

    /// A pool is no more: what is known of it names nothing.
    pub fn forget(&mut self, pool: PoolId) {
        self.records.retain(|record| record.pool != pool);
        self.unmeasured = self.records.iter().filter(|record| record.effect.is_none()).count();
    }

    /// The next thing people are to be told.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// The latest actions, the oldest first.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.iter()
    }

    /// What was done since the start.
    #[must_use]
    pub const fn total(&self) -> &Sums {
        self.calendar.total()
    }

    /// What was done in the last seven days.
    #[must_use]
    pub fn week(&self, now: Instant) -> Sums {
        self.calendar.week(now)
    }

    fn verdict(&self, now: Instant, rules: &Rules, (route, step): (&str, Step)) -> Verdict {
        self.judge(now, rules.ladder.mode(route, step), step)
    }

    /// What becomes of a step in this mode, as far as the brakes allow.
    fn judge(&self, now: Instant, mode: Mode, step: Step) -> Verdict {
        match (mode, self.guard.withholds(now, step)) {
            (Mode::Observe | Mode::Warn, _) => Verdict::Only(mode),
            (Mode::Enforce, Some(why)) => Verdict::Withheld(why),
            (Mode::Enforce, None) => Verdict::Done,
        }
    }

    /// A class whose transactions were ended again and again is to be let in one at a time, in the
    /// mildest mode of what led to it.
    fn again(
        &mut self,
        now: Instant,
        scene: Scene<'_>,
        rules: &Rules,
        (proposal, verdict, number): (&Proposal, Verdict, impl FnOnce() -> u64),
    ) -> Option<Decision> {
        let mode = match verdict {
            Verdict::Done => Mode::Enforce,
            Verdict::Only(mode) => mode,
            Verdict::Withheld(_) => return None,
        };
        let (subject, mildest) = self.offences.note(now, scene.pool, (proposal, mode))?;
        let route = &proposal.holder.route;
        let own = rules.ladder.mode(&proposal.holder.class, Step::Quarantine).min(mildest);
        let verdict = self.judge(now, own, Step::Quarantine);
        let why = "three of its transactions had to be ended within a minute".to_owned();
        let order = Order {
            number: number(),
            step: Step::Quarantine,
            lifts: false,
            subject: subject.clone(),
            route: Arc::clone(route),
            holder: None,
            slots: 0,
            why: why.clone(),
            who: Who::default(),
        };
        let prediction = predict(scene.waiting, 0);
        self.record(now, scene, (order, Origin::Healer, verdict), prediction);
        (verdict == Verdict::Done).then_some(Decision::Quarantine(subject, why))
    }

    fn record(
        &mut self,
        now: Instant,
        scene: Scene<'_>,
        (order, origin, verdict): (Order, Origin, Verdict),
        prediction: Prediction,
    ) {
        let stretch = order.holder.as_ref().map(|holder| (holder.server, holder.began));
        let record = Record {
            number: order.number,
            at: now,
            pool: scene.pool,
            step: order.step,
            lifts: order.lifts,
            subject: order.subject,
            route: order.route,
            origin,
            verdict,
            why: order.why,
            doing: order.holder.as_ref().map(|holder| holder.doing),
            lasted: order.holder.map_or(Duration::ZERO, |holder| now.since(holder.since)),
            who: order.who,
            prediction,
            oldest: scene.oldest,
            effect: None,
            kept: Duration::ZERO,
            stretch,
            seen: stretch.map(|_| now),
        };
        if record.is_destructive_act() {
            self.guard.did(now, record.step);
        }
        let slots = u64::from(prediction.slots);
        self.calendar.note(now, &record, |sum| {
            sum.count += 1;
            sum.slots += slots;
        });
        self.unmeasured += 1;
        self.tell(News::Recorded(record.clone()));
        if self.records.len() >= HEALING_RECORDS
            && let Some(oldest) = self.records.pop_front()
        {
            self.unmeasured -= usize::from(oldest.effect.is_none());
        }
        self.records.push_back(record);
    }

    /// True when this stretch of holding has a record already that says the same, or more.
    fn is_known(&self, pool: PoolId, proposal: &Proposal, verdict: Verdict) -> bool {
        let stretch = Some((proposal.holder.server, proposal.holder.began));
        let same = |record: &&Record| {
            (record.pool, record.step, record.stretch) == (pool, proposal.step, stretch)
        };
        let last = self.records.iter().rev().find(same);
        last.is_some_and(|last| match last.verdict {
            Verdict::Done => true,
            Verdict::Only(_) | Verdict::Withheld(_) => last.verdict == verdict,
        })
    }

    /// Follows what earlier records of the pool are about, and measures the effects that are due.
    fn follow(&mut self, now: Instant, scene: Scene<'_>) {
        let mut news = Vec::new();
        for record in self.records.iter_mut().filter(|record| record.pool == scene.pool) {
            let held = record.stretch.is_some_and(|stretch| is_held(scene.holders, stretch));
            if let Some(seen) = record.seen {
                record.seen = held.then_some(now);
                let span = now.since(seen);
                if held && scene.waiting > 0 && span <= LOOKS_APART_MAX {
                    record.kept += span;
                    self.calendar.note(now, record, |sum| sum.kept += span);
                }
            }
            if record.is_due(now) {
                let effect = effect(record, scene, !held);
                record.effect = Some(effect);
                self.unmeasured -= 1;
                self.calendar.note(now, record, |sum| {
                    sum.measured += 1;
                    sum.helped += u64::from(effect.helped);
                });
                if record.is_destructive_act() && self.guard.learnt(effect.helped) {
                    news.push(News::BreakerOpened);
                }
                news.push(News::Measured(record.clone()));
            }
        }
        news.into_iter().for_each(|one| self.tell(one));
    }

    fn tell(&mut self, news: News) {
        if self.news.len() >= HEALING_RECORDS {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }
}

fn is_held(holders: &[Holder], (server, began): (crate::ids::ServerId, Instant)) -> bool {
    holders.iter().any(|holder| holder.server == server && holder.began == began)
}

/// Each freed slot serves one of those who wait.
const fn predict(waiting: u32, slots: u32) -> Prediction {
    let waiting_after = waiting.saturating_sub(slots);
    Prediction { slots, waiting, waiting_after }
}

fn effect(record: &Record, scene: Scene<'_>, freed: bool) -> Effect {
    let eased = scene.waiting < record.prediction.waiting || scene.oldest <= record.oldest;
    Effect { waiting: scene.waiting, oldest: scene.oldest, freed, helped: freed && eased }
}
