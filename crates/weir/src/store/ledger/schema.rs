//! The tables of the ledger's history.

use crate::store::open::Schema;

/// The columns of the phases, in the order of [`Phase::ALL`].
pub(super) const PHASES: &str = "connecting, idle, resetting, executing, client_blocked, copy_in, \
                      idle_in_transaction, pinned_idle, cancel_settling, draining";

/// The file and its tables.
pub(super) const SCHEMA: Schema = Schema {
    file: "ledger.db",
    steps: &[
        "CREATE TABLE stretch (id INTEGER PRIMARY KEY, from_ms INTEGER NOT NULL,
        until_ms INTEGER NOT NULL, slots INTEGER NOT NULL, waiting INTEGER NOT NULL,
        open INTEGER NOT NULL, connecting INTEGER NOT NULL, idle INTEGER NOT NULL,
        resetting INTEGER NOT NULL, executing INTEGER NOT NULL, client_blocked INTEGER NOT NULL,
        copy_in INTEGER NOT NULL, idle_in_transaction INTEGER NOT NULL,
        pinned_idle INTEGER NOT NULL, cancel_settling INTEGER NOT NULL,
        draining INTEGER NOT NULL) STRICT;
        CREATE INDEX stretch_until ON stretch (until_ms);
        CREATE TABLE label (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE pool (stretch INTEGER NOT NULL REFERENCES stretch ON DELETE CASCADE,
        place INTEGER NOT NULL, database INTEGER NOT NULL, user INTEGER NOT NULL,
        slots INTEGER NOT NULL, transactions INTEGER NOT NULL, statements INTEGER NOT NULL,
        checkouts INTEGER NOT NULL, waited INTEGER NOT NULL, connecting INTEGER NOT NULL,
        idle INTEGER NOT NULL, resetting INTEGER NOT NULL, executing INTEGER NOT NULL,
        client_blocked INTEGER NOT NULL, copy_in INTEGER NOT NULL,
        idle_in_transaction INTEGER NOT NULL, pinned_idle INTEGER NOT NULL,
        cancel_settling INTEGER NOT NULL, draining INTEGER NOT NULL,
        PRIMARY KEY (stretch, place)) STRICT, WITHOUT ROWID;
        CREATE TABLE class (stretch INTEGER NOT NULL REFERENCES stretch ON DELETE CASCADE,
        place INTEGER NOT NULL, route INTEGER NOT NULL, route_from TEXT NOT NULL,
        claims INTEGER NOT NULL, transactions INTEGER NOT NULL,
        granted INTEGER NOT NULL, granted_waited INTEGER NOT NULL,
        refused INTEGER NOT NULL, refused_waited INTEGER NOT NULL,
        gave_up INTEGER NOT NULL, gave_up_waited INTEGER NOT NULL, connecting INTEGER NOT NULL,
        idle INTEGER NOT NULL, resetting INTEGER NOT NULL, executing INTEGER NOT NULL,
        client_blocked INTEGER NOT NULL, copy_in INTEGER NOT NULL,
        idle_in_transaction INTEGER NOT NULL, pinned_idle INTEGER NOT NULL,
        cancel_settling INTEGER NOT NULL, draining INTEGER NOT NULL,
        PRIMARY KEY (stretch, place)) STRICT, WITHOUT ROWID;
        CREATE TABLE gap (stretch INTEGER NOT NULL REFERENCES stretch ON DELETE CASCADE,
        place INTEGER NOT NULL, route INTEGER NOT NULL, before INTEGER NOT NULL,
        after INTEGER NOT NULL, count INTEGER NOT NULL, nanos INTEGER NOT NULL,
        PRIMARY KEY (stretch, place)) STRICT, WITHOUT ROWID;",
        "ALTER TABLE class ADD COLUMN row_count INTEGER NOT NULL DEFAULT 0",
    ],
    readable_from: 1,
};

/// The version from which rows are counted.
pub(super) const COUNTS_ROWS: usize = 2;
