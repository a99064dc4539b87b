//! What an operator does to pools.

use std::sync::Arc;

use crate::dispatch::{Advises, ClassRules};
use crate::ids::{BudgetId, ClassId, PoolId, ServerId};
use crate::time::Instant;

use super::effect::{CloseReason, Effect, Refusal};
use super::one::{Mode, Pool};
use super::pools::Pools;
use super::server::State;
use super::settings::PoolSettings;

impl Pools {
    /// Adds a pool whose slots each count against all of `budgets`, which are different ones. Its
    /// minimum is opened at the next tick.
    pub fn add_pool(&mut self, budgets: &[BudgetId], settings: PoolSettings) -> PoolId {
        let fresh = PoolId(u32::try_from(self.pools.len()).unwrap_or(u32::MAX));
        let id = self.forgotten.pop().unwrap_or(fresh);
        let mut one = Pool::new(id, budgets, settings);
        if self.stopping {
            one.mode = Mode::Stopping;
        }
        self.due = self.due.min(one.due);
        match self.pools.get_mut(id.0 as usize) {
            Some(place) => *place = one,
            None => self.pools.push(one),
        }
        for budget in budgets {
            self.budgets[budget.0 as usize].pools.push(id);
        }
        self.ledger.pool_added(id);
        id
    }

    /// Replaces the settings of a pool. They hold at once for those who already wait; lifetimes
    /// already drawn stay.
    pub fn reconfigure(&mut self, now: Instant, pool: PoolId, settings: PoolSettings) {
        let check_after_idle = settings.check_after_idle;
        let one = self.one_mut(pool);
        one.queue.reconfigure(settings.dispatch, settings.size_max);
        one.settings = settings;
        let mut next = self.one(pool).lists[State::Idle as usize].front();
        while let Some(slot) = next {
            self.slots[slot].rested(check_after_idle);
            next = self.slots.after(slot);
        }
        while self.one(pool).staying() > self.one(pool).ceiling() {
            let Some(slot) = self.one(pool).lists[State::Idle as usize].front() else { break };
            self.close(now, slot, CloseReason::Surplus);
        }
        self.arm(pool, now);
        self.pump(now, pool);
    }

    /// What an operator says about one class of a pool.
    pub fn set_class(&mut self, now: Instant, pool: PoolId, class: ClassId, rules: ClassRules) {
        self.one_mut(pool).queue.set_rules(class, rules);
        self.pump(now, pool);
    }

    /// The claims of `class` belong to the class that an operator calls `group` from now on, or
    /// are a class of their own.
    pub fn assign(
        &mut self,
        now: Instant,
        pool: PoolId,
        class: ClassId,
        group: Option<(&Arc<str>, ClassRules)>,
    ) {
        self.one_mut(pool).queue.assign(class, group);
        self.pump(now, pool);
    }

    /// The number of a class stands for another one from now on: nothing is known of it.
    pub fn renamed(&mut self, pool: PoolId, class: ClassId) {
        self.one_mut(pool).queue.renamed(class);
    }

    /// Takes back the rules of an operator's classes, which are said anew by
    /// [`assign`](Self::assign).
    pub fn lift_groups(&mut self, now: Instant, pool: PoolId) {
        self.one_mut(pool).queue.lift_groups();
        self.pump(now, pool);
    }

    /// CAP: the most slots one class may hold until told otherwise; none lifts it.
    pub fn cap(&mut self, now: Instant, pool: PoolId, class: ClassId, cap: Option<u32>) {
        self.one_mut(pool).queue.cap(class, cap);
        self.pump(now, pool);
    }

    /// What the controller of a pool only shows from now on, and does not do.
    pub fn advise(&mut self, now: Instant, pool: PoolId, advises: Advises) {
        self.one_mut(pool).queue.advise(advises);
        self.pump(now, pool);
    }

    /// FREEZE and UNFREEZE: while frozen no class is capped and nobody refused early.
    pub fn freeze(&mut self, now: Instant, pool: PoolId, frozen: bool) {
        self.one_mut(pool).queue.freeze(frozen);
        self.pump(now, pool);
    }

    /// Removes a pool: waiting clients are refused, connections closed as they come free, and at
    /// last the id is free for another (`Forgotten`).
    pub fn remove_pool(&mut self, now: Instant, pool: PoolId) {
        if matches!(self.one(pool).mode, Mode::Removing | Mode::Forgotten) {
            return;
        }
        self.one_mut(pool).mode = Mode::Removing;
        self.refuse_all(now, pool, |_| Refusal::Removed);
        self.empty(now, pool, CloseReason::Removed);
    }

    /// PAUSE: no grants, and all connections are closed as they come free; then `Paused` follows.
    /// Clients may queue up meanwhile, each for as long as the settings allow.
    pub fn pause(&mut self, now: Instant, pool: PoolId) {
        if matches!(self.one(pool).mode, Mode::Running | Mode::Pausing | Mode::Paused) {
            self.one_mut(pool).mode = Mode::Pausing;
            self.empty(now, pool, CloseReason::Pause);
        }
    }

    /// RESUME: ends a pause, or one still waiting for connections to come free.
    pub fn resume(&mut self, now: Instant, pool: PoolId) {
        if matches!(self.one(pool).mode, Mode::Pausing | Mode::Paused) {
            self.one_mut(pool).mode = Mode::Running;
            self.pump(now, pool);
        }
    }

    /// RECONNECT: every connection, including one being opened, is closed when it is free.
    pub fn reconnect(&mut self, now: Instant, pool: PoolId) {
        let one = self.one_mut(pool);
        one.epoch = one.epoch.wrapping_add(1);
        self.close_idle(now, pool, CloseReason::Reconnect);
        self.pump(now, pool);
    }

    /// What a connection leads to is not there any more: it is closed when it is free.
    pub fn expel(&mut self, now: Instant, server: ServerId) {
        let Some(state) = self.state_of(server) else { return };
        let pool = self.slots[server.0].pool;
        self.slots[server.0].epoch = self.one(pool).epoch.wrapping_sub(1);
        if state == State::Idle {
            self.close(now, server.0, CloseReason::Reconnect);
        }
    }

    /// Whether a connection will be closed when it is free because it is older than a RECONNECT,
    /// or was expelled.
    #[must_use]
    pub fn is_stale(&self, server: ServerId) -> bool {
        let slot = self.slots.get(server.0).filter(|slot| slot.open);
        slot.is_some_and(|slot| slot.epoch != self.one(slot.pool).epoch)
    }

    /// The database of `pool` is about to be dropped: closes the idle connections, and opens none
    /// until a client asks again.
    pub fn let_go_idle(&mut self, now: Instant, pool: PoolId) {
        self.one_mut(pool).filling = false;
        self.close_idle(now, pool, CloseReason::LetGo);
    }

    /// Stops gracefully: waiting clients are refused, no slot is granted any more, connections
    /// are closed as they come free; then `Drained` follows.
    pub fn stop(&mut self, now: Instant) {
        self.stopping = true;
        // All of them before one is emptied: what it frees would be dialled for by another.
        let mut stopped = Vec::with_capacity(self.pools.len());
        for one in &mut self.pools {
            match one.mode {
                Mode::Running | Mode::Pausing | Mode::Paused => {
                    one.mode = Mode::Stopping;
                    stopped.push(one.id);
                }
                Mode::Removing | Mode::Stopping | Mode::Forgotten => {}
            }
        }
        for pool in stopped {
            self.refuse_all(now, pool, |_| Refusal::Stopping);
            self.empty(now, pool, CloseReason::Stopping);
        }
        self.report_drained();
    }

    /// Gets rid of all slots that nobody uses, in a pool whose mode forbids new ones.
    fn empty(&mut self, now: Instant, pool: PoolId, why: CloseReason) {
        while let Some(slot) = self.one(pool).lists[State::Dialling as usize].front() {
            self.abandon(now, slot);
        }
        self.close_idle(now, pool, why);
        self.share_all(now, pool);
        self.conclude(pool);
    }

    fn close_idle(&mut self, now: Instant, pool: PoolId, why: CloseReason) {
        while let Some(slot) = self.one(pool).lists[State::Idle as usize].front() {
            self.close(now, slot, why);
        }
    }

    /// Finishes what waited for the last slot of `pool` to be free.
    pub(super) fn conclude(&mut self, pool: PoolId) {
        if self.one(pool).open > 0 {
            return;
        }
        match self.one(pool).mode {
            Mode::Pausing => {
                self.one_mut(pool).mode = Mode::Paused;
                self.effects.push_back(Effect::Paused { pool });
            }
            Mode::Removing => {
                self.one_mut(pool).mode = Mode::Forgotten;
                self.leave_budgets(pool);
                self.forgotten.push(pool);
                self.effects.push_back(Effect::Forgotten { pool });
                self.report_drained();
            }
            Mode::Stopping => self.report_drained(),
            Mode::Running | Mode::Paused | Mode::Forgotten => {}
        }
    }

    fn report_drained(&mut self) {
        let empty = self.pools.iter().all(|one| one.open == 0);
        if self.stopping && empty && !self.drained {
            self.drained = true;
            self.effects.push_back(Effect::Drained);
        }
    }
}
