//! Opens a SQLite file of ours, and brings its tables up to date.
//!
//! WAL with `synchronous = FULL`: what was committed survives the end of the process and of the
//! machine. A file of a newer Weir is refused, not guessed at.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;

/// How long a statement waits for another process that writes.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// The file's name in the state directory: `incidents.db`.
    pub file: &'static str,
    /// Statements that make the tables, a step for each version; steps are only ever added.
    pub steps: &'static [&'static str],
    /// The oldest version that is understood as it is, where nothing may be written.
    pub readable_from: usize,
}

/// Why a file could not be opened.
#[derive(Debug, Error)]
pub enum StoreError {
    /// SQLite says no.
    #[error("cannot open {path}: {reason}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        reason: rusqlite::Error,
    },
    /// It was written by an earlier version and could only be read.
    #[error(
        "{path} has version {found}, too old to be read as it is: weir up, or weir watch, with \
         this state directory brings it up to date"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: usize,
    },
    /// It was written by a later version.
    #[error("{path} has version {found} and this weir knows {known}: use the newer weir")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version it has.
        found: usize,
        /// The newest version known here.
        known: usize,
    },
}

/// Opens the file in `dir` to write, making or updating it where needed.
///
/// # Errors
/// When it cannot be opened, is no database, or is of a newer version.
pub fn open(dir: &Path, schema: &Schema) -> Result<Connection, StoreError> {
    let path = dir.join(schema.file);
    let failed = |reason| StoreError::Sqlite { path: path.clone(), reason };
    let mut connection = Connection::open(&path).map_err(failed)?;
    prepare(&connection).map_err(failed)?;
    let found = version(&connection).map_err(failed)?;
    if found > schema.steps.len() {
        return Err(StoreError::Newer { path, found, known: schema.steps.len() });
    }
    update(&mut connection, schema, found).map_err(failed)?;
    Ok(connection)
}

/// Opens the file in `dir` to read, while another process may write to it; also its version.
///
/// # Errors
/// When it is missing, is no database, or is of a version that is not read.
pub fn open_to_read(dir: &Path, schema: &Schema) -> Result<(Connection, usize), StoreError> {
    let path = dir.join(schema.file);
    let failed = |reason| StoreError::Sqlite { path: path.clone(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
    let (found, known) = (version(&connection).map_err(failed)?, schema.steps.len());
    if found > known {
        Err(StoreError::Newer { path, found, known })
    } else if found < schema.readable_from {
        Err(StoreError::Older { path, found })
    } else {
        Ok((connection, found))
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// The steps that the file has seen, in SQLite's own place for it.
fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(version as usize)
}

fn update(connection: &mut Connection, schema: &Schema, found: usize) -> rusqlite::Result<()> {
    if found == schema.steps.len() {
        return Ok(());
    }
    let change = connection.transaction()?;
    for step in &schema.steps[found..] {
        change.execute_batch(step)?;
    }
    let version = u32::try_from(schema.steps.len()).unwrap_or(u32::MAX);
    change.pragma_update(None, "user_version", version)?;
    change.commit()
}

#[cfg(test)]
mod tests {
    use weir_testkit::{Account, Scratch};

    use super::*;

    const FIRST: Schema =
        Schema { file: "t.db", steps: &["CREATE TABLE a (x INTEGER)"], readable_from: 1 };
    const SECOND: Schema = Schema {
        file: "t.db",
        steps: &["CREATE TABLE a (x INTEGER)", "ALTER TABLE a ADD COLUMN y INTEGER DEFAULT 7"],
        readable_from: 2,
    };

    #[test]
    fn tables_are_made_once_and_grow_with_the_version() {
        let home = Scratch::new(Account::own()).unwrap();
        let one = open(home.path(), &FIRST).unwrap();
        one.execute("INSERT INTO a VALUES (1)", []).unwrap();
        drop(one);
        open(home.path(), &FIRST).unwrap();
        let two = open(home.path(), &SECOND).unwrap();
        let row = two.query_row("SELECT x, y FROM a", [], |row| Ok((row.get(0)?, row.get(1)?)));
        assert_eq!(row, Ok((1, 7)));
        let mode: String = two.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }

    #[test]
    fn a_newer_file_and_what_is_no_database_are_refused_by_name() {
        let home = Scratch::new(Account::own()).unwrap();
        drop(open(home.path(), &SECOND).unwrap());
        let read = open_to_read(home.path(), &FIRST).map(|(connection, _)| connection);
        for refusal in [open(home.path(), &FIRST), read] {
            let message = refusal.unwrap_err().to_string();
            assert!(message.contains("t.db has version 2"), "{message}");
        }
        std::fs::write(home.path().join("u.db"), [7; 4096]).unwrap();
        let message = open(home.path(), &Schema { file: "u.db", ..FIRST }).unwrap_err().to_string();
        assert!(message.contains("u.db"), "{message}");
    }

    #[test]
    fn an_older_file_is_read_where_that_is_possible_and_refused_by_name_where_not() {
        let home = Scratch::new(Account::own()).unwrap();
        drop(open(home.path(), &FIRST).unwrap());
        let message = open_to_read(home.path(), &SECOND).unwrap_err().to_string();
        assert!(message.contains("t.db has version 1, too old"), "{message}");
        let patient = Schema { readable_from: 1, ..SECOND };
        assert_eq!(open_to_read(home.path(), &patient).unwrap().1, 1);
    }

    #[test]
    fn reading_while_another_writes_sees_what_was_committed() {
        let home = Scratch::new(Account::own()).unwrap();
        assert!(open_to_read(home.path(), &FIRST).is_err(), "there is no file yet");
        let writer = open(home.path(), &FIRST).unwrap();
        writer.execute("INSERT INTO a VALUES (1)", []).unwrap();
        let (reader, version) = open_to_read(home.path(), &FIRST).unwrap();
        assert_eq!(version, 1);
        writer.execute("INSERT INTO a VALUES (2)", []).unwrap();
        let count = reader.query_row("SELECT count(*) FROM a", [], |row| row.get(0));
        assert_eq!(count, Ok(2));
        assert!(reader.execute("DELETE FROM a", []).is_err());
    }
}
