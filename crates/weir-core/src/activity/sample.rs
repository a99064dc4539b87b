//! One look at a server: who is there, and what each does. Plain data.

use std::time::Duration;

use super::statement::Statement;
use crate::ids::Pid;
use crate::time::Instant;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A client's: it takes one of `max_connections`.
    Client,
    /// Replication or a base backup: has a limit of its own since PostgreSQL 12.
    Replication,
    /// Autovacuum.
    Autovacuum,
    /// Helps another session with its statement.
    Parallel,
    /// Another process of the server.
    Background,
}

/// What a session does (`pg_stat_activity.state`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It runs a statement, also while that waits.
    Active,
    /// No transaction is open.
    Idle,
    /// A transaction is open, and the server waits for the client.
    IdleInTransaction,
    /// The same after an error.
    IdleInFailedTransaction,
    /// It logs in, the server does not track it, or this role may not see it.
    Unknown,
}

/// What a session waits for, by the class of `pg_stat_activity.wait_event_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wait {
    /// Nothing: it computes.
    None,
    /// The client takes no more of the answer.
    ClientWrite,
    /// The client is silent.
    ClientRead,
    /// A lock that another session holds.
    Lock,
    /// Something inside the server: disk, internal lock, another process, a timer.
    Server,
    /// Work to do, in processes of the server itself.
    Work,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The backend.
    pub pid: Pid,
    /// What it is for.
    pub kind: Kind,
    /// It is a guard's, of this process or another.
    pub own: bool,
    /// The database; empty without one.
    pub database: String,
    /// The role; empty without one.
    pub user: String,
    /// The application name.
    pub application: String,
    /// Where it comes from as the server sees it; empty for a Unix socket.
    pub address: String,
    /// What it does.
    pub state: State,
    /// What it waits for.
    pub wait: Wait,
    /// How long it has been connected; [`Duration::MAX`] where that is hidden.
    pub age: Duration,
    /// How long its transaction has been open, while one is.
    pub transaction: Option<Duration>,
    /// How long ago its last statement began.
    pub statement_began: Option<Duration>,
    /// How long it has been in this state.
    pub state_for: Duration,
    /// Its transaction has written.
    pub wrote: bool,
    /// Who holds what it waits for, in PostgreSQL's order; 0 is a prepared transaction. Empty when
    /// it waits for no lock.
    pub blocked_by: Vec<Pid>,
    /// The running statement, else the last one; empty for idle and hidden sessions.
    pub statement: Statement,
    /// The code that asked, where a comment of the statement tells.
    pub route: Option<String>,
    /// PostgreSQL's own identifier of the statement (version 14 and later, where computed).
    pub query_id: Option<i64>,
}

impl Session {
    /// Whether it is a client's and not a guard's.
    #[must_use]
    pub fn is_client(&self) -> bool {
        self.kind == Kind::Client && !self.own
    }

    /// How long its statement has been running; `None` when none runs. An idle session has no
    /// statement, however old its last one is.
    #[must_use]
    pub fn running(&self) -> Option<Duration> {
        (self.state == State::Active).then_some(self.statement_began).flatten()
    }

    /// How long the server has waited for the client inside a transaction, or for the data of a
    /// COPY; `None` when it does not.
    #[must_use]
    pub fn silent(&self) -> Option<Duration> {
        match (self.state, self.wait) {
            (State::IdleInTransaction | State::IdleInFailedTransaction, _)
            | (State::Active, Wait::ClientRead) => Some(self.state_for),
            (State::Active | State::Idle | State::Unknown, _) => None,
        }
    }

    /// Whether it runs a statement of maintenance or of a change of schema, which may be long.
    #[must_use]
    pub fn is_maintenance(&self) -> bool {
        let text = self.statement.text.as_str();
        ["create index", "create unique index", "refresh materialized"]
            .iter()
            .any(|start| text.starts_with(start))
            || matches!(
                self.statement.verb(),
                "vacuum" | "analyze" | "reindex" | "cluster" | "alter" | "repack"
            )
    }
}

/// Sums over all databases since the statistics were reset (`pg_stat_database`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Transactions that ended, either way.
    pub transactions: u64,
    /// Sessions that were opened (version 14 and later).
    pub sessions: Option<u64>,
    /// Deadlocks.
    pub deadlocks: u64,
    /// Rows that were read from tables and indexes, by transactions that ended.
    pub rows_read: u64,
}

/// What everybody can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `max_connections`.
    pub max_connections: u32,
    /// `superuser_reserved_connections`.
    pub superuser_reserved: u32,
    /// `reserved_connections` (version 16 and later, else 0).
    pub reserved: u32,
}

impl Limits {
    /// Connections that ordinary roles can open.
    #[must_use]
    pub fn ordinary(self) -> u32 {
        self.max_connections.saturating_sub(self.superuser_reserved).saturating_sub(self.reserved)
    }
}

/// What a narrower limit is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// `ALTER DATABASE … CONNECTION LIMIT`.
    Database(String),
    /// `ALTER ROLE … CONNECTION LIMIT`.
    Role(String),
}

/// A limit on the connections of one database or role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrower {
    /// Whose.
    pub whose: Whose,
    /// Connections at most.
    pub limit: u32,
}

/// Which slot the guard's role may take when ordinary ones are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// None: the guard needs to be connected before.
    None,
    /// Those of `pg_use_reserved_connections`.
    Reserved,
    /// Those of superusers, too.
    Superuser,
}

/// What changes rarely: asked at connect, and once a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// `server_version_num`: 150004 is 15.4.
    pub version: u32,
    /// It follows another server.
    pub in_recovery: bool,
    /// Limits for all.
    pub limits: Limits,
    /// Limits of some.
    pub narrower: Vec<Narrower>,
    /// Whether the guard's role sees the sessions of others (`pg_read_all_stats`).
    pub sees_all: bool,
    /// Which slots it may take.
    pub reserve: Reserve,
    /// `statement_timeout` for the guard's role; `None` is off.
    pub statement_timeout: Option<Duration>,
    /// `idle_in_transaction_session_timeout`, likewise.
    pub idle_in_transaction_timeout: Option<Duration>,
}

impl Facts {
    /// The major version: 13 to 18 are known.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.version / 10_000
    }

    /// What this version, or this role, does not tell.
    #[must_use]
    pub fn blind_spots(&self) -> Vec<&'static str> {
        let spots = [
            (
                !self.sees_all,
                "statements and states of other roles: grant pg_monitor to the guard's role",
            ),
            (
                self.major() < 14,
                "connections opened a second and statement identifiers: PostgreSQL 14 tells them",
            ),
            (
                self.reserve == Reserve::None && self.major() >= 16,
                "a full server, unless the guard is connected before: grant \
                 pg_use_reserved_connections and set reserved_connections",
            ),
            (
                self.reserve == Reserve::None && self.major() < 16,
                "a full server, unless the guard is connected before: only superusers have \
                 reserved slots before PostgreSQL 16",
            ),
        ];
        spots.into_iter().filter(|(blind, _)| *blind).map(|(_, what)| what).collect()
    }
}

/// One look at a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When the answer came.
    pub taken: Instant,
    /// How long it took.
    pub took: Duration,
    /// What changes rarely.
    pub facts: Facts,
    /// Everybody, guards included.
    pub sessions: Vec<Session>,
    /// Sums.
    pub totals: Totals,
}

impl Sample {
    /// Client sessions, guards included: what counts against `max_connections`.
    #[must_use]
    pub fn used(&self) -> u32 {
        let used = self.sessions.iter().filter(|session| session.kind == Kind::Client).count();
        u32::try_from(used).unwrap_or(u32::MAX)
    }

    /// Client sessions without guards.
    pub fn clients(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter().filter(|session| session.is_client())
    }

    /// Whether half of the client sessions are younger than this: a storm, or a start.
    #[must_use]
    pub fn is_mostly_younger(&self, age: Duration) -> bool {
        let young = self.clients().filter(|session| session.age < age).count();
        young > 0 && young * 2 >= self.clients().count()
    }

    /// A session by its backend.
    #[must_use]
    pub fn session(&self, pid: Pid) -> Option<&Session> {
        self.sessions.iter().find(|session| session.pid == pid)
    }
}
