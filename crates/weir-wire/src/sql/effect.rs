//! The vocabulary of the scan: what a statement can mean to a transaction pooler.

use super::name::Name;

/// One thing that a statement does, as far as a pooler cares. Borrowed from the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect<'a> {
    /// `BEGIN` or `START TRANSACTION`.
    Begin {
        /// No transaction mode is given, so that nothing is lost when it is sent later.
        bare: bool,
    },
    /// `COMMIT` or `END`.
    Commit {
        /// `AND CHAIN`: a new transaction begins at once.
        chain: bool,
    },
    /// `ROLLBACK` or `ABORT`.
    Rollback {
        /// `AND CHAIN`: a new transaction begins at once.
        chain: bool,
    },
    /// `SAVEPOINT`.
    Savepoint,
    /// `ROLLBACK TO SAVEPOINT`.
    RollbackTo,
    /// `RELEASE SAVEPOINT`.
    Release,
    /// `PREPARE TRANSACTION`: the transaction leaves the session.
    PrepareTransaction,
    /// `COMMIT PREPARED`.
    CommitPrepared,
    /// `ROLLBACK PREPARED`.
    RollbackPrepared,
    /// `SET`, in any of its forms.
    Set {
        /// Until when it holds.
        scope: Scope,
        /// The setting; raw, for [`super::setting_name`].
        name: &'a [u8],
        /// What it becomes.
        value: SetValue<'a>,
    },
    /// `SET SESSION CHARACTERISTICS AS TRANSACTION …`: changes `default_transaction_*`.
    SetCharacteristics,
    /// `RESET name`.
    Reset {
        /// The setting; raw, for [`super::setting_name`].
        name: &'a [u8],
    },
    /// `RESET ALL`.
    ResetAll,
    /// A call of `set_config`, or an `UPDATE` of the view `pg_settings`, which calls it.
    SetConfig {
        /// The setting, as a string constant for [`super::setting_name`]; `None`: not a constant.
        name: Option<&'a [u8]>,
        /// The value, as a string constant for [`super::literal`]; `None`: not a constant.
        value: Option<&'a [u8]>,
        /// Until the end of the transaction only; `None`: not a constant.
        local: Option<bool>,
    },
    /// `LISTEN`.
    Listen {
        /// The channel.
        channel: Name<'a>,
    },
    /// `UNLISTEN`.
    Unlisten {
        /// The channel; `None` is `*`.
        channel: Option<Name<'a>>,
    },
    /// `NOTIFY` or a call of `pg_notify`.
    Notify,
    /// A call of `pg_advisory_lock` or `pg_try_advisory_lock`: held past the transaction.
    AdvisoryLock {
        /// The lock is shared.
        shared: bool,
        /// One of the `try` forms, which may come back without the lock.
        attempt: bool,
    },
    /// A call of `pg_advisory_unlock`.
    AdvisoryUnlock {
        /// The lock is shared.
        shared: bool,
    },
    /// A call of `pg_advisory_unlock_all`.
    AdvisoryUnlockAll,
    /// An object in the session's temporary schema is made.
    CreateTemp {
        /// `ON COMMIT DROP`: it does not outlive its transaction.
        on_commit_drop: bool,
    },
    /// `DECLARE … CURSOR`.
    DeclareCursor {
        /// The cursor.
        name: Name<'a>,
        /// `WITH HOLD`: it outlives its transaction.
        hold: bool,
    },
    /// `CLOSE`.
    CloseCursor {
        /// The cursor; `None` is `ALL`.
        name: Option<Name<'a>>,
    },
    /// `PREPARE name AS …`.
    Prepare {
        /// The statement's name.
        name: Name<'a>,
    },
    /// `EXECUTE name`, also below `EXPLAIN` and `CREATE TABLE … AS`.
    Execute {
        /// The statement's name.
        name: Name<'a>,
    },
    /// `DEALLOCATE`.
    Deallocate {
        /// The statement's name; `None` is `ALL`.
        name: Option<Name<'a>>,
    },
    /// `DISCARD ALL`.
    DiscardAll,
    /// `DISCARD PLANS`.
    DiscardPlans,
    /// `DISCARD TEMP`.
    DiscardTemp,
    /// `DISCARD SEQUENCES`.
    DiscardSequences,
    /// `LOAD`: a library stays in the server process.
    Load,
    /// `COPY`; neither: with a file or a program of the server.
    Copy {
        /// `FROM STDIN`.
        from_client: bool,
        /// `TO STDOUT`.
        to_client: bool,
    },
    /// `DROP DATABASE`.
    DropDatabase {
        /// The database.
        name: Name<'a>,
    },
    /// `CREATE DATABASE`.
    CreateDatabase {
        /// The template to copy, which must have no connections; `None`: `template1`.
        template: Option<Name<'a>>,
    },
    /// `ALTER DATABASE … RENAME TO`.
    AlterDatabaseRename {
        /// The database, which must have no connections.
        name: Name<'a>,
    },
    /// `DO`: code that the scan cannot see into.
    Do,
    /// `CALL`: a procedure, which may end transactions by itself.
    Call,
    /// A call of a function that leaves something else in the session (`dblink_connect`,
    /// `setseed`, a replication origin), or whose name cannot be read (`U&"…"` with escapes).
    SessionFunction,
    /// The statement is refused inside a transaction (`VACUUM`, `CREATE INDEX CONCURRENTLY`, …).
    NotInTransaction,
}

/// Until when a `SET` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Until the session ends (if its transaction commits).
    Session,
    /// Until the transaction ends.
    Local,
}

/// What a setting becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetValue<'a> {
    /// The raw text of the value, one or many items: `SET name TO <this>` repeats it.
    Literal(&'a [u8]),
    /// The default of the session, as `RESET` gives.
    Default,
    /// A value that cannot be repeated as `SET name TO` (`FROM CURRENT`, an `INTERVAL` time zone).
    Opaque,
}
