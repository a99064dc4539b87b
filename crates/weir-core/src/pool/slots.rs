//! A slot's way from state to state.

use crate::arena::{Arena, List};
use crate::dispatch::Place;
use crate::ids::{ClientId, ServerId};
use crate::time::Instant;

use super::effect::{CloseReason, Effect};
use super::pools::Pools;
use super::server::{Slot, State, after};

/// The lists of one pool, by [`State`]. Slots that clients hold are only counted: nobody looks for
/// them in an order, and no transaction pays for one.
impl Arena<Slot> {
    #[inline(always)]
    fn unlist(&mut self, lists: &mut [List; State::COUNT], slot: u32, state: State) {
        let list = &mut lists[state as usize];
        if state == State::Active { list.count_out() } else { self.unlink(list, slot) }
    }

    #[inline(always)]
    fn enlist(&mut self, lists: &mut [List; State::COUNT], slot: u32, state: State) {
        let list = &mut lists[state as usize];
        if state == State::Active { list.count_in() } else { self.link_back(list, slot) }
    }
}

impl Pools {
    /// Moves a slot to the end of the list of `state`.
    #[inline]
    pub(super) fn enter(&mut self, now: Instant, slot: u32, state: State) {
        self.list(now, slot, state);
        self.ledger.moved(now, slot, state);
    }

    /// The same without a word to the ledger. Always inlined: a transaction does it twice, and the
    /// state is known wherever it is done.
    #[inline(always)]
    fn list(&mut self, now: Instant, slot: u32, state: State) {
        let entry = &mut self.slots[slot];
        let from = std::mem::replace(&mut entry.state, state);
        entry.since = now;
        let lists = &mut self.pools[entry.pool.0 as usize].lists;
        self.slots.unlist(lists, slot, from);
        self.slots.enlist(lists, slot, state);
    }

    /// Gives an idle or freed slot to a client. The ledger is told by the caller.
    #[inline(always)]
    pub(super) fn hold(&mut self, now: Instant, slot: u32, (client, place): (ClientId, Place)) {
        self.list(now, slot, State::Active);
        let entry = &mut self.slots[slot];
        entry.holder = Some(client);
        entry.charged = Some(place);
    }

    /// Charges a slot that a client gives back.
    #[inline]
    pub(super) fn discharge(&mut self, now: Instant, slot: u32) {
        let entry = &mut self.slots[slot];
        entry.holder = None;
        if let Some(place) = entry.charged.take() {
            self.pools[entry.pool.0 as usize].queue.gave_back(now, place, entry.since);
        }
    }

    /// Lets a free slot idle.
    #[inline(always)]
    pub(super) fn rest(&mut self, now: Instant, slot: u32) {
        self.list(now, slot, State::Idle);
        let entry = &mut self.slots[slot];
        let one = &mut self.pools[entry.pool.0 as usize];
        entry.rested(one.settings.check_after_idle);
        let due = entry.expires.min(after(now, one.settings.server_idle_timeout));
        one.arm(due);
        self.due = self.due.min(due);
        self.ledger.idles(now, slot);
    }

    pub(super) fn settle(&mut self, now: Instant, slot: u32) {
        self.discharge(now, slot);
        self.enter(now, slot, State::Settling);
        let pool = self.slots[slot].pool;
        self.arm(pool, now + self.one(pool).settings.settle_timeout);
    }

    /// Asks for a connection to be closed. Its slot stays taken until that is confirmed.
    pub(super) fn close(&mut self, now: Instant, slot: u32, why: CloseReason) {
        self.discharge(now, slot);
        self.enter(now, slot, State::Closing);
        for id in &self.pools[self.slots[slot].pool.0 as usize].budgets {
            self.budgets[id.0 as usize].leaving += 1;
        }
        self.effects.push_back(Effect::Close { server: ServerId(slot), why });
    }

    /// Frees a slot and lets who needs it most use it.
    pub(super) fn vacate(&mut self, now: Instant, slot: u32) {
        self.discharge(now, slot);
        let entry = &mut self.slots[slot];
        entry.open = false;
        let (pool, state) = (entry.pool, entry.state);
        let one = &mut self.pools[pool.0 as usize];
        one.open -= 1;
        self.slots.unlist(&mut one.lists, slot, state);
        self.slots.vacate(slot);
        self.ledger.closed(now, slot);
        self.ledger.open.closed(now);
        let left = u32::from(matches!(state, State::Closing | State::Abandoned));
        for id in &one.budgets {
            let budget = &mut self.budgets[id.0 as usize];
            budget.used -= 1;
            budget.leaving -= left;
        }
        self.pump(now, pool);
        self.share_all(now, pool);
        self.conclude(pool);
    }

    pub(super) fn check(&mut self, now: Instant, slot: u32) {
        self.enter(now, slot, State::Checking);
        let pool = self.slots[slot].pool;
        self.arm(pool, now + self.one(pool).settings.check_timeout);
        self.effects.push_back(Effect::Check { server: ServerId(slot) });
    }
}
