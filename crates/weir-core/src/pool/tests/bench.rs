//! A pool set-up with short words for what happens to it.

use std::sync::Arc;
use std::time::Duration;

use crate::ids::{BudgetId, ClassId, ClientId, DialId, PoolId, ServerId, Ticket};
use crate::pool::{
    Checkout, Claim, CloseReason, DialError, Effect, Fault, PoolSettings, Pools, Release,
};
use crate::time::Instant;

pub(super) const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Settings without minimum, timeouts and chance, with `size_max` slots.
pub(super) fn plain(size_max: u32) -> PoolSettings {
    PoolSettings {
        size_max,
        wait_max: None,
        server_lifetime: None,
        server_idle_timeout: None,
        check_after_idle: None,
        dials_parallel_max: 100,
        ..PoolSettings::default()
    }
}

pub(super) fn fault(message: &str) -> Fault {
    Fault { sqlstate: *b"08001", message: Arc::from(message) }
}

/// The pools, the time, and the effects not yet looked at.
pub(super) struct Bench {
    pub(super) pools: Pools,
    pub(super) now: Instant,
    pub(super) budget: BudgetId,
}

impl Bench {
    /// One budget and no pool.
    pub(super) fn new(slots: u32) -> Self {
        let mut pools = Pools::new();
        let budget = pools.add_budget(slots, ms(100));
        Self { pools, now: Instant::ZERO, budget }
    }

    /// One pool, no limit on the budget.
    pub(super) fn one(settings: PoolSettings) -> (Self, PoolId) {
        let mut bench = Self::new(u32::MAX);
        let pool = bench.add(settings);
        (bench, pool)
    }

    pub(super) fn add(&mut self, settings: PoolSettings) -> PoolId {
        self.pools.add_pool(&[self.budget], settings)
    }

    /// Lets time pass without a tick.
    pub(super) fn pass(&mut self, millis: u64) {
        self.now = self.now + ms(millis);
    }

    /// Lets time pass, with a tick whenever one is due.
    pub(super) fn wait(&mut self, millis: u64) {
        let end = self.now + ms(millis);
        while let Some(due) = self.pools.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.pools.tick(self.now);
        }
        self.now = end;
    }

    pub(super) fn ask(&mut self, pool: PoolId, client: u32) -> Checkout {
        self.ask_again(pool, client, None)
    }

    /// A checkout by a client that had `last` before.
    pub(super) fn ask_again(
        &mut self,
        pool: PoolId,
        client: u32,
        last: Option<ServerId>,
    ) -> Checkout {
        let claim = Claim { client: ClientId(client), class: ClassId(0), affinity: last, user: 0 };
        self.pools.checkout(self.now, pool, claim)
    }

    pub(super) fn queue(&mut self, pool: PoolId, client: u32) -> Ticket {
        match self.ask(pool, client) {
            Checkout::Queued(ticket) => ticket,
            other => panic!("client {client} does not wait: {other:?}"),
        }
    }

    /// A checkout that must be answered at once.
    pub(super) fn take(&mut self, pool: PoolId, client: u32) -> ServerId {
        match self.ask(pool, client) {
            Checkout::Granted(server) => server,
            other => panic!("client {client} gets nothing: {other:?}"),
        }
    }

    pub(super) fn free(&mut self, server: ServerId) {
        self.pools.release(self.now, server, Release::Reusable);
    }

    pub(super) fn effects(&mut self) -> Vec<Effect> {
        std::iter::from_fn(|| self.pools.poll_effect()).collect()
    }

    /// The dials among the effects; there must be nothing else.
    pub(super) fn dials(&mut self) -> Vec<DialId> {
        let dial = |effect| match effect {
            Effect::Dial { dial, .. } => dial,
            other => panic!("not a dial: {other:?}"),
        };
        self.effects().into_iter().map(dial).collect()
    }

    /// The connections to close among the effects; there must be nothing else.
    pub(super) fn closes(&mut self) -> Vec<(ServerId, CloseReason)> {
        let close = |effect| match effect {
            Effect::Close { server, why } => (server, why),
            other => panic!("not a close: {other:?}"),
        };
        self.effects().into_iter().map(close).collect()
    }

    /// The grants among the effects; there must be nothing else.
    pub(super) fn grants(&mut self) -> Vec<(u32, ServerId)> {
        let grant = |effect| match effect {
            Effect::Grant { client, server, .. } => (client.0, server),
            other => panic!("not a grant: {other:?}"),
        };
        self.effects().into_iter().map(grant).collect()
    }

    pub(super) fn connect(&mut self, dial: DialId) -> ServerId {
        self.pools.connected(self.now, dial).expect("the dial is under way")
    }

    pub(super) fn fail(&mut self, dial: DialId) {
        let error = DialError::Transient(fault("connection refused"));
        self.pools.dial_failed(self.now, dial, error);
    }

    /// Opens `count` connections and leaves them idle, the first unused longest.
    pub(super) fn warm(&mut self, pool: PoolId, count: u32) -> Vec<ServerId> {
        for client in 0..count {
            let _ = self.ask(pool, client);
        }
        let dials = self.dials();
        let servers: Vec<_> = dials.into_iter().map(|dial| self.connect(dial)).collect();
        assert_eq!(self.grants().len(), count as usize);
        for &server in &servers {
            self.free(server);
        }
        servers
    }
}
