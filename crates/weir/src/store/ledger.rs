//! The ledger's history on disk: a row for each stretch, and rows for its pools, classes and gap
//! edges. Times are nanoseconds. Names and statements are stored once.

mod read;
mod schema;
mod write;

use std::path::Path;

use rusqlite::Connection;
use weir_core::incident::Wall;
use weir_core::ledger::Summary;

use self::schema::{COUNTS_ROWS, SCHEMA};
use self::write::{integer, put, tidy};
use super::open::{StoreError, open, open_to_read};

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

    /// Makes the disk refuse every write, as one does that is full or read-only.
    #[cfg(test)]
    pub(crate) fn refuse(&self, refuse: bool) {
        self.connection.pragma_update(None, "query_only", refuse).unwrap();
    }
}

fn failed(dir: &Path, reason: rusqlite::Error) -> StoreError {
    StoreError::Sqlite { path: dir.join(SCHEMA.file), reason }
}

#[cfg(test)]
mod former;
