//! Budgets: slots that several pools share, of one PostgreSQL, one database or one user.
//!
//! A pool draws on any number of budgets, and each of its slots counts against all of them. A
//! pool that could dial but for a budget is *hungry*. A slot that comes free goes to the hungry
//! pool whose oldest unserved client waits longest, of those whose other budgets have room too.
//! Idle connections of siblings above their minimum are closed for it, the least recently used
//! first; a busy sibling gives one up at release when the hungry pool's client waits longer than
//! its own by the budget's `lend_after`, so that a switch, which costs a login, happens only where
//! it evens something out.
//!
//! A pool that needs a slot of two budgets could starve beside pools that need one each. Hence
//! the *claim*: of each budget, one slot is kept for the hungry pool that waits longest among
//! those without any server connection, until all its budgets have one. The oldest such pool of
//! all has every claim it needs, so it gets its slot.

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
    /// Pools marked hungry. The marks may be stale; [`Pools::refresh`] clears those that are.
    pub(super) hungry: u32,
    pub(super) pools: Vec<PoolId>,
}

impl Budget {
    /// Slots that are free, or come free without further doing.
    const fn prospect(&self) -> u32 {
        self.slots.saturating_sub(self.used - self.leaving)
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
        let fresh = BudgetId(u32::try_from(self.budgets.len()).unwrap_or(u32::MAX));
        let id = self.retired.pop().unwrap_or(fresh);
        let (used, leaving, hungry, pools) = (0, 0, 0, Vec::new());
        let budget = Budget { slots, lend_after, used, leaving, hungry, pools };
        match self.budgets.get_mut(id.0 as usize) {
            Some(place) => *place = budget,
            None => self.budgets.push(budget),
        }
        id
    }

    /// Frees the id of a budget that no pool draws on for another. Returns whether that is so.
    pub fn retire_budget(&mut self, budget: BudgetId) -> bool {
        let unused = self.budgets[budget.0 as usize].pools.is_empty();
        if unused && !self.retired.contains(&budget) {
            self.retired.push(budget);
        }
        unused
    }

    /// Replaces the budgets a pool draws on, which must be different ones. One that has fewer
    /// slots than are taken now gets rid of idle connections at once, of others as they are
    /// released.
    pub fn draw_on(&mut self, now: Instant, pool: PoolId, budgets: &[BudgetId]) {
        if *self.one(pool).budgets == *budgets || self.one(pool).mode == Mode::Forgotten {
            return;
        }
        self.mark(pool, false);
        let before = std::mem::replace(&mut self.one_mut(pool).budgets, budgets.into());
        let one = &self.pools[pool.0 as usize];
        let (open, leaving) = (one.open, one.open - one.staying());
        for id in &before {
            let shared = &mut self.budgets[id.0 as usize];
            shared.pools.retain(|&other| other != pool);
            shared.used -= open;
            shared.leaving -= leaving;
        }
        for &id in budgets {
            let shared = &mut self.budgets[id.0 as usize];
            shared.pools.push(pool);
            shared.used += open;
            shared.leaving += leaving;
        }
        for &id in budgets {
            self.trim(now, id);
        }
        // Only now do all sums hold: a sibling may draw on both an old budget and a new one.
        for &id in &before {
            self.share(now, id);
        }
        self.pump(now, pool);
    }

    /// Changes a budget. When it shrinks, idle connections are closed at once, whatever the
    /// pools' minimum, and others as they are released.
    pub fn set_budget(&mut self, now: Instant, budget: BudgetId, slots: u32) {
        self.budgets[budget.0 as usize].slots = slots;
        self.trim(now, budget);
        self.share(now, budget);
    }

    /// Closes idle connections beyond the budget.
    fn trim(&mut self, now: Instant, budget: BudgetId) {
        while self.budgets[budget.0 as usize].is_over() {
            let Some(slot) = self.coldest(budget, |_| true) else { break };
            self.close(now, slot, CloseReason::Surplus);
        }
    }

    /// Opens what `pool` wants, in the order of need among its siblings.
    pub(super) fn open_wanted(&mut self, now: Instant, pool: PoolId) {
        let wanted = self.demand(now, pool) > 0;
        self.mark(pool, wanted);
        if wanted || self.beside_hunger(pool) {
            self.share_all(now, pool);
            // Nobody shares with a pool that draws on no budget.
            while self.may_dial(now, pool) && self.demand(now, pool) > 0 {
                self.dial(now, pool);
            }
        }
        self.fill(now, pool);
    }

    /// True when a pool that shares a budget with this one may want a slot.
    #[inline]
    pub(super) fn beside_hunger(&self, pool: PoolId) -> bool {
        self.one(pool).budgets.iter().any(|id| self.budgets[id.0 as usize].hungry > 0)
    }

    /// Gives the free slots of all budgets of `pool` to the pools that need them most.
    pub(super) fn share_all(&mut self, now: Instant, pool: PoolId) {
        for at in 0..self.one(pool).budgets.len() {
            self.share(now, self.one(pool).budgets[at]);
        }
    }

    /// Gives the free slots of a budget to the pools that need them most.
    pub(super) fn share(&mut self, now: Instant, budget: BudgetId) {
        self.refresh(now, budget);
        while let Some((pool, _)) = self.longest(now, budget, |all, one| all.may_dial(now, one)) {
            self.dial(now, pool);
            self.refresh(now, budget);
        }
        self.make_room(now, budget);
        for at in 0..self.budgets[budget.0 as usize].pools.len() {
            self.fill(now, self.budgets[budget.0 as usize].pools[at]);
        }
    }

    /// True when the free slot should be closed to let a hungry sibling dial.
    pub(super) fn should_lend(&mut self, now: Instant, slot: u32) -> bool {
        let pool = self.slots[slot].pool;
        for at in 0..self.one(pool).budgets.len() {
            let budget = self.one(pool).budgets[at];
            self.refresh(now, budget);
            if self.should_lend_in(now, pool, budget) {
                return true;
            }
        }
        false
    }

    fn should_lend_in(&self, now: Instant, pool: PoolId, budget: BudgetId) -> bool {
        let one = self.one(pool);
        let claimant = self.claimant(now, budget);
        let can_use = |all: &Self, other| all.demand_in(now, other, (budget, claimant)) > 0;
        let Some((other, since)) = self.longest(now, budget, can_use) else { return false };
        if other == pool || one.staying() <= one.floor() || !self.lacks_room(now, budget) {
            return false;
        }
        let lend_after = self.budgets[budget.0 as usize].lend_after;
        one.queue.oldest().is_none_or(|head| since + lend_after < self.waiters.at(head).since)
    }

    /// Closes idle connections of siblings until the hungry pools have room, or none is left.
    fn make_room(&mut self, now: Instant, budget: BudgetId) {
        while self.lacks_room(now, budget) {
            let spare = |one: &Pool| one.staying() > one.floor() && one.queue.eligible() == 0;
            let Some(slot) = self.coldest(budget, spare) else { return };
            self.close(now, slot, CloseReason::Lent);
        }
    }

    /// True when the slots that are leaving do not meet the demand.
    fn lacks_room(&self, now: Instant, budget: BudgetId) -> bool {
        let shared = &self.budgets[budget.0 as usize];
        if shared.hungry == 0 {
            return false;
        }
        let claimant = self.claimant(now, budget);
        let hungry = shared.pools.iter().filter(|&&pool| self.one(pool).hungry);
        let demand: u32 = hungry.map(|&pool| self.demand_in(now, pool, (budget, claimant))).sum();
        demand > shared.prospect()
    }

    /// The idle slot unused longest in pools that `may` give one.
    fn coldest(&self, budget: BudgetId, may: impl Fn(&Pool) -> bool) -> Option<u32> {
        let pools = self.budgets[budget.0 as usize].pools.iter().map(|&pool| self.one(pool));
        let fronts = pools.filter(|one| may(one));
        fronts
            .filter_map(|one| one.lists[State::Idle as usize].front())
            .min_by_key(|&slot| self.slots[slot].since)
    }

    /// Clears the marks of pools that want nothing any more.
    fn refresh(&mut self, now: Instant, budget: BudgetId) {
        if self.budgets[budget.0 as usize].hungry == 0 {
            return;
        }
        for at in 0..self.budgets[budget.0 as usize].pools.len() {
            let pool = self.budgets[budget.0 as usize].pools[at];
            if self.one(pool).hungry && self.demand(now, pool) == 0 {
                self.mark(pool, false);
            }
        }
    }

    /// Of the hungry pools that `fits`, the one whose oldest unserved client waits longest, and
    /// since when.
    fn longest(
        &self,
        now: Instant,
        budget: BudgetId,
        fits: impl Fn(&Self, PoolId) -> bool,
    ) -> Option<(PoolId, Instant)> {
        let shared = &self.budgets[budget.0 as usize];
        if shared.hungry == 0 {
            return None;
        }
        let hungry = shared.pools.iter().filter(|&&pool| self.one(pool).hungry);
        hungry
            .filter(|&&pool| fits(self, pool))
            .filter_map(|&pool| Some((pool, self.unserved_since(now, pool)?)))
            .min_by_key(|&(_, since)| since)
    }

    /// Since when the oldest client waits that wants a dial.
    fn unserved_since(&self, now: Instant, pool: PoolId) -> Option<Instant> {
        if self.demand(now, pool) == 0 {
            return None;
        }
        let one = self.one(pool);
        let served = (one.queue.len() - one.uncovered()) as usize;
        self.waiters.iter(one.queue.arrivals()).nth(served).map(|waiter| waiter.since)
    }

    /// Dials that waiting clients of `pool` justify now, leaving budgets aside.
    pub(super) fn demand(&self, now: Instant, pool: PoolId) -> u32 {
        let one = self.one(pool);
        let Some(head) = one.queue.oldest() else { return 0 };
        let patient = self.waiters.at(head).since + one.settings.reserve_after > now;
        let ceiling = if patient { one.settings.size_max } else { one.ceiling() };
        one.uncovered().min(one.dials_allowed(now, ceiling))
    }

    /// The pool for which one slot of the budget is kept.
    fn claimant(&self, now: Instant, budget: BudgetId) -> Option<PoolId> {
        let bare = |all: &Self, pool| all.one(pool).is_bare();
        self.longest(now, budget, bare).map(|(pool, _)| pool)
    }

    /// The part of the demand that slots of `budget` would serve: no more than the pool's other
    /// budgets have, but one for the claimant.
    fn demand_in(
        &self,
        now: Instant,
        pool: PoolId,
        (budget, claimant): (BudgetId, Option<PoolId>),
    ) -> u32 {
        let others = self.one(pool).budgets.iter().filter(|&&id| id != budget);
        let elsewhere = others.map(|id| self.budgets[id.0 as usize].prospect()).min();
        let least = u32::from(claimant == Some(pool));
        self.demand(now, pool).min(elsewhere.unwrap_or(u32::MAX).max(least))
    }

    /// True when every budget of `pool` has a slot for it, beside the one that may be claimed.
    fn may_dial(&self, now: Instant, pool: PoolId) -> bool {
        self.one(pool).budgets.iter().all(|&id| {
            let shared = &self.budgets[id.0 as usize];
            match shared.slots.saturating_sub(shared.used) {
                0 => false,
                1 => self.claimant(now, id).is_none_or(|claimant| claimant == pool),
                2.. => true,
            }
        })
    }

    /// Opens connections up to the pool's minimum.
    fn fill(&mut self, now: Instant, pool: PoolId) {
        while self.one(pool).fill(now) > 0 && self.may_dial(now, pool) {
            self.dial(now, pool);
        }
    }

    fn mark(&mut self, pool: PoolId, hungry: bool) {
        let one = &mut self.pools[pool.0 as usize];
        if std::mem::replace(&mut one.hungry, hungry) == hungry {
            return;
        }
        for id in &one.budgets {
            let shared = &mut self.budgets[id.0 as usize];
            shared.hungry = if hungry { shared.hungry + 1 } else { shared.hungry - 1 };
        }
    }

    /// Takes a pool off its budgets.
    pub(super) fn leave_budgets(&mut self, pool: PoolId) {
        debug_assert_eq!(self.one(pool).mode, Mode::Forgotten);
        self.mark(pool, false);
        for id in &self.pools[pool.0 as usize].budgets {
            self.budgets[id.0 as usize].pools.retain(|&one| one != pool);
        }
    }
}
