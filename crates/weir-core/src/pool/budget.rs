//! Budgets: the slots one PostgreSQL server gives, shared by the pools on it.
//!
//! A pool that could dial but for the budget is *hungry*. A slot that comes free goes to the
//! hungry pool whose oldest unserved client waits longest. Idle connections of siblings above
//! their minimum are closed for it, the least recently used first; a busy sibling gives one up at
//! release when the hungry pool's client waits longer than its own by the budget's `lend_after`,
//! so that a switch, which costs a login, happens only where it evens something out.

use std::time::Duration;

use crate::ids::{BudgetId, PoolId};
use crate::time::Instant;

use super::effect::CloseReason;
use super::one::{Mode, Pool};
use super::pools::Pools;
use super::server::State;

/// One budget and who draws on it.
#[derive(Debug)]
pub(super) struct Budget {
    pub(super) slots: u32,
    pub(super) lend_after: Duration,
    /// Slots taken, in any state.
    pub(super) used: u32,
    /// Slots taken that come free without further doing: closing or abandoned.
    pub(super) leaving: u32,
    /// Pools marked hungry. The marks may be stale; [`Pools::hungriest`] refreshes them.
    pub(super) hungry: u32,
    pub(super) pools: Vec<PoolId>,
}

impl Budget {
    /// True when a slot is free.
    pub(super) const fn has_room(&self) -> bool {
        self.used < self.slots
    }

    /// True when more slots are taken than there are, even after those that are leaving.
    #[inline]
    pub(super) const fn is_over(&self) -> bool {
        self.used - self.leaving > self.slots
    }
}

impl Pools {
    /// Adds a budget of `slots` server connections. A busy pool gives a connection up for a
    /// sibling whose client waits longer than its own by more than `lend_after`.
    pub fn add_budget(&mut self, slots: u32, lend_after: Duration) -> BudgetId {
        let id = BudgetId(u32::try_from(self.budgets.len()).unwrap_or(u32::MAX));
        let (used, leaving, hungry, pools) = (0, 0, 0, Vec::new());
        self.budgets.push(Budget { slots, lend_after, used, leaving, hungry, pools });
        id
    }

    /// Changes a budget. When it shrinks, idle connections are closed at once, whatever the
    /// pools' minimum, and others as they are released.
    pub fn set_budget(&mut self, now: Instant, budget: BudgetId, slots: u32) {
        self.budgets[budget.0 as usize].slots = slots;
        while self.budgets[budget.0 as usize].is_over() {
            let Some(slot) = self.coldest(budget, |_| true) else { break };
            self.close(now, slot, CloseReason::Surplus);
        }
        self.share(now, budget);
    }

    /// Opens what `pool` wants, in the order of need among its siblings.
    pub(super) fn open_wanted(&mut self, now: Instant, pool: PoolId) {
        let id = self.one(pool).budget;
        let wanted = self.demand(now, pool) > 0;
        self.mark(pool, wanted);
        if self.budgets[id.0 as usize].hungry > 0 {
            return self.share(now, id);
        }
        self.fill(now, pool);
    }

    /// Gives the free slots of a budget to the pools that need them most.
    pub(super) fn share(&mut self, now: Instant, budget: BudgetId) {
        while let Some((pool, _)) = self.hungriest(now, budget) {
            if !self.budgets[budget.0 as usize].has_room() {
                return self.make_room(now, budget);
            }
            self.dial(now, pool);
        }
        for at in 0..self.budgets[budget.0 as usize].pools.len() {
            self.fill(now, self.budgets[budget.0 as usize].pools[at]);
        }
    }

    /// True when the free slot should be closed to let a hungry sibling dial.
    pub(super) fn should_lend(&mut self, now: Instant, slot: u32) -> bool {
        let one = self.one(self.slots[slot].pool);
        let (pool, id) = (one.id, one.budget);
        let Some((other, since)) = self.hungriest(now, id) else { return false };
        let one = self.one(pool);
        if other == pool || one.staying() <= one.floor() || !self.lacks_room(now, id) {
            return false;
        }
        let lend_after = self.budgets[id.0 as usize].lend_after;
        one.waiting.front().is_none_or(|head| since + lend_after < self.waiters.at(head).since)
    }

    /// Closes idle connections of siblings until the hungry pools have room, or none is left.
    fn make_room(&mut self, now: Instant, budget: BudgetId) {
        while self.lacks_room(now, budget) {
            let spare = |one: &Pool| one.staying() > one.floor() && one.waiting.is_empty();
            let Some(slot) = self.coldest(budget, spare) else { return };
            self.close(now, slot, CloseReason::Lent);
        }
    }

    /// True when the slots that are leaving do not meet the demand.
    fn lacks_room(&self, now: Instant, budget: BudgetId) -> bool {
        let shared = &self.budgets[budget.0 as usize];
        let hungry = shared.pools.iter().filter(|&&pool| self.one(pool).hungry);
        let demand: u32 = hungry.map(|&pool| self.demand(now, pool)).sum();
        (shared.used - shared.leaving).saturating_add(demand) > shared.slots
    }

    /// The idle slot unused longest in pools that `may` give one.
    fn coldest(&self, budget: BudgetId, may: impl Fn(&Pool) -> bool) -> Option<u32> {
        let pools = self.budgets[budget.0 as usize].pools.iter().map(|&pool| self.one(pool));
        let fronts = pools.filter(|one| may(one));
        fronts
            .filter_map(|one| one.lists[State::Idle as usize].front())
            .min_by_key(|&slot| self.slots[slot].since)
    }

    /// The hungry pool whose oldest unserved client waits longest, and since when. Clears marks
    /// that no longer hold.
    fn hungriest(&mut self, now: Instant, budget: BudgetId) -> Option<(PoolId, Instant)> {
        let mut found: Option<(PoolId, Instant)> = None;
        for at in 0..self.budgets[budget.0 as usize].pools.len() {
            let pool = self.budgets[budget.0 as usize].pools[at];
            if !self.one(pool).hungry {
                continue;
            }
            match self.unserved_since(now, pool) {
                None => self.mark(pool, false),
                Some(since) if found.is_none_or(|(_, oldest)| since < oldest) => {
                    found = Some((pool, since));
                }
                Some(_) => {}
            }
        }
        found
    }

    /// Since when the oldest client waits that wants a dial.
    fn unserved_since(&self, now: Instant, pool: PoolId) -> Option<Instant> {
        if self.demand(now, pool) == 0 {
            return None;
        }
        let one = self.one(pool);
        let served = (one.waiting.len() - one.uncovered()) as usize;
        self.waiters.iter(&one.waiting).nth(served).map(|waiter| waiter.since)
    }

    /// Dials that waiting clients of `pool` justify now, leaving the budget aside.
    pub(super) fn demand(&self, now: Instant, pool: PoolId) -> u32 {
        let one = self.one(pool);
        let Some(head) = one.waiting.front() else { return 0 };
        let patient = self.waiters.at(head).since + one.settings.reserve_after > now;
        let ceiling = if patient { one.settings.size_max } else { one.ceiling() };
        one.uncovered().min(one.dials_allowed(now, ceiling))
    }

    /// Opens connections up to the pool's minimum. No pool of the budget may be hungry.
    fn fill(&mut self, now: Instant, pool: PoolId) {
        let budget = self.one(pool).budget.0 as usize;
        while self.budgets[budget].has_room() && self.one(pool).fill(now) > 0 {
            self.dial(now, pool);
        }
    }

    fn mark(&mut self, pool: PoolId, hungry: bool) {
        let one = &mut self.pools[pool.0 as usize];
        let budget = &mut self.budgets[one.budget.0 as usize];
        match (std::mem::replace(&mut one.hungry, hungry), hungry) {
            (false, true) => budget.hungry += 1,
            (true, false) => budget.hungry -= 1,
            (true, true) | (false, false) => {}
        }
    }

    /// Takes a pool off its budget.
    pub(super) fn leave_budget(&mut self, pool: PoolId) {
        debug_assert_eq!(self.one(pool).mode, Mode::Forgotten);
        self.mark(pool, false);
        let budget = self.one(pool).budget;
        self.budgets[budget.0 as usize].pools.retain(|&one| one != pool);
    }
}
