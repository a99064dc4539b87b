//! The ledger's history on disk: a row for each stretch, and rows for its pools, classes and gap
//! edges. Times are nanoseconds. Names and statements are stored once.

use std::path::Path;
use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params_from_iter};
use weir_core::incident::Wall;
use weir_core::ledger::{
    ClassKind, ClassSums, FrameClass, GapSummary, Phase, PhaseTimes, PoolSummary, Summary, WaitSum,
};

use super::open::{Schema, StoreError, open, open_to_read};

/// The columns of the phases, in the order of [`Phase::ALL`].
const PHASES: &str = "connecting, idle, resetting, executing, client_blocked, copy_in, \
                      idle_in_transaction, pinned_idle, cancel_settling, draining";

/// The file and its tables.
const SCHEMA: Schema = Schema {
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
const COUNTS_ROWS: usize = 2;

/// Of all stretches, so many parts are forgotten at once when the file is full.
const FORGET_PARTS: u32 = 16;

/// SQLite's log of what was written last.
const LOG_BYTES: i64 = 1 << 20;

/// The history in one state directory.
#[derive(Debug)]
pub struct LedgerStore {
    connection: Connection,
    /// The column that counts rows; nothing where the file is of a version that did not.
    row_count: &'static str,
}

impl LedgerStore {
    /// Opens it to write; it will not grow beyond `bytes_max`, to within a page. Beside it there
    /// is SQLite's log of what was written last, of about a megabyte.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(dir: &Path, bytes_max: u64) -> Result<Self, StoreError> {
        let store = Self { connection: open(dir, &SCHEMA)?, row_count: "row_count" };
        store.limit(bytes_max).map_err(|reason| failed(dir, reason))?;
        Ok(store)
    }

    /// Opens it to read, while a proxy may write.
    ///
    /// # Errors
    /// As [`open_to_read`].
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        let (connection, version) = open_to_read(dir, &SCHEMA)?;
        Ok(Self { connection, row_count: if version < COUNTS_ROWS { "0" } else { "row_count" } })
    }

    /// Whether a directory has one.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(SCHEMA.file).exists()
    }

    fn limit(&self, bytes_max: u64) -> rusqlite::Result<()> {
        let page: u64 = self.pragma("page_size")?;
        let pages = i64::try_from(bytes_max / page.max(1)).unwrap_or(i64::MAX);
        let set =
            |name, value| self.connection.pragma_update_and_check(None, name, value, |_| Ok(()));
        set("max_page_count", pages)?;
        set("journal_size_limit", LOG_BYTES)?;
        set("wal_autocheckpoint", LOG_BYTES / i64::try_from(page.max(1)).unwrap_or(i64::MAX))
    }

    fn pragma(&self, name: &str) -> rusqlite::Result<u64> {
        let value: i64 = self.connection.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(u64::try_from(value).unwrap_or(0))
    }

    /// Stores stretches, all or none. When this returns, a crash does not take them away.
    ///
    /// # Errors
    /// What SQLite says: a full disk, a file that is gone.
    pub fn store<'a>(
        &mut self,
        stretches: impl IntoIterator<Item = &'a Summary>,
    ) -> rusqlite::Result<()> {
        let change = self.connection.transaction()?;
        for stretch in stretches {
            put(&change, stretch)?;
        }
        change.commit()
    }

    /// Forgets stretches that ended before a moment; how many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn forget(&mut self, before: Wall) -> rusqlite::Result<usize> {
        let change = self.connection.transaction()?;
        let gone =
            change.execute("DELETE FROM stretch WHERE until_ms < ?1", [integer(before.0)])?;
        tidy(&change, gone)?;
        change.commit()?;
        Ok(gone)
    }

    /// Forgets the oldest sixteenth of all stretches where less than that part of the file is
    /// free; how many.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn make_room(&mut self) -> rusqlite::Result<usize> {
        let (most, pages) = (self.pragma("max_page_count")?, self.pragma("page_count")?);
        let used = pages.saturating_sub(self.pragma("freelist_count")?);
        if used < most - most / u64::from(FORGET_PARTS) {
            return Ok(0);
        }
        let change = self.connection.transaction()?;
        let count: u32 = change.query_row("SELECT count(*) FROM stretch", [], |row| row.get(0))?;
        let gone = change.execute(
            "DELETE FROM stretch WHERE id IN (SELECT id FROM stretch ORDER BY id LIMIT ?1)",
            [count.div_ceil(FORGET_PARTS)],
        )?;
        tidy(&change, gone)?;
        change.commit()?;
        Ok(gone)
    }

    /// Stretches that ended after `since` and began before `until`, the oldest first; of more than
    /// `most` the latest.
    ///
    /// # Errors
    /// What SQLite says, and what is no longer understood.
    pub fn read(&self, since: Wall, until: Wall, most: usize) -> rusqlite::Result<Vec<Summary>> {
        let select = format!(
            "SELECT {PHASES}, id, from_ms, until_ms, slots, waiting, open FROM stretch \
             WHERE until_ms > ?1 AND from_ms < ?2 ORDER BY id DESC LIMIT ?3"
        );
        let mut statement = self.connection.prepare(&select)?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let range = [integer(since.0), integer(until.0), most];
        let found: Vec<(i64, Summary)> =
            statement.query_map(range, stretch)?.collect::<rusqlite::Result<_>>()?;
        found.into_iter().rev().map(|(id, summary)| self.filled(id, summary)).collect()
    }

    /// The same; an error names the file in `dir`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_known(
        &self,
        dir: &Path,
        since: Wall,
        until: Wall,
        most: usize,
    ) -> Result<Vec<Summary>, StoreError> {
        self.read(since, until, most).map_err(|reason| failed(dir, reason))
    }

    fn filled(&self, id: i64, mut summary: Summary) -> rusqlite::Result<Summary> {
        summary.pools = self.rows(
            id,
            "d.text, u.text, slots, transactions, statements, checkouts, waited FROM pool \
             JOIN label d ON d.id = database JOIN label u ON u.id = user",
            pool,
        )?;
        summary.classes = self.rows(
            id,
            &format!(
                "r.text, route_from, claims, transactions, {}, granted, granted_waited, refused, \
                 refused_waited, gave_up, gave_up_waited FROM class JOIN label r ON r.id = route",
                self.row_count
            ),
            class,
        )?;
        let select = "SELECT r.text, b.text, a.text, count, nanos FROM gap \
                      JOIN label r ON r.id = route JOIN label b ON b.id = before \
                      JOIN label a ON a.id = after WHERE stretch = ?1 ORDER BY place";
        let mut statement = self.connection.prepare(select)?;
        summary.gaps = statement.query_map([id], gap)?.collect::<rusqlite::Result<_>>()?;
        Ok(summary)
    }

    /// Rows of one stretch that begin with the phases.
    fn rows<T>(
        &self,
        id: i64,
        rest: &str,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<Vec<T>> {
        let select = format!("SELECT {PHASES}, {rest} WHERE stretch = ?1 ORDER BY place");
        self.connection.prepare(&select)?.query_map([id], read)?.collect()
    }

    /// Makes the disk refuse every write, as one does that is full or read-only.
    #[cfg(test)]
    pub(crate) fn refuse(&self, refuse: bool) {
        self.connection.pragma_update(None, "query_only", refuse).unwrap();
    }
}

fn failed(dir: &Path, reason: rusqlite::Error) -> StoreError {
    StoreError::Sqlite { path: dir.join(SCHEMA.file), reason }
}

fn put(change: &Transaction<'_>, stretch: &Summary) -> rusqlite::Result<()> {
    let head = [
        integer(stretch.from.0),
        integer(stretch.until.0),
        stretch.slots.into(),
        stretch.waiting.into(),
        nanos(stretch.open_nanos),
    ];
    insert(change, "stretch (from_ms, until_ms, slots, waiting, open", head, &stretch.times)?;
    let id = change.last_insert_rowid();
    for (place, pool) in (0..).zip(&stretch.pools) {
        let values = [
            id,
            place,
            label(change, &pool.database)?,
            label(change, &pool.user)?,
            pool.slots.into(),
            integer(pool.transactions),
            integer(pool.statements),
            integer(pool.checkouts),
            nanos(pool.waited_nanos),
        ];
        let columns = "pool (stretch, place, database, user, slots, transactions, statements, \
                       checkouts, waited";
        insert(change, columns, values, &pool.times)?;
    }
    for (place, class) in (0..).zip(&stretch.classes) {
        put_class(change, id, place, class)?;
    }
    for (place, gap) in (0..).zip(&stretch.gaps) {
        let labels = [&gap.route, &gap.before, &gap.after];
        let [route, before, after] =
            [label(change, labels[0])?, label(change, labels[1])?, label(change, labels[2])?];
        change.execute(
            "INSERT INTO gap VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            [id, place, route, before, after, integer(gap.count), nanos(gap.nanos)],
        )?;
    }
    Ok(())
}

fn put_class(
    change: &Transaction<'_>,
    stretch: i64,
    place: i64,
    class: &FrameClass,
) -> rusqlite::Result<()> {
    let sums = &class.sums;
    let mut values: Vec<Value> =
        [stretch, place, label(change, &class.label)?].map(Value::from).to_vec();
    values.push(class.kind.as_str().to_owned().into());
    values.extend([sums.claims, sums.transactions, sums.rows].map(integer).map(Value::from));
    for wait in [sums.granted, sums.refused, sums.left] {
        values.extend([integer(wait.count), nanos(wait.nanos)].map(Value::from));
    }
    let columns = "class (stretch, place, route, route_from, claims, transactions, \
                   row_count, granted, granted_waited, refused, refused_waited, gave_up, \
                   gave_up_waited";
    insert(change, columns, values, &sums.times)
}

/// Inserts a row: `into` without its closing bracket, its values, and the phases.
fn insert<V: Into<Value>>(
    change: &Transaction<'_>,
    into: &str,
    values: impl IntoIterator<Item = V>,
    times: &PhaseTimes,
) -> rusqlite::Result<()> {
    let phases = times.iter().map(|(_, time)| Value::from(nanos(time)));
    let values: Vec<Value> = values.into_iter().map(Into::into).chain(phases).collect();
    let marks = vec!["?"; values.len()].join(", ");
    let sql = format!("INSERT INTO {into}, {PHASES}) VALUES ({marks})");
    change.execute(&sql, params_from_iter(values)).map(drop)
}

/// The number of a text.
fn label(change: &Transaction<'_>, text: &str) -> rusqlite::Result<i64> {
    let known = change
        .query_row("SELECT id FROM label WHERE text = ?1", [text], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    change.execute("INSERT INTO label (text) VALUES (?1)", [text])?;
    Ok(change.last_insert_rowid())
}

/// Forgets texts that nothing names any more, when rows have gone.
fn tidy(change: &Transaction<'_>, gone: usize) -> rusqlite::Result<()> {
    if gone == 0 {
        return Ok(());
    }
    change
        .execute(
            "DELETE FROM label WHERE id NOT IN (SELECT database FROM pool UNION \
             SELECT user FROM pool UNION SELECT route FROM class UNION SELECT route FROM gap \
             UNION SELECT before FROM gap UNION SELECT after FROM gap)",
            [],
        )
        .map(drop)
}

/// The phases, which are the first columns of a row.
fn times(row: &Row<'_>) -> rusqlite::Result<PhaseTimes> {
    let mut times = PhaseTimes::default();
    for (at, phase) in Phase::ALL.into_iter().enumerate() {
        times.charge(phase, natural(row, at)?);
    }
    Ok(times)
}

fn stretch(row: &Row<'_>) -> rusqlite::Result<(i64, Summary)> {
    let at = Phase::COUNT;
    let summary = Summary {
        from: Wall(natural(row, at + 1)?),
        until: Wall(natural(row, at + 2)?),
        slots: row.get(at + 3)?,
        waiting: row.get(at + 4)?,
        open_nanos: natural(row, at + 5)?.into(),
        times: times(row)?,
        pools: Vec::new(),
        classes: Vec::new(),
        gaps: Vec::new(),
    };
    Ok((row.get(at)?, summary))
}

fn pool(row: &Row<'_>) -> rusqlite::Result<PoolSummary> {
    let at = Phase::COUNT;
    Ok(PoolSummary {
        database: text(row, at)?,
        user: text(row, at + 1)?,
        slots: row.get(at + 2)?,
        transactions: natural(row, at + 3)?,
        statements: natural(row, at + 4)?,
        checkouts: natural(row, at + 5)?,
        waited_nanos: natural(row, at + 6)?.into(),
        times: times(row)?,
    })
}

fn class(row: &Row<'_>) -> rusqlite::Result<FrameClass> {
    let at = Phase::COUNT;
    let wait = |at| -> rusqlite::Result<WaitSum> {
        Ok(WaitSum { count: natural(row, at)?, nanos: natural(row, at + 1)?.into() })
    };
    let kind: String = row.get(at + 1)?;
    let sums = ClassSums {
        times: times(row)?,
        claims: natural(row, at + 2)?,
        transactions: natural(row, at + 3)?,
        rows: natural(row, at + 4)?,
        granted: wait(at + 5)?,
        refused: wait(at + 7)?,
        left: wait(at + 9)?,
    };
    let kind = ClassKind::named(&kind).unwrap_or(ClassKind::Other);
    Ok(FrameClass { label: text(row, at)?, kind, sums })
}

fn gap(row: &Row<'_>) -> rusqlite::Result<GapSummary> {
    Ok(GapSummary {
        route: text(row, 0)?,
        before: text(row, 1)?,
        after: text(row, 2)?,
        count: natural(row, 3)?,
        nanos: natural(row, 4)?.into(),
    })
}

fn text(row: &Row<'_>, at: usize) -> rusqlite::Result<Arc<str>> {
    row.get::<_, String>(at).map(Arc::from)
}

/// A column that is never below zero.
fn natural(row: &Row<'_>, at: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(at).map(|number| u64::try_from(number).unwrap_or(0))
}

/// SQLite's integers end at 2^63: 292 years of nanoseconds.
fn nanos(nanos: u128) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod former;
