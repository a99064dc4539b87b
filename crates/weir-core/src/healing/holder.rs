//! What is known of one holder of a slot.

use crate::ids::{ClassId, ServerId};
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
    /// An operator exempted the user or class.
    Exempt,
    /// Tagged as maintenance.
    Maintenance,
}

/// One holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// What it holds.
    pub server: ServerId,
    /// Its class.
    pub class: ClassId,
    /// What it does.
    pub doing: Doing,
    /// Since when.
    pub since: Instant,
    /// What it did so far.
    pub work: Work,
    /// What shields it.
    pub shield: Option<Shield>,
}
