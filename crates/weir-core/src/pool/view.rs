//! What can be seen from outside: for SHOW commands and metrics.

use crate::dispatch::ClassView;
use crate::ids::{BudgetId, ClassId, ClientId, PoolId, ServerId};
use crate::ledger::Ledger;
use crate::time::Instant;

use super::effect::DialError;
use super::one::Mode;
use super::pools::Pools;
use super::server::{Slot, State};

/// One pool at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolView {
    /// What the pool is allowed to do.
    pub mode: Mode,
    /// Connections ready for use.
    pub idle: u32,
    /// Connections held by clients.
    pub active: u32,
    /// Released connections that are not ready yet.
    pub settling: u32,
    /// Idle connections being tried before reuse.
    pub checking: u32,
    /// Connections being opened.
    pub dialling: u32,
    /// Attempts given up whose answer is awaited.
    pub abandoned: u32,
    /// Connections being closed.
    pub closing: u32,
    /// Clients in the wait queue.
    pub waiting: u32,
    /// Since when the oldest of them waits.
    pub oldest_wait_since: Option<Instant>,
    /// Most connections, without the reserve.
    pub size_max: u32,
    /// Connections kept open when nobody needs them.
    pub size_min: u32,
    /// Failed attempts to connect in a row.
    pub failures: u32,
    /// When the next attempt may come, after a failure.
    pub retry_at: Option<Instant>,
    /// The last failure, until an attempt succeeds.
    pub fault: Option<DialError>,
}

impl PoolView {
    /// Adds the part of the same pool that another worker serves. What is not a count is that of
    /// the part that is worse off: a pool is paused when all its parts are. Both know the whole
    /// pool's size.
    pub fn add(&mut self, other: Self) {
        if self.mode == Mode::Paused {
            self.mode = other.mode;
        }
        self.idle += other.idle;
        self.active += other.active;
        self.settling += other.settling;
        self.checking += other.checking;
        self.dialling += other.dialling;
        self.abandoned += other.abandoned;
        self.closing += other.closing;
        self.waiting += other.waiting;
        self.oldest_wait_since = match (self.oldest_wait_since, other.oldest_wait_since) {
            (Some(mine), Some(theirs)) => Some(mine.min(theirs)),
            (mine, theirs) => mine.or(theirs),
        };
        self.failures = self.failures.max(other.failures);
        self.retry_at = self.retry_at.max(other.retry_at);
        self.fault = self.fault.take().or(other.fault);
    }

    /// Slots with anything in them.
    #[must_use]
    pub const fn open(&self) -> u32 {
        self.idle
            + self.active
            + self.settling
            + self.checking
            + self.dialling
            + self.abandoned
            + self.closing
    }
}

/// One budget at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetView {
    /// Slots there are.
    pub slots: u32,
    /// Slots taken, in any state.
    pub used: u32,
}

/// One waiting client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaiterView {
    /// The client connection.
    pub client: ClientId,
    /// The class it claimed for.
    pub class: ClassId,
    /// When it began to wait.
    pub since: Instant,
}

/// How badly a pool lacks slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pressure {
    /// Waiting clients that no connection under way will serve. None while the pool is paused,
    /// ends, or cannot connect: then slots are not what is lacking.
    pub waiting: u32,
    /// Those of them that the limits of their classes would let in.
    pub eligible: u32,
    /// Since when the first of them waits.
    pub since: Option<Instant>,
}

/// One slot in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerView {
    /// The server connection, or the dial of the same number.
    pub server: ServerId,
    /// Its pool.
    pub pool: PoolId,
    /// What it is in.
    pub state: State,
    /// Since when.
    pub since: Instant,
    /// When it was opened, or the dial began.
    pub opened: Instant,
    /// Who holds it.
    pub holder: Option<ClientId>,
    /// RECONNECT came after it was opened: it is closed when it is next free.
    pub stale: bool,
}

impl Pools {
    /// The counts of one pool.
    #[must_use]
    pub fn view(&self, pool: PoolId) -> PoolView {
        let one = self.one(pool);
        PoolView {
            mode: one.mode,
            idle: one.count(State::Idle),
            active: one.count(State::Active),
            settling: one.count(State::Settling),
            checking: one.count(State::Checking),
            dialling: one.count(State::Dialling),
            abandoned: one.count(State::Abandoned),
            closing: one.count(State::Closing),
            waiting: one.queue.len(),
            oldest_wait_since: one.queue.oldest().map(|head| self.waiters.at(head).since),
            size_max: one.settings.size_max,
            size_min: one.settings.size_min,
            failures: one.failures,
            retry_at: (one.failures > 0).then_some(one.retry_at),
            fault: one.fault.clone(),
        }
    }

    /// How badly a pool lacks slots.
    #[must_use]
    pub fn pressure(&self, pool: PoolId) -> Pressure {
        let one = self.one(pool);
        if one.mode != Mode::Running || one.fault.is_some() {
            return Pressure::default();
        }
        let coming = one.count(State::Dialling) + one.count(State::Checking);
        let waiting = one.queue.len().saturating_sub(coming);
        let oldest = one.queue.oldest().filter(|_| waiting > 0);
        Pressure {
            waiting,
            eligible: one.uncovered(),
            since: oldest.map(|head| self.waiters.at(head).since),
        }
    }

    /// The counts of one budget.
    #[must_use]
    pub fn budget(&self, budget: BudgetId) -> BudgetView {
        let shared = &self.budgets[budget.0 as usize];
        BudgetView { slots: shared.slots, used: shared.used }
    }

    /// The pools that are not forgotten.
    pub fn pools(&self) -> impl Iterator<Item = PoolId> {
        self.pools.iter().filter(|one| one.mode != Mode::Forgotten).map(|one| one.id)
    }

    /// The waiting clients of one pool, the oldest first.
    pub fn waiters(&self, pool: PoolId) -> impl Iterator<Item = WaiterView> {
        self.waiters.iter(self.one(pool).queue.arrivals()).map(|waiter| WaiterView {
            client: waiter.claim.client,
            class: waiter.claim.class,
            since: waiter.since,
        })
    }

    /// The classes one pool has seen, that of unnamed claims first.
    pub fn classes(&self, pool: PoolId) -> impl Iterator<Item = ClassView> {
        self.one(pool).queue.views()
    }

    /// True when clients of one pool have waited long lately, so that they are served by what
    /// their classes hold rather than in the order of arrival.
    #[must_use]
    pub fn is_fair(&self, now: Instant, pool: PoolId) -> bool {
        self.one(pool).queue.is_fair(now)
    }

    /// True when slots of one pool are kept for some of its classes: for a minimum, or for what is
    /// quick.
    #[must_use]
    pub fn is_guarded(&self, pool: PoolId) -> bool {
        self.one(pool).queue.is_guarded()
    }

    /// The slots of one pool, by state: first those that clients hold, then the others, each in the
    /// order the state was entered.
    pub fn servers(&self, pool: PoolId) -> impl Iterator<Item = ServerView> {
        let one = self.one(pool);
        let held = self.slots.entries().filter(move |(_, slot)| slot.is_held_from(pool));
        let others = one.lists.iter().flat_map(|list| self.slots.iter(list));
        held.take(one.count(State::Active) as usize)
            .chain(others)
            .map(|(index, slot)| self.look(index, slot))
    }

    /// One slot, if it is in use.
    #[must_use]
    pub fn server(&self, server: ServerId) -> Option<ServerView> {
        self.state_of(server)?;
        Some(self.look(server.0, &self.slots[server.0]))
    }

    /// The ledger: what every server connection's time is charged to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger, to be told what sessions do.
    pub const fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Server connections whose phase in the ledger does not fit their state. None, ever.
    #[must_use]
    pub fn misbooked(&self) -> u32 {
        if !self.ledger.is_on() {
            return 0;
        }
        let misfit = |(index, slot): &(u32, &Slot)| {
            let phase = self.ledger.phase(ServerId(*index));
            !phase.is_some_and(|phase| phase.fits(slot.state))
        };
        let wrong = self.slots.entries().filter(|(_, slot)| slot.open).filter(misfit).count();
        u32::try_from(wrong).unwrap_or(u32::MAX)
    }

    fn look(&self, index: u32, slot: &Slot) -> ServerView {
        ServerView {
            server: ServerId(index),
            pool: slot.pool,
            state: slot.state,
            since: slot.since,
            opened: slot.opened,
            holder: slot.holder,
            stale: slot.epoch != self.one(slot.pool).epoch,
        }
    }
}
