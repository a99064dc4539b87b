//! Rows as stretches.

use std::path::Path;
use std::sync::Arc;

use rusqlite::Row;
use weir_core::incident::Wall;
use weir_core::ledger::{
    ClassKind, ClassSums, FrameClass, GapSummary, Phase, PhaseTimes, PoolSummary, Summary, WaitSum,
};

use super::schema::PHASES;
use super::write::integer;
use super::{LedgerStore, failed};
use crate::store::open::StoreError;

impl LedgerStore {
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
