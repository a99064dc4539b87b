//! Which connection a client gets, and what a connection that comes free is used for.

use crate::ids::{PoolId, ServerId};
use crate::time::Instant;

use super::effect::{Checkout, Claim, CloseReason, DialError, Effect, Refusal};
use super::one::Mode;
use super::pools::Pools;
use super::server::{State, after};
use super::settings::Rotation;

impl Pools {
    /// The idle connection the rotation gives to a client that had `last` before.
    #[inline]
    pub(super) fn pick(&mut self, pool: PoolId, last: Option<ServerId>) -> Option<u32> {
        let one = &mut self.pools[pool.0 as usize];
        let idle = &one.lists[State::Idle as usize];
        match one.settings.rotation {
            Rotation::Lifo => idle.back(),
            Rotation::RoundRobin => idle.front(),
            Rotation::EveryTransaction => {
                let hottest = idle.back()?;
                let another =
                    if last == Some(ServerId(hottest)) { self.slots.before(hottest) } else { None };
                Some(another.unwrap_or(hottest))
            }
            Rotation::Random(_) => {
                let skip = one.chance.below(u64::from(idle.len()));
                let skip = usize::try_from(skip).unwrap_or(0);
                self.slots.iter(idle).nth(skip).map(|(slot, _)| slot)
            }
        }
    }

    /// Checkout when no idle connection can be had at once.
    pub(super) fn queue_up(&mut self, now: Instant, pool: PoolId, claim: Claim) -> Checkout {
        if let Some(refusal) = self.refusal(now, pool) {
            return Checkout::Refused(refusal);
        }
        let one = &mut self.pools[pool.0 as usize];
        one.filling = true;
        let ticket = self.waiters.push(&mut one.waiting, pool, claim, now);
        let wait_end = after(now, one.settings.wait_max);
        let reserve_at =
            after(now, (one.settings.reserve > 0).then_some(one.settings.reserve_after));
        self.arm(pool, wait_end.min(reserve_at));
        self.pump(now, pool);
        Checkout::Queued(ticket)
    }

    /// Why a client cannot even wait.
    fn refusal(&self, now: Instant, pool: PoolId) -> Option<Refusal> {
        let one = self.one(pool);
        match one.mode {
            Mode::Removing | Mode::Forgotten => return Some(Refusal::Removed),
            Mode::Stopping => return Some(Refusal::Stopping),
            Mode::Running | Mode::Pausing | Mode::Paused => {}
        }
        if one.waiting.len() >= one.settings.queue_len_max || self.waiters.is_full() {
            return Some(Refusal::QueueFull(one.counts()));
        }
        match &one.fault {
            Some(DialError::Permanent(fault)) if now < one.retry_at && one.staying() == 0 => {
                Some(Refusal::Server(fault.clone()))
            }
            Some(DialError::Permanent(_) | DialError::Transient(_)) | None => None,
        }
    }

    /// A connection is free: closes it if it must go, else hands it to the oldest waiting client,
    /// else lets it idle.
    #[inline]
    pub(super) fn offer(&mut self, now: Instant, slot: u32) {
        self.slots[slot].holder = None;
        if let Some(why) = self.unwanted(now, slot) {
            return self.close(now, slot, why);
        }
        let pool = self.slots[slot].pool;
        match self.one(pool).waiting.front() {
            Some(head) => self.grant(now, slot, head),
            None => self.rest(now, slot),
        }
    }

    /// Why a free connection must be closed rather than used.
    #[inline]
    fn unwanted(&mut self, now: Instant, slot: u32) -> Option<CloseReason> {
        let entry = &self.slots[slot];
        let one = &self.pools[entry.pool.0 as usize];
        match one.mode {
            Mode::Running => {}
            Mode::Pausing | Mode::Paused => return Some(CloseReason::Pause),
            Mode::Removing | Mode::Forgotten => return Some(CloseReason::Removed),
            Mode::Stopping => return Some(CloseReason::Stopping),
        }
        if entry.epoch != one.epoch {
            return Some(CloseReason::Reconnect);
        }
        if entry.expires <= now {
            return Some(CloseReason::Lifetime);
        }
        if one.staying() > one.ceiling() {
            return Some(CloseReason::Surplus);
        }
        let mut beside_hunger = false;
        for id in &one.budgets {
            let shared = &self.budgets[id.0 as usize];
            if shared.is_over() {
                return Some(CloseReason::Surplus);
            }
            beside_hunger |= shared.hungry > 0;
        }
        let lent = beside_hunger && self.should_lend(now, slot);
        lent.then_some(CloseReason::Lent)
    }

    /// Hands a free slot to the waiting client at `head`.
    fn grant(&mut self, now: Instant, slot: u32, head: u32) {
        let pool = self.slots[slot].pool;
        let queue = &mut self.pools[pool.0 as usize].waiting;
        let (ticket, waiter) = self.waiters.remove(queue, head);
        let client = waiter.claim.client;
        self.hold(now, slot, client);
        let waited = now - waiter.since;
        self.effects.push_back(Effect::Grant { ticket, client, server: ServerId(slot), waited });
    }

    /// Does for `pool` all that can be done now: gives idle connections to waiting clients,
    /// checks them, opens new ones.
    pub(super) fn pump(&mut self, now: Instant, pool: PoolId) {
        if self.one(pool).mode != Mode::Running {
            return;
        }
        self.serve_idle(now, pool);
        self.open_wanted(now, pool);
    }

    /// Gives idle connections to waiting clients, after a check where one is due.
    fn serve_idle(&mut self, now: Instant, pool: PoolId) {
        while let Some(head) = self.one(pool).waiting.front() {
            let last = self.waiters.at(head).claim.affinity;
            let Some(picked) = self.pick(pool, last) else { return };
            let slot = self.fresh(now, pool, picked, last);
            let one = self.one(pool);
            if now < self.slots[slot].fresh_until {
                self.grant(now, slot, head);
            } else if self.slots[slot].expires <= now {
                self.close(now, slot, CloseReason::Lifetime);
            } else if one.waiting.len() > one.count(State::Checking) {
                self.check(now, slot);
            } else {
                return;
            }
        }
    }

    /// The picked connection, or while that one needs a check the hottest that needs none.
    fn fresh(&self, now: Instant, pool: PoolId, picked: u32, last: Option<ServerId>) -> u32 {
        let one = self.one(pool);
        let is_fresh = |&slot: &u32| now < self.slots[slot].fresh_until;
        if is_fresh(&picked) {
            return picked;
        }
        let avoided = last.filter(|_| one.settings.rotation == Rotation::EveryTransaction);
        let hottest = one.lists[State::Idle as usize].back();
        let idle = || std::iter::successors(hottest, |&slot| self.slots.before(slot));
        let other = idle().filter(is_fresh).find(|&slot| Some(ServerId(slot)) != avoided);
        other.or_else(|| idle().find(is_fresh)).unwrap_or(picked)
    }
}
