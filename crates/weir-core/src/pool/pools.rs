//! The pools of one worker: checkout, release, and what follows from them.

use std::collections::VecDeque;

use crate::ids::{ClientId, PoolId, ServerId, Ticket};
use crate::time::Instant;

use super::arena::Arena;
use super::budget::Budget;
use super::effect::{Checkout, Claim, CloseReason, DialError, Effect, Refusal, Release};
use super::one::{Mode, Pool};
use super::queue::Waiters;
use super::server::{Slot, State, after};
use super::settings::Rotation;

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
    pub(super) slots: Arena<Slot>,
    pub(super) waiters: Waiters,
    pub(super) effects: VecDeque<Effect>,
    /// Nothing is due in any pool before this.
    pub(super) due: Instant,
    pub(super) stopping: bool,
}

impl Default for Pools {
    fn default() -> Self {
        Self::new()
    }
}

impl Pools {
    /// No pools and no budgets.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            pools: Vec::new(),
            forgotten: Vec::new(),
            budgets: Vec::new(),
            slots: Arena::new(),
            waiters: Waiters::new(),
            effects: VecDeque::new(),
            due: super::server::NEVER,
            stopping: false,
        }
    }

    /// A client needs a server connection.
    #[inline]
    pub fn checkout(&mut self, now: Instant, pool: PoolId, claim: Claim) -> Checkout {
        let one = self.one(pool);
        if one.waiting.is_empty()
            && one.mode == Mode::Running
            && let Some(slot) = self.pick(pool, claim.affinity)
            && now < self.slots[slot].fresh_until
        {
            self.hold(now, slot, claim.client);
            return Checkout::Granted(ServerId(slot));
        }
        self.queue_up(now, pool, claim)
    }

    /// A waiting client left or cancelled. False when it no longer waits: then its grant or
    /// refusal is among the effects already.
    pub fn withdraw(&mut self, now: Instant, ticket: Ticket) -> bool {
        let Some(at) = self.waiters.find(ticket) else { return false };
        let pool = self.waiters.at(at).pool;
        self.waiters.remove(&mut self.pools[pool.0 as usize].waiting, at);
        if self.one(pool).hungry {
            self.share(now, self.one(pool).budget);
        }
        true
    }

    /// A client gives its server connection back, or a settling one turns out broken.
    #[inline]
    pub fn release(&mut self, now: Instant, server: ServerId, how: Release) {
        let Some(state) = self.state_of(server) else { return };
        match (how, state) {
            (Release::Reusable, State::Active) => self.offer(now, server.0),
            (Release::Settling, State::Active) => self.settle(now, server.0),
            (Release::Broken, State::Active | State::Settling) => {
                self.close(now, server.0, CloseReason::Broken);
            }
            (Release::Reusable | Release::Settling | Release::Broken, _) => {}
        }
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

    /// Moves a slot to the end of the list of `state`.
    #[inline]
    pub(super) fn enter(&mut self, now: Instant, slot: u32, state: State) {
        let entry = &mut self.slots[slot];
        let from = std::mem::replace(&mut entry.state, state);
        entry.since = now;
        let lists = &mut self.pools[entry.pool.0 as usize].lists;
        self.slots.unlink(&mut lists[from as usize], slot);
        self.slots.link_back(&mut lists[state as usize], slot);
    }

    /// Makes sure that a tick comes for `pool` no later than `at`.
    #[inline]
    pub(super) fn arm(&mut self, pool: PoolId, at: Instant) {
        self.due = self.due.min(at);
        self.one_mut(pool).arm(at);
    }

    /// The idle connection the rotation gives to a client that had `last` before.
    #[inline]
    fn pick(&mut self, pool: PoolId, last: Option<ServerId>) -> Option<u32> {
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

    /// Gives an idle or freed slot to a client.
    #[inline]
    fn hold(&mut self, now: Instant, slot: u32, client: ClientId) {
        self.enter(now, slot, State::Active);
        self.slots[slot].holder = Some(client);
    }

    /// Checkout when no idle connection can be had at once.
    fn queue_up(&mut self, now: Instant, pool: PoolId, claim: Claim) -> Checkout {
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
        let budget = &self.budgets[one.budget.0 as usize];
        if one.staying() > one.ceiling() || budget.is_over() {
            return Some(CloseReason::Surplus);
        }
        let lent = budget.hungry > 0 && self.should_lend(now, slot);
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

    /// Lets a free slot idle.
    #[inline]
    fn rest(&mut self, now: Instant, slot: u32) {
        self.enter(now, slot, State::Idle);
        let entry = &mut self.slots[slot];
        let settings = &self.pools[entry.pool.0 as usize].settings;
        entry.fresh_until = entry.expires.min(after(now, settings.check_after_idle));
        let due = entry.expires.min(after(now, settings.server_idle_timeout));
        let pool = entry.pool;
        self.arm(pool, due);
    }

    fn settle(&mut self, now: Instant, slot: u32) {
        self.enter(now, slot, State::Settling);
        self.slots[slot].holder = None;
        let pool = self.slots[slot].pool;
        self.arm(pool, now + self.one(pool).settings.settle_timeout);
    }

    /// Asks for a connection to be closed. Its slot stays taken until that is confirmed.
    pub(super) fn close(&mut self, now: Instant, slot: u32, why: CloseReason) {
        self.enter(now, slot, State::Closing);
        let entry = &mut self.slots[slot];
        entry.holder = None;
        let budget = self.pools[entry.pool.0 as usize].budget;
        self.budgets[budget.0 as usize].leaving += 1;
        self.effects.push_back(Effect::Close { server: ServerId(slot), why });
    }

    /// Frees a slot and lets who needs it most use it.
    pub(super) fn vacate(&mut self, now: Instant, slot: u32) {
        let entry = &mut self.slots[slot];
        entry.open = false;
        entry.holder = None;
        let (pool, state) = (entry.pool, entry.state);
        let one = &mut self.pools[pool.0 as usize];
        one.open -= 1;
        self.slots.unlink(&mut one.lists[state as usize], slot);
        self.slots.vacate(slot);
        let id = one.budget;
        let budget = &mut self.budgets[id.0 as usize];
        budget.used -= 1;
        budget.leaving -= u32::from(matches!(state, State::Closing | State::Abandoned));
        self.pump(now, pool);
        self.share(now, id);
        self.conclude(pool);
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
            let Some(slot) = self.pick(pool, last) else { return };
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

    fn check(&mut self, now: Instant, slot: u32) {
        self.enter(now, slot, State::Checking);
        let pool = self.slots[slot].pool;
        self.arm(pool, now + self.one(pool).settings.check_timeout);
        self.effects.push_back(Effect::Check { server: ServerId(slot) });
    }
}
