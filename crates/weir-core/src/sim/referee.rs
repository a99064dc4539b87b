//! The pools with a referee beside them: every input is booked, every effect is judged.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::ids::{BudgetId, ClassId, ClientId, DialId, PoolId, ServerId, Ticket};
use crate::pool::{Checkout, Claim, DialError, Effect, Mode, PoolSettings, Pools, Release};
use crate::time::Instant;

use super::books::{Account, Books, Conn, Phase};
use super::order;
use super::rules::{self, Verdict};

/// A rule of the pool is broken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("at {at}: {what}")]
pub struct Violation {
    /// When.
    pub at: Instant,
    /// Which rule, and by what.
    pub what: String,
}

/// What an input comes to.
pub type Judged<T = ()> = Result<T, Violation>;

/// Classes there are.
pub(super) const CLASSES: u32 = 4;

/// The class of a client.
#[must_use]
pub(super) const fn class_of(client: ClientId) -> ClassId {
    ClassId(client.0 % CLASSES)
}

/// The pools under watch. Methods are those of [`Pools`] without the time, which
/// [`Referee::advance`] sets; each answers with the first broken rule. Effects wait in
/// [`Referee::effects`] for whoever plays the worker.
#[derive(Debug, Default)]
pub struct Referee {
    pools: Pools,
    books: Books,
    now: Instant,
    last: BTreeMap<ClientId, ServerId>,
    effects: Vec<Effect>,
    /// The time that connections of the books were open, nanoseconds.
    open_nanos: u128,
}

impl Referee {
    /// The time of the last input.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The pools, to look at.
    #[must_use]
    pub const fn pools(&self) -> &Pools {
        &self.pools
    }

    /// The connections and dials there are, by number.
    pub fn conns(&self) -> impl Iterator<Item = (ServerId, &Conn)> {
        self.books.conns.iter().map(|(&id, conn)| (ServerId(id), conn))
    }

    /// One connection or dial.
    #[must_use]
    pub fn conn(&self, server: ServerId) -> Option<&Conn> {
        self.books.conns.get(&server.0)
    }

    /// The tickets of all who wait, by pool and age.
    pub fn tickets(&self) -> impl Iterator<Item = (ClientId, Ticket)> {
        let accounts = self.books.pools.values();
        accounts.flat_map(|one| one.waiting.iter()).map(|waiting| (waiting.client, waiting.ticket))
    }

    /// The pools that are not forgotten.
    pub fn pool_ids(&self) -> impl Iterator<Item = PoolId> {
        self.books.pools.keys().copied()
    }

    /// Takes the effects not yet performed.
    pub fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Lets time go on to `now`. Time never goes back.
    pub fn advance(&mut self, now: Instant) {
        let open = self.books.conns.len() as u128;
        self.open_nanos += now.since(self.now).as_nanos() * open;
        self.now = self.now.max(now);
    }

    /// A tick, after which nothing may be overdue.
    ///
    /// # Errors
    /// A broken rule; so for all methods below.
    pub fn tick(&mut self) -> Judged {
        self.pools.tick(self.now);
        self.judge(true)
    }

    /// Adds a budget.
    pub fn add_budget(&mut self, slots: u32, lend_after: Duration) -> BudgetId {
        let budget = self.pools.add_budget(slots, lend_after);
        self.books.budgets.insert(budget, slots);
        budget
    }

    /// Adds a pool.
    pub fn add_pool(&mut self, budgets: &[BudgetId], settings: PoolSettings) -> PoolId {
        let pool = self.pools.add_pool(budgets, settings.clone());
        self.books.pools.insert(pool, Account::new(budgets, settings));
        pool
    }

    /// A client asks for a slot.
    pub fn checkout(&mut self, pool: PoolId, client: ClientId) -> Judged<Checkout> {
        let affinity = self.last.get(&client).copied();
        let claim = Claim { client, class: class_of(client), affinity, user: client.0 };
        let answer = self.pools.checkout(self.now, pool, claim);
        let booked = self.books.answered(self.now, (pool, claim), &answer);
        self.rule(booked)?;
        let ruled = self.books.overtakes(self.now, &self.pools, (pool, claim.class), &answer);
        self.rule(ruled)?;
        if let Checkout::Granted(server) = answer {
            self.last.insert(client, server);
        }
        self.judge(false)?;
        Ok(answer)
    }

    /// A waiting client leaves.
    pub fn withdraw(&mut self, ticket: Ticket) -> Judged<bool> {
        let left = self.pools.withdraw(self.now, ticket);
        let waited = self.books.pools.values_mut().any(|account| {
            let before = account.waiting.len();
            account.waiting.retain(|waiting| waiting.ticket != ticket);
            account.waiting.len() < before
        });
        let agreed = if left == waited { Ok(()) } else { Err(format!("{ticket:?}: {left}")) };
        self.rule(agreed)?;
        self.judge(false)?;
        Ok(left)
    }

    /// A client gives a connection back.
    pub fn release(&mut self, server: ServerId, how: Release) -> Judged {
        let to = match how {
            Release::Reusable | Release::Broken => Phase::Free(self.now),
            Release::Settling => Phase::Settling,
        };
        self.free(server, to)?;
        self.pools.release(self.now, server, how);
        self.judge(false)
    }

    /// A connection has settled.
    pub fn settled(&mut self, server: ServerId) -> Judged {
        self.free(server, Phase::Free(self.now))?;
        self.pools.settled(self.now, server);
        self.judge(false)
    }

    /// A check ended.
    pub fn checked(&mut self, server: ServerId, ok: bool) -> Judged {
        self.free(server, Phase::Free(self.now))?;
        self.pools.checked(self.now, server, ok);
        self.judge(false)
    }

    /// A dial succeeded.
    pub fn connected(&mut self, dial: DialId) -> Judged {
        let now = self.now;
        if let Some(conn) = self.books.conns.get_mut(&dial.0) {
            conn.opened = now;
        }
        self.free(ServerId(dial.0), Phase::Free(now))?;
        let answer = self.pools.connected(now, dial);
        let known = answer.map(|_| ()).ok_or_else(|| format!("dial {dial} is not known"));
        self.rule(known)?;
        self.judge(false)
    }

    /// A dial failed.
    pub fn dial_failed(&mut self, dial: DialId, error: DialError) -> Judged {
        self.books.conns.remove(&dial.0);
        self.pools.dial_failed(self.now, dial, error);
        self.judge(false)
    }

    /// A connection died.
    pub fn lost(&mut self, server: ServerId) -> Judged {
        self.books.conns.remove(&server.0);
        self.pools.lost(self.now, server);
        self.judge(false)
    }

    /// A connection is closed.
    pub fn closed(&mut self, server: ServerId) -> Judged {
        self.books.conns.remove(&server.0);
        self.pools.closed(self.now, server);
        self.judge(false)
    }

    /// An operator caps a class.
    pub fn cap(&mut self, pool: PoolId, class: ClassId, cap: Option<u32>) -> Judged {
        self.pools.cap(self.now, pool, class, cap);
        self.judge(false)
    }

    /// PAUSE. It gives dials up that have neither failed nor succeeded, and RESUME starts others,
    /// so the count of dials in an outage begins anew.
    pub fn pause(&mut self, pool: PoolId) -> Judged {
        self.mode(pool, Mode::Pausing)?;
        let now = self.now;
        if let Some(account) = self.books.pools.get_mut(&pool) {
            account.outage_dials = 0;
            account.outage_since = account.outage_since.map(|_| now);
        }
        self.pools.pause(self.now, pool);
        self.judge(false)
    }

    /// RESUME.
    pub fn resume(&mut self, pool: PoolId) -> Judged {
        self.mode(pool, Mode::Running)?;
        self.pools.resume(self.now, pool);
        self.judge(false)
    }

    /// RECONNECT.
    pub fn reconnect(&mut self, pool: PoolId) -> Judged {
        self.pools.reconnect(self.now, pool);
        self.judge(false)
    }

    /// Gives the idle connections up.
    pub fn let_go_idle(&mut self, pool: PoolId) -> Judged {
        self.pools.let_go_idle(self.now, pool);
        self.judge(false)
    }

    /// New settings.
    pub fn reconfigure(&mut self, pool: PoolId, settings: PoolSettings) -> Judged {
        if let Some(account) = self.books.pools.get_mut(&pool) {
            account.mixed |= account.settings.dispatch != settings.dispatch;
            account.settings = settings.clone();
        }
        self.pools.reconfigure(self.now, pool, settings);
        self.judge(false)
    }

    /// A budget changes.
    pub fn set_budget(&mut self, budget: BudgetId, slots: u32) -> Judged {
        self.books.budgets.insert(budget, slots);
        self.pools.set_budget(self.now, budget, slots);
        self.judge(false)
    }

    /// A pool draws on other budgets.
    pub fn draw_on(&mut self, pool: PoolId, budgets: &[BudgetId]) -> Judged {
        if let Some(account) = self.books.pools.get_mut(&pool) {
            account.budgets = budgets.to_vec();
        }
        self.pools.draw_on(self.now, pool, budgets);
        self.judge(false)
    }

    /// A connection must go.
    pub fn expel(&mut self, server: ServerId) -> Judged {
        self.pools.expel(self.now, server);
        self.judge(false)
    }

    /// A pool is removed.
    pub fn remove_pool(&mut self, pool: PoolId) -> Judged {
        self.mode(pool, Mode::Removing)?;
        self.pools.remove_pool(self.now, pool);
        self.judge(false)
    }

    /// The proxy stops.
    pub fn stop(&mut self) -> Judged {
        for account in self.books.pools.values_mut() {
            account.mode = Mode::Stopping;
        }
        self.pools.stop(self.now);
        self.judge(false)
    }

    /// From now on no dial succeeds, until [`Referee::outage_ends`].
    pub fn outage_begins(&mut self) {
        for account in self.books.pools.values_mut() {
            account.outage_since = Some(self.now);
            account.outage_dials = 0;
        }
    }

    /// Dials may succeed again.
    pub fn outage_ends(&mut self) {
        for account in self.books.pools.values_mut() {
            account.outage_since = None;
        }
    }

    fn free(&mut self, server: ServerId, to: Phase) -> Judged {
        let moved = self.books.moved(server, to, |_| true);
        self.rule(moved)
    }

    fn mode(&mut self, pool: PoolId, mode: Mode) -> Judged {
        let set = self.books.set_mode(pool, mode);
        self.rule(set)
    }

    fn judge(&mut self, ticked: bool) -> Judged {
        while let Some(effect) = self.pools.poll_effect() {
            let granted = match &effect {
                Effect::Grant { client, server, .. } => self.last.insert(*client, *server),
                Effect::Refuse { .. }
                | Effect::Dial { .. }
                | Effect::AbandonDial { .. }
                | Effect::Close { .. }
                | Effect::Check { .. }
                | Effect::Paused { .. }
                | Effect::Forgotten { .. }
                | Effect::Drained => None,
            };
            let ordered = self.books.order(self.now, &self.pools, &effect);
            self.rule(ordered)?;
            let booked = self.books.effect(self.now, &effect, granted);
            self.rule(booked)?;
            self.effects.push(effect);
        }
        for (&pool, account) in &mut self.books.pools {
            account.mixed &= !account.waiting.is_empty();
            account.limited = order::is_limited(&self.pools, pool);
        }
        let audited = self.books.audit(self.now, &self.pools, ticked);
        self.rule(audited)?;
        let conserved = rules::conserved(self.now, &self.pools, self.open_nanos);
        self.rule(conserved)
    }

    fn rule(&self, verdict: Verdict) -> Judged {
        verdict.map_err(|what| Violation { at: self.now, what })
    }
}
