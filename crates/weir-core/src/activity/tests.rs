//! Sessions for tests, a line each.

use std::time::Duration;

use super::proxy::{Holder, Phase, PoolState, Proxy};
use super::sample::{Facts, Kind, Limits, Reserve, Sample, Session, State, Totals, Wait};
use super::statement::Statement;
use crate::ids::Pid;
use crate::time::Instant;

/// An idle client session.
pub(crate) fn session(pid: i32) -> Session {
    Session {
        pid: Pid(pid),
        kind: Kind::Client,
        own: false,
        database: "shop".into(),
        user: "app".into(),
        application: "web".into(),
        address: "10.0.0.1".into(),
        state: State::Idle,
        wait: Wait::ClientRead,
        age: Duration::from_secs(3600),
        transaction: None,
        statement_began: Some(Duration::from_secs(1)),
        state_for: Duration::from_secs(1),
        wrote: false,
        blocked_by: Vec::new(),
        statement: Statement::of(b""),
        route: None,
        query_id: None,
    }
}

/// What differs for a session.
pub(crate) trait Build: Sized {
    /// It runs a statement, for so many seconds.
    fn active(self, seconds: f64) -> Self;
    /// Its transaction is silent for so many seconds.
    fn silent(self, seconds: f64) -> Self;
    /// It is idle for so many seconds.
    fn idle(self, seconds: f64) -> Self;
    /// Its transaction is open for so many seconds.
    fn transaction(self, seconds: f64) -> Self;
    /// Its statement.
    fn sql(self, text: &str) -> Self;
    /// What it waits for.
    fn wait(self, wait: Wait) -> Self;
    /// Who blocks it.
    fn blocked_by(self, pids: &[i32]) -> Self;
    /// Its application name.
    fn application(self, name: &str) -> Self;
    /// How long it is connected, seconds.
    fn aged(self, seconds: f64) -> Self;
}

impl Build for Session {
    fn active(self, seconds: f64) -> Self {
        let began = Duration::from_secs_f64(seconds);
        let (statement_began, transaction) = (Some(began), Some(began));
        let (state, wait) = (State::Active, Wait::None);
        Self { state, wait, statement_began, transaction, state_for: began, ..self }
    }

    fn silent(self, seconds: f64) -> Self {
        let state_for = Duration::from_secs_f64(seconds);
        let transaction = Some(state_for);
        Self { state: State::IdleInTransaction, state_for, transaction, ..self }
    }

    fn idle(self, seconds: f64) -> Self {
        Self { state_for: Duration::from_secs_f64(seconds), ..self }
    }

    fn transaction(self, seconds: f64) -> Self {
        Self { transaction: Some(Duration::from_secs_f64(seconds)), ..self }
    }

    fn sql(self, text: &str) -> Self {
        Self { statement: Statement::of(text.as_bytes()), ..self }
    }

    fn wait(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }

    fn blocked_by(self, pids: &[i32]) -> Self {
        let wait = if pids.is_empty() { self.wait } else { Wait::Lock };
        Self { blocked_by: pids.iter().copied().map(Pid).collect(), wait, ..self }
    }

    fn application(self, name: &str) -> Self {
        Self { application: name.into(), ..self }
    }

    fn aged(self, seconds: f64) -> Self {
        Self { age: Duration::from_secs_f64(seconds), ..self }
    }
}

/// What a server says of itself whose ordinary roles can open `ordinary` connections.
pub(crate) fn facts(ordinary: u32) -> Facts {
    Facts {
        version: 150_004,
        in_recovery: false,
        limits: Limits { max_connections: ordinary + 3, superuser_reserved: 3, reserved: 0 },
        narrower: Vec::new(),
        sees_all: true,
        reserve: Reserve::Superuser,
        statement_timeout: None,
        idle_in_transaction_timeout: None,
    }
}

/// A look at such a server.
pub(crate) fn sample(ordinary: u32, sessions: Vec<Session>) -> Sample {
    Sample {
        taken: Instant::from_millis(1_000_000),
        took: Duration::from_millis(2),
        facts: facts(ordinary),
        sessions,
        totals: Totals::default(),
    }
}

/// A full pool without waiters.
pub(crate) fn pool(size: u32) -> PoolState {
    PoolState {
        database: "shop".into(),
        user: "app".into(),
        size,
        held: size,
        pinned: 0,
        pins_max: size.div_ceil(2),
        waiting: 0,
        oldest_wait: Duration::ZERO,
        failures: 0,
    }
}

/// A full pool in which so many have waited for some seconds.
pub(crate) fn crowded(size: u32, waiting: u32) -> PoolState {
    PoolState { waiting, oldest_wait: Duration::from_secs(4), ..pool(size) }
}

/// A client that holds the slot of this backend.
pub(crate) fn holder(pid: i32, phase: Phase, seconds: f64) -> Holder {
    Holder {
        database: "shop".into(),
        user: "app".into(),
        pid: Pid(pid),
        route: None,
        application: "web".into(),
        host: "10.0.0.1".into(),
        phase,
        phase_for: Duration::from_secs_f64(seconds),
        pinned: String::new(),
        gap: None,
    }
}

/// A proxy with these pools and nobody in them.
pub(crate) fn proxy_with(pools: Vec<PoolState>) -> Proxy {
    Proxy { pools, ..Proxy::default() }
}
