//! Stretches as rows.

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Transaction, params_from_iter};
use weir_core::ledger::{FrameClass, PhaseTimes, Summary};

use super::schema::PHASES;

/// Writes one stretch with its pools, classes and gap edges.
pub(super) fn put(change: &Transaction<'_>, stretch: &Summary) -> rusqlite::Result<()> {
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
pub(super) fn tidy(change: &Transaction<'_>, gone: usize) -> rusqlite::Result<()> {
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

/// SQLite's integers end at 2^63: 292 years of nanoseconds.
fn nanos(nanos: u128) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// SQLite knows no unsigned numbers.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
