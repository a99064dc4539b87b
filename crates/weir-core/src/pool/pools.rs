//! The pools of one worker: checkout, release, and what follows from them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::arena::Arena;
use crate::dispatch::{Claim, Waiters};
use crate::ids::{BudgetId, ClassId, PoolId, ServerId, Ticket};
use crate::ledger::{Ledger, WaitEnd};
use crate::time::Instant;

use super::budget::Budget;
use super::effect::{Checkout, CloseReason, Effect, Release};
use super::one::{Mode, Pool};
use super::server::{Slot, State};

/// All pools of one worker, with the budgets they share.
///
/// # Contract
/// - Call an input method for everything that happens, with a `now` that never goes back.
/// - After each call, poll [`Pools::poll_effect`] until it is empty and perform the effects in
///   order. Never start, close or hand over a server connection otherwise.
/// - Call [`Pools::tick`] when [`Pools::deadline`] has come.
/// - Each `Dial` is answered once with `connected` or `dial_failed`, each `Close` with `closed`,
///   each `Check` with `checked`. `lost` may come instead of the latter two, at any time.
/// - Ids of pools and budgets come from [`Pools::add_pool`] and [`Pools::add_budget`]; others
///   panic. An input that does not fit the state of its server connection is ignored.
///
/// Checkout of an idle connection and release with nobody waiting take constant time and do not
/// allocate.
#[derive(Debug)]
pub struct Pools {
    pub(super) pools: Vec<Pool>,
    pub(super) forgotten: Vec<PoolId>,
    pub(super) budgets: Vec<Budget>,
    /// Budgets whose ids are free for others.
    pub(super) retired: Vec<BudgetId>,
    pub(super) slots: Arena<Slot>,
    pub(super) waiters: Waiters,
    pub(super) effects: VecDeque<Effect>,
    /// Nothing is due in any pool before this.
    pub(super) due: Instant,
    pub(super) stopping: bool,
    /// `Drained` was told.
    pub(super) drained: bool,
    pub(super) ledger: Ledger,
}

impl Default for Pools {
    fn default() -> Self {
        Self::new()
    }
}

impl Pools {
    /// No pools and no budgets.
    #[must_use]
    pub fn new() -> Self {
        Self::seeded(0)
    }

    /// The same; `seed` keys the ledger's hashes, so that nobody outside can provoke collisions.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self {
            pools: Vec::new(),
            forgotten: Vec::new(),
            budgets: Vec::new(),
            retired: Vec::new(),
            slots: Arena::new(),
            waiters: Waiters::new(),
            effects: VecDeque::new(),
            due: super::server::NEVER,
            stopping: false,
            drained: false,
            ledger: Ledger::new(seed),
        }
    }

    /// The same without a ledger.
    #[must_use]
    pub fn without_ledger() -> Self {
        Self { ledger: Ledger::off(), ..Self::new() }
    }

    /// A client needs a server connection.
    #[inline]
    pub fn checkout(&mut self, now: Instant, pool: PoolId, claim: Claim) -> Checkout {
        let place = self.one_mut(pool).queue.place(claim.class);
        let picked = self.pick(pool, claim.affinity);
        let idle = picked.filter(|&slot| now < self.slots[slot].fresh_until);
        let one = &mut self.pools[pool.0 as usize];
        if one.queue.asked(now, place, idle.is_some())
            && let Some(slot) = idle
        {
            // No connection idles that could serve somebody who waits, nor one that may not be
            // given out; so looking at the idle ones is enough.
            debug_assert_eq!(one.mode, Mode::Running);
            if one.queue.is_tight()
                && let Some(look_at) = one.queue.look_due()
            {
                self.arm(pool, look_at.max(now));
            }
            self.hold(now, slot, (claim.client, place));
            self.ledger.served(now, slot, claim.class);
            return Checkout::Granted(ServerId(slot));
        }
        self.ledger.claimed(claim.class);
        self.queue_up(now, (pool, place), claim)
    }

    /// A claim of that class was refused before it came to its pool.
    pub fn turned_away(&mut self, class: ClassId) {
        self.ledger.claimed(class);
        self.ledger.waited(class, WaitEnd::Refused, Duration::ZERO);
    }

    /// A waiting client left or cancelled. False when it no longer waits: then its grant or
    /// refusal is among the effects already.
    pub fn withdraw(&mut self, now: Instant, ticket: Ticket) -> bool {
        let Some(at) = self.waiters.find(ticket) else { return false };
        let pool = self.waiters.at(at).pool;
        let queue = &mut self.pools[pool.0 as usize].queue;
        let (_, waiter) = queue.remove(&mut self.waiters, at);
        queue.gave_up(waiter.place, now.since(waiter.since));
        self.ledger.unqueued(waiter.claim.class, WaitEnd::Left, now - waiter.since);
        true
    }

    /// A client gives its server connection back, or a settling one turns out broken.
    #[inline]
    pub fn release(&mut self, now: Instant, server: ServerId, how: Release) {
        let Some(state) = self.state_of(server) else { return };
        match (how, state) {
            (Release::Reusable, State::Active) => return self.offer(now, server.0),
            (Release::Settling, State::Active) => self.settle(now, server.0),
            (Release::Broken, State::Active | State::Settling) => {
                self.close(now, server.0, CloseReason::Broken);
            }
            (Release::Reusable | Release::Settling | Release::Broken, _) => return,
        }
        self.make_up(now, self.slots[server.0].pool);
    }

    /// What held a settling server connection back is over: it may be given out.
    pub fn settled(&mut self, now: Instant, server: ServerId) {
        if self.state_of(server) == Some(State::Settling) {
            self.offer(now, server.0);
        }
    }

    /// The check of an idle server connection ended.
    pub fn checked(&mut self, now: Instant, server: ServerId, ok: bool) {
        if self.state_of(server) != Some(State::Checking) {
            return;
        }
        if ok {
            return self.offer(now, server.0);
        }
        let pool = self.slots[server.0].pool;
        self.close(now, server.0, CloseReason::CheckFailed);
        self.pump(now, pool);
    }

    /// A server connection died by itself, in whatever state. It needs no `closed`.
    pub fn lost(&mut self, now: Instant, server: ServerId) {
        match self.state_of(server) {
            Some(State::Idle | State::Checking) => {
                self.suspect(now, server.0);
                self.vacate(now, server.0);
            }
            Some(State::Active | State::Settling | State::Closing) => self.vacate(now, server.0),
            Some(State::Dialling | State::Abandoned) | None => {}
        }
    }

    /// A server connection is closed as `Close` asked.
    pub fn closed(&mut self, now: Instant, server: ServerId) {
        if self.state_of(server) == Some(State::Closing) {
            self.vacate(now, server.0);
        }
    }

    /// Whether a client holds this server connection.
    #[inline]
    #[must_use]
    pub fn is_held(&self, server: ServerId) -> bool {
        self.state_of(server) == Some(State::Active)
    }

    /// Something is to be done: [`Self::poll_effect`] has it.
    #[inline]
    #[must_use]
    pub fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// The next thing to do.
    #[inline]
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The pool of that id.
    #[inline]
    pub(super) fn one(&self, pool: PoolId) -> &Pool {
        &self.pools[pool.0 as usize]
    }

    #[inline]
    pub(super) fn one_mut(&mut self, pool: PoolId) -> &mut Pool {
        &mut self.pools[pool.0 as usize]
    }

    /// What a server connection is in; none when the id names no open slot.
    #[inline]
    pub(super) fn state_of(&self, server: ServerId) -> Option<State> {
        self.slots.get(server.0).filter(|slot| slot.open).map(|slot| slot.state)
    }

    /// Makes sure that a tick comes for `pool` no later than `at`.
    #[inline]
    pub(super) fn arm(&mut self, pool: PoolId, at: Instant) {
        self.due = self.due.min(at);
        self.one_mut(pool).arm(at);
    }
}
