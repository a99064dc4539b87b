//! Which connection a client gets, and what a connection that comes free is used for.

use std::time::Duration;

use crate::dispatch::{Claim, Place};
use crate::ids::{PoolId, ServerId};
use crate::ledger::WaitEnd;
use crate::time::Instant;

use super::effect::{Checkout, CloseReason, DialError, Effect, Refusal};
use super::one::Mode;
use super::pools::Pools;
use super::server::{NEVER, State, after};
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
    pub(super) fn queue_up(
        &mut self,
        now: Instant,
        (pool, place): (PoolId, Place),
        claim: Claim,
    ) -> Checkout {
        if let Some(refusal) = self.refusal(now, (pool, place), &claim) {
            self.ledger.waited(claim.class, WaitEnd::Refused, Duration::ZERO);
            return Checkout::Refused(refusal);
        }
        let one = &mut self.pools[pool.0 as usize];
        one.filling = true;
        let ticket = one.queue.join(&mut self.waiters, (pool, place), claim, now);
        self.ledger.queued(claim.class);
        let wait_end = after(now, one.settings.wait_max);
        let reserve_at =
            after(now, (one.settings.reserve > 0).then_some(one.settings.reserve_after));
        let look_at = one.queue.look_due().map_or(NEVER, |at| at.max(now));
        self.arm(pool, wait_end.min(reserve_at).min(look_at));
        if !self.one(pool).is_full() {
            self.pump(now, pool);
        }
        Checkout::Queued(ticket)
    }

    /// Why a client cannot even wait.
    fn refusal(
        &self,
        now: Instant,
        (pool, place): (PoolId, Place),
        claim: &Claim,
    ) -> Option<Refusal> {
        let one = self.one(pool);
        match one.mode {
            Mode::Removing | Mode::Forgotten => return Some(Refusal::Removed),
            Mode::Stopping => return Some(Refusal::Stopping),
            Mode::Running | Mode::Pausing | Mode::Paused => {}
        }
        if one.queue.len() >= one.settings.queue_len_max || self.waiters.is_full() {
            return Some(Refusal::QueueFull(one.counts()));
        }
        match &one.fault {
            Some(DialError::Permanent(fault)) if now < one.retry_at && one.staying() == 0 => {
                Some(Refusal::Server(fault.clone()))
            }
            // Grants tell how long a wait will be only while the slots are there.
            None if one.mode == Mode::Running && one.is_connected() => {
                let why = one.queue.turns_away(now, (place, claim), one.settings.wait_max);
                why.map(|why| Refusal::Overload(Box::new(why)))
            }
            Some(DialError::Permanent(_) | DialError::Transient(_)) | None => None,
        }
    }

    /// A connection is free: closes it if it must go, else hands it to the waiting client that is
    /// next, else lets it idle.
    #[inline]
    pub(super) fn offer(&mut self, now: Instant, slot: u32) {
        self.discharge(now, slot);
        let entry = &self.slots[slot];
        let pool = entry.pool;
        let one = &mut self.pools[pool.0 as usize];
        let mut unwanted = one.unwanted(now, entry);
        if !one.budgets.is_empty() && unwanted.is_none() {
            unwanted = self.unwanted_by_budgets(now, slot);
        }
        if let Some(why) = unwanted {
            self.close(now, slot, why);
            return self.make_up(now, pool);
        }
        let one = &mut self.pools[pool.0 as usize];
        match one.queue.next(now, &self.waiters) {
            Some(head) if one.count(State::Idle) == 0 => self.grant(now, slot, head),
            Some(_) | None => {
                self.rest(now, slot);
                self.make_up(now, pool);
            }
        }
    }

    /// A client gave a slot back: others of its class may have slots that idle because of a limit.
    #[inline]
    pub(super) fn make_up(&mut self, now: Instant, pool: PoolId) {
        let one = self.one(pool);
        if one.queue.eligible() > 0 && one.count(State::Idle) > 0 {
            self.pump(now, pool);
        }
    }

    /// Why the budgets of its pool have a free connection closed.
    #[inline(never)]
    fn unwanted_by_budgets(&mut self, now: Instant, slot: u32) -> Option<CloseReason> {
        let one = &self.pools[self.slots[slot].pool.0 as usize];
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
        let queue = &mut self.pools[pool.0 as usize].queue;
        let (ticket, waiter) = queue.remove(&mut self.waiters, head);
        queue.took(now, waiter.place);
        let (client, class) = (waiter.claim.client, waiter.claim.class);
        let waited = now - waiter.since;
        self.hold(now, slot, (client, waiter.place));
        self.ledger.held(now, slot, class);
        self.ledger.unqueued(class, WaitEnd::Granted, waited);
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
        while let Some(head) = self.pools[pool.0 as usize].queue.next(now, &self.waiters) {
            let last = self.waiters.at(head).claim.affinity;
            let Some(picked) = self.pick(pool, last) else { return };
            let slot = self.fresh(now, pool, picked, last);
            let one = self.one(pool);
            if now < self.slots[slot].fresh_until {
                self.grant(now, slot, head);
            } else if self.slots[slot].expires <= now {
                self.close(now, slot, CloseReason::Lifetime);
            } else if one.queue.eligible() > one.count(State::Checking) {
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
