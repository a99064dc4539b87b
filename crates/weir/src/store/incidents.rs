//! Incidents on disk. Events are only ever added; of the incident and its flight recorder the
//! latest counts.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use weir_core::incident::report::{Otherwise, Story};
use weir_core::incident::{Event, Flight, Incident, IncidentId, Price, Record, Wall, interrupted};

use super::open::{Schema, StoreError, open, open_to_read};

/// The file and its tables.
const SCHEMA: Schema = Schema {
    file: "incidents.db",
    steps: &["CREATE TABLE incident (id TEXT PRIMARY KEY, opened INTEGER NOT NULL, \
              open INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
              CREATE TABLE event (incident TEXT NOT NULL, seq INTEGER NOT NULL, \
              body TEXT NOT NULL, PRIMARY KEY (incident, seq)) STRICT, WITHOUT ROWID;
              CREATE TABLE flight (incident TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;"],
    readable_from: 1,
};

/// The incidents of one state directory.
#[derive(Debug)]
pub struct IncidentStore {
    connection: Connection,
}

impl IncidentStore {
    /// Opens it to write.
    ///
    /// # Errors
    /// As [`open`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: open(dir, &SCHEMA)? })
    }

    /// Whether a directory has one.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(SCHEMA.file).exists()
    }

    /// Opens it to read, while a proxy may write.
    ///
    /// # Errors
    /// As [`open_to_read`].
    pub fn open_to_read(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: open_to_read(dir, &SCHEMA)?.0 })
    }

    /// Stores records, all or none. When this returns, a crash does not take them away.
    ///
    /// # Errors
    /// What SQLite says: a full disk, a file that is gone.
    pub fn store<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> rusqlite::Result<()> {
        let change = self.connection.transaction()?;
        for record in records {
            match record {
                Record::Event(id, event) => put_event(&change, id, event)?,
                Record::Incident(incident) => put_incident(&change, incident)?,
                Record::Flight(id, flight) => {
                    let put = "INSERT OR REPLACE INTO flight VALUES (?1, ?2)";
                    change.execute(put, params![id.0, json(flight)])?;
                }
                Record::Tell(_) => {}
            }
        }
        change.commit()
    }

    /// Closes what a process that ended has left open; how many there were.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn close_interrupted(&mut self, now: Wall) -> rusqlite::Result<usize> {
        let left: Vec<Incident> =
            self.bodies("SELECT body FROM incident WHERE open = 1 ORDER BY opened", "")?;
        for incident in &left {
            let count: u32 = self.connection.query_row(
                "SELECT coalesce(max(seq), 0) FROM event WHERE incident = ?1",
                [&incident.id.0],
                |row| row.get(0),
            )?;
            let records = interrupted(incident, count, now);
            self.store(&records)?;
        }
        Ok(left.len())
    }

    /// Forgets incidents that opened before a moment.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn forget(&mut self, before: Wall) -> rusqlite::Result<()> {
        let change = self.connection.transaction()?;
        let old = "SELECT id FROM incident WHERE open = 0 AND opened < ?1";
        let before = i64::try_from(before.0).unwrap_or(i64::MAX);
        for table in ["event", "flight"] {
            change.execute(&format!("DELETE FROM {table} WHERE incident IN ({old})"), [before])?;
        }
        change.execute("DELETE FROM incident WHERE open = 0 AND opened < ?1", [before])?;
        change.commit()
    }

    /// The latest incidents first.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn list(&self, count: u32) -> rusqlite::Result<Vec<Incident>> {
        self.bodies("SELECT body FROM incident ORDER BY opened DESC LIMIT ?1", count)
    }

    /// The incident of this name, or the one whose name begins so; of several the latest. An empty
    /// name is the latest of all.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn find(&self, name: &str) -> rusqlite::Result<Option<Incident>> {
        let found = self.bodies(
            "SELECT body FROM incident WHERE substr(id, 1, length(?1)) = ?1 \
             ORDER BY opened DESC LIMIT 1",
            name,
        )?;
        Ok(found.into_iter().next())
    }

    /// The events of an incident, in their order.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn events(&self, id: &IncidentId) -> rusqlite::Result<Vec<Event>> {
        self.bodies("SELECT body FROM event WHERE incident = ?1 ORDER BY seq", &id.0)
    }

    /// What the flight recorder kept of an incident; nothing where it kept nothing.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn flight(&self, id: &IncidentId) -> rusqlite::Result<Flight> {
        let select = "SELECT body FROM flight WHERE incident = ?1";
        Ok(self.connection.query_row(select, [&id.0], read).optional()?.unwrap_or_default())
    }

    /// Everything that is kept of an incident.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn story(&self, incident: Incident, price: Option<Price>) -> rusqlite::Result<Story> {
        let events = self.events(&incident.id)?;
        let flight = self.flight(&incident.id)?;
        Ok(Story {
            incident,
            events,
            flight,
            price,
            otherwise: Otherwise::NotRecorded,
            routes: Vec::new(),
        })
    }

    /// Makes the disk full: the file gets no further pages.
    #[cfg(test)]
    pub(crate) fn fill(&self, full: bool) {
        let pages: u32 =
            self.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let most = if full { pages } else { 1_000_000 };
        self.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).unwrap();
    }

    fn bodies<T: DeserializeOwned>(
        &self,
        select: &str,
        argument: impl rusqlite::ToSql,
    ) -> rusqlite::Result<Vec<T>> {
        let mut statement = self.connection.prepare(select)?;
        match statement.parameter_count() {
            0 => statement.query_map([], read)?.collect(),
            _ => statement.query_map([argument], read)?.collect(),
        }
    }
}

fn put_event(change: &Connection, id: &IncidentId, event: &Event) -> rusqlite::Result<()> {
    let put = "INSERT OR IGNORE INTO event VALUES (?1, ?2, ?3)";
    change.execute(put, params![id.0, event.seq, json(event)]).map(drop)
}

fn put_incident(change: &Connection, incident: &Incident) -> rusqlite::Result<()> {
    let put = "INSERT OR REPLACE INTO incident VALUES (?1, ?2, ?3, ?4)";
    let opened = i64::try_from(incident.opened.0).unwrap_or(i64::MAX);
    let values = params![incident.id.0, opened, incident.closed.is_none(), json(incident)];
    change.execute(put, values).map(drop)
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Records are plain data with text keys: they always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// A body; what is no longer understood is an error that names the column.
fn read<T: DeserializeOwned>(row: &Row<'_>) -> rusqlite::Result<T> {
    let body: String = row.get(0)?;
    serde_json::from_str(&body).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}
