//! What is known of one holder of a slot.

use std::sync::Arc;

use weir_wire::sql::Fingerprint;

use crate::console::Serial;
use crate::ids::{ClientId, ServerId};
use crate::time::Instant;

/// What the transaction does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Waits for its application.
    Idle,
    /// A statement runs.
    Executing,
    /// A statement was cancelled and runs on.
    Cancelling,
    /// The server waits for the client to take its rows.
    Streaming,
    /// COMMIT or PREPARE TRANSACTION was sent and not answered.
    Committing,
}

impl Doing {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "waits for its application",
            Self::Executing => "executes",
            Self::Cancelling => "executes although cancelled",
            Self::Streaming => "does not read its answer",
            Self::Committing => "commits",
        }
    }
}

/// What the transaction has done so far; the first is the cheapest to lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Nothing yet.
    Nothing,
    /// Statements of a transaction that can only read.
    ReadOnly,
    /// Statements that wrote no row.
    NoRows,
    /// Rows were written.
    Wrote,
}

impl Work {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::ReadOnly => "read only",
            Self::NoRows => "no rows written",
            Self::Wrote => "rows written",
        }
    }
}

/// Why a holder is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shield {
    /// A transaction that is prepared for two-phase commit.
    TwoPhase,
    /// A replication connection.
    Replication,
    /// Autovacuum.
    Autovacuum,
    /// A backup.
    Backup,
    /// A schema migration.
    Migration,
    /// A superuser.
    Superuser,
    /// An operator exempted the user, application or class.
    Exempt,
    /// Maintenance, by its statement or its tag.
    Maintenance,
}

impl Shield {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TwoPhase => "two-phase commit",
            Self::Replication => "replication",
            Self::Autovacuum => "autovacuum",
            Self::Backup => "backup",
            Self::Migration => "migration",
            Self::Superuser => "superuser",
            Self::Exempt => "exempt",
            Self::Maintenance => "maintenance",
        }
    }
}

/// One holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What it holds.
    pub server: ServerId,
    /// Who holds it.
    pub client: ClientId,
    /// The route of its transaction.
    pub route: Arc<str>,
    /// The class that this belongs to: what an operator calls it, else the route itself.
    pub class: Arc<str>,
    /// Its statement, or the last one.
    pub fingerprint: Fingerprint,
    /// That statement is the transaction's first.
    pub first: bool,
    /// What it does.
    pub doing: Doing,
    /// Since when.
    pub since: Instant,
    /// When the statement or the gap began that this is about: another one is another stretch.
    pub began: Instant,
    /// What it did so far.
    pub work: Work,
    /// What shields it.
    pub shield: Option<Shield>,
}

/// Who an action is about, for people; empty where nobody in particular.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// The database clients ask for.
    pub database: Arc<str>,
    /// The client's user.
    pub user: Arc<str>,
    /// What the client calls itself.
    pub application: Arc<str>,
    /// Where it comes from.
    pub address: Arc<str>,
    /// Its number in SHOW CLIENTS.
    pub client: Option<Serial>,
    /// The process id of its backend.
    pub backend: Option<i32>,
    /// Its last statement, without values.
    pub statement: Arc<str>,
}
