//! What time brings: deadlines of clients, dials, checks and idle connections.

use std::time::Duration;

use crate::dispatch::{Slots, Waiter};
use crate::ids::PoolId;
use crate::ledger::WaitEnd;
use crate::time::Instant;

use super::effect::{CloseReason, Effect, Refusal};
use super::one::Mode;
use super::pools::Pools;
use super::server::{NEVER, State, after};

impl Pools {
    /// When [`Pools::tick`] is to be called. It may come early, never late.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        (self.due != NEVER).then_some(self.due)
    }

    /// Does what is due at `now`. Takes time in proportion to the pools, plus what is due.
    pub fn tick(&mut self, now: Instant) {
        if now < self.due {
            return;
        }
        for at in 0..self.pools.len() {
            if self.pools[at].due <= now {
                self.tend(now, self.pools[at].id);
            }
        }
        self.due = self.pools.iter().map(|one| one.due).min().unwrap_or(NEVER);
    }

    fn tend(&mut self, now: Instant, pool: PoolId) {
        self.one_mut(pool).disarm();
        self.oversee(now, pool);
        self.refuse_late(now, pool);
        self.abandon_late(now, pool);
        let (check, settle) =
            (self.one(pool).settings.check_timeout, self.one(pool).settings.settle_timeout);
        self.close_late(now, pool, (State::Checking, check, CloseReason::CheckTimeout));
        self.close_late(now, pool, (State::Settling, settle, CloseReason::SettleTimeout));
        self.close_stale(now, pool);
        self.pump(now, pool);
        let due = self.next_due(now, pool);
        self.arm(pool, due);
    }

    /// The first slot in `state` that has been in it for `limit` or longer.
    pub(super) fn first_late(
        &self,
        now: Instant,
        pool: PoolId,
        state: State,
        limit: Duration,
    ) -> Option<u32> {
        let first = self.one(pool).lists[state as usize].front()?;
        (self.slots[first].since + limit <= now).then_some(first)
    }

    fn close_late(&mut self, now: Instant, pool: PoolId, late: (State, Duration, CloseReason)) {
        let (state, limit, why) = late;
        while let Some(slot) = self.first_late(now, pool, state, limit) {
            self.close(now, slot, why);
        }
    }

    /// Closes idle connections at the end of their lifetime or unused for too long.
    fn close_stale(&mut self, now: Instant, pool: PoolId) {
        let mut next = self.one(pool).lists[State::Idle as usize].front();
        while let Some(slot) = next {
            next = self.slots.after(slot);
            let one = self.one(pool);
            let entry = &self.slots[slot];
            let idle_end = after(entry.since, one.settings.server_idle_timeout);
            if entry.expires <= now {
                self.close(now, slot, CloseReason::Lifetime);
            } else if idle_end <= now && one.staying() > one.floor() {
                self.close(now, slot, CloseReason::IdleTimeout);
            }
        }
    }

    /// Lets the dispatch look at its classes, and refuses those who wait in vain.
    fn oversee(&mut self, now: Instant, pool: PoolId) {
        let one = &mut self.pools[pool.0 as usize];
        if one.mode != Mode::Running || !one.is_connected() || one.fault.is_some() {
            // Who waits for something else than a class waits as long as the settings say.
            return one.queue.look_away(now, &self.waiters);
        }
        let slots = Slots { idle: one.count(State::Idle), open: one.open };
        one.queue.look(now, &self.waiters, slots);
        while let Some((late, why)) = self.one(pool).queue.overdue(now, &self.waiters) {
            self.refuse(now, pool, late, Refusal::Overload(Box::new(why)));
        }
    }

    fn refuse_late(&mut self, now: Instant, pool: PoolId) {
        while let Some(head) = self.one(pool).queue.oldest() {
            let since = self.waiters.at(head).since;
            if after(since, self.one(pool).settings.wait_max) > now {
                return;
            }
            let counts = self.one(pool).counts();
            let fault = self.one(pool).fault.as_ref().map(|error| error.fault().clone());
            let refusal = Refusal::WaitLimit { waited: now - since, ahead: 0, counts, fault };
            self.refuse(now, pool, head, refusal);
        }
    }

    /// Refuses everybody who waits for `pool`.
    pub(super) fn refuse_all(
        &mut self,
        now: Instant,
        pool: PoolId,
        refusal: impl Fn(&Waiter) -> Refusal,
    ) {
        while let Some(head) = self.one(pool).queue.oldest() {
            let refusal = refusal(self.waiters.at(head));
            self.refuse(now, pool, head, refusal);
        }
    }

    fn refuse(&mut self, now: Instant, pool: PoolId, at: u32, refusal: Refusal) {
        let queue = &mut self.pools[pool.0 as usize].queue;
        let (ticket, waiter) = queue.remove(&mut self.waiters, at);
        let client = waiter.claim.client;
        self.ledger.unqueued(waiter.claim.class, WaitEnd::Refused, now - waiter.since);
        self.effects.push_back(Effect::Refuse { ticket, client, refusal });
    }

    /// The next moment something is due in `pool`, later than `now`.
    fn next_due(&self, now: Instant, pool: PoolId) -> Instant {
        let one = self.one(pool);
        let settings = &one.settings;
        let first = |state: State, limit: Duration| {
            let slot = one.lists[state as usize].front();
            slot.map_or(NEVER, |slot| self.slots[slot].since + limit)
        };
        let waiting = one.queue.oldest().map(|head| self.waiters.at(head).since);
        let waiting = waiting.unwrap_or(NEVER);
        let idle = one.lists[State::Idle as usize];
        let due = [
            after(waiting, settings.wait_max),
            after(waiting, (settings.reserve > 0).then_some(settings.reserve_after)),
            first(State::Dialling, settings.connect_timeout),
            first(State::Checking, settings.check_timeout),
            first(State::Settling, settings.settle_timeout),
            idle.front()
                .map_or(NEVER, |slot| after(self.slots[slot].since, settings.server_idle_timeout)),
            self.slots.iter(&idle).map(|(_, slot)| slot.expires).min().unwrap_or(NEVER),
            if one.failures > 0 { one.retry_at } else { NEVER },
            one.queue.look_due().unwrap_or(NEVER),
        ];
        due.into_iter().filter(|&at| at > now).min().unwrap_or(NEVER)
    }
}
