//! The referee's own account of pools, connections and waiting clients.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::ids::{BudgetId, ClassId, ClientId, PoolId, ServerId, Ticket};
use crate::pool::{Mode, PoolSettings, PoolView};
use crate::time::Instant;

/// What a connection is in, as far as inputs and effects tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Being opened.
    Dialling,
    /// Given up while being opened.
    Abandoned,
    /// Free for the next client, since then.
    Free(Instant),
    /// Held by a client.
    Held(ClientId),
    /// Released but not ready.
    Settling,
    /// Being tried before reuse.
    Checking,
    /// Being closed.
    Closing,
}

/// One connection, or an attempt to open one.
#[derive(Debug, Clone)]
pub struct Conn {
    /// Its pool.
    pub pool: PoolId,
    /// What it is in.
    pub phase: Phase,
    /// When it was ready.
    pub opened: Instant,
    /// Unique over the whole run, unlike the id.
    pub serial: u64,
}

/// One client in a wait queue.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    /// Its ticket.
    pub ticket: Ticket,
    /// The client.
    pub client: ClientId,
    /// The class it asked for.
    pub class: ClassId,
    /// When it began to wait.
    pub since: Instant,
}

/// One pool.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) budgets: Vec<BudgetId>,
    pub(super) settings: PoolSettings,
    pub(super) mode: Mode,
    pub(super) waiting: VecDeque<Waiting>,
    /// The policy changed while these waited: they have two kinds of classes.
    pub(super) mixed: bool,
    /// A class had a limit when the last call ended.
    pub(super) limited: bool,
    /// Dials since the present outage began.
    pub(super) outage_dials: u32,
    /// When this pool first was part of the present outage.
    pub(super) outage_since: Option<Instant>,
}

impl Account {
    pub(super) fn new(budgets: &[BudgetId], settings: PoolSettings) -> Self {
        let (mode, waiting, budgets) = (Mode::Running, VecDeque::new(), budgets.to_vec());
        Self {
            budgets,
            settings,
            mode,
            waiting,
            mixed: false,
            limited: false,
            outage_dials: 0,
            outage_since: None,
        }
    }

    /// The most slots at `now`: the reserve counts once the oldest client waited long enough.
    pub(super) fn ceiling(&self, now: Instant) -> u32 {
        let oldest = self.waiting.front().map(|waiting| waiting.since);
        let open = oldest.is_some_and(|since| since + self.settings.reserve_after <= now);
        self.settings.size_max + if open { self.settings.reserve } else { 0 }
    }

    /// True when a connection free since `since` and ready since `opened` may be given out at
    /// `now` whatever lifetime chance gave it.
    pub(super) fn is_fresh(&self, now: Instant, opened: Instant, since: Instant) -> bool {
        let checked = self.settings.check_after_idle.is_none_or(|limit| now < since + limit);
        let lives = self.settings.server_lifetime.is_none_or(|life| {
            let percent = u32::from(self.settings.lifetime_jitter_percent);
            now < opened + life.saturating_sub(life / 100 * percent)
        });
        checked && lives
    }

    /// True when `waiting` should have been refused by `now`.
    pub(super) fn is_late(&self, waiting: &Waiting, now: Instant) -> bool {
        self.settings.wait_max.is_some_and(|limit| waiting.since + limit <= now)
    }
}

/// All accounts.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) pools: BTreeMap<PoolId, Account>,
    /// By the number that dial and connection share.
    pub(super) conns: BTreeMap<u32, Conn>,
    pub(super) budgets: BTreeMap<BudgetId, u32>,
    pub(super) serials: u64,
}

impl Books {
    /// Connections of one pool.
    pub(super) fn of(&self, pool: PoolId) -> impl Iterator<Item = (ServerId, &Conn)> {
        let conns = self.conns.iter().filter(move |(_, conn)| conn.pool == pool);
        conns.map(|(&id, conn)| (ServerId(id), conn))
    }

    /// Slots of one pool that are taken.
    pub(super) fn open(&self, pool: PoolId) -> u32 {
        count(self.of(pool).count())
    }

    /// Slots of one budget that are taken.
    pub(super) fn used(&self, budget: BudgetId) -> u32 {
        let draws = |conn: &&Conn| {
            self.pools.get(&conn.pool).is_some_and(|pool| pool.budgets.contains(&budget))
        };
        count(self.conns.values().filter(draws).count())
    }

    /// Free connections that may be given out at once, other than `except`.
    pub(super) fn fresh(&self, now: Instant, pool: PoolId, except: Option<ServerId>) -> u32 {
        let Some(account) = self.pools.get(&pool) else { return 0 };
        let fresh = |(id, conn): &(ServerId, &Conn)| match conn.phase {
            Phase::Free(since) => Some(*id) != except && account.is_fresh(now, conn.opened, since),
            Phase::Dialling
            | Phase::Abandoned
            | Phase::Held(_)
            | Phase::Settling
            | Phase::Checking
            | Phase::Closing => false,
        };
        count(self.of(pool).filter(fresh).count())
    }

    /// What [`crate::pool::Pools::view`] should count, in the order idle, active, settling,
    /// checking, dialling, abandoned, closing, waiting.
    pub(super) fn counts(&self, pool: PoolId) -> [u32; 8] {
        let mut counts = [0; 8];
        for (_, conn) in self.of(pool) {
            let place = match conn.phase {
                Phase::Free(_) => 0,
                Phase::Held(_) => 1,
                Phase::Settling => 2,
                Phase::Checking => 3,
                Phase::Dialling => 4,
                Phase::Abandoned => 5,
                Phase::Closing => 6,
            };
            counts[place] += 1;
        }
        counts[7] = self.pools.get(&pool).map_or(0, |account| count(account.waiting.len()));
        counts
    }

    /// The most dials a pool may have begun in an outage of `outage`.
    pub(super) fn dials_max(account: &Account, outage: Duration) -> u32 {
        account.settings.retry.dials_max(account.settings.dials_parallel_max, outage)
    }
}

/// The same counts from a view.
pub(super) const fn counts_of(view: &PoolView) -> [u32; 8] {
    [
        view.idle,
        view.active,
        view.settling,
        view.checking,
        view.dialling,
        view.abandoned,
        view.closing,
        view.waiting,
    ]
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
