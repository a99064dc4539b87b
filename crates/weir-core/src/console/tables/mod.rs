//! Each SHOW.

mod config;
mod connections;
mod counts;
mod databases;
mod healing;
mod incidents;
mod ledger;
mod pools;
mod sheet;
mod stats;
mod users;

pub(super) use config::CONFIG;
pub(super) use connections::{CLIENTS, SERVERS};
pub(super) use counts::{LISTS, MEM, STATE, VERSION};
pub(super) use databases::DATABASES;
pub(super) use healing::{ACTIONS, CAPS, QUARANTINE, SUMMARY, hit_headings, hit_values};
pub(super) use incidents::INCIDENTS;
pub use incidents::{event_headings, event_rows};
pub(super) use ledger::{HOLDERS, WAITERS};
pub(super) use pools::POOLS;
pub(super) use sheet::{GAPS, LEDGER, ROUTES};
pub(super) use stats::{STATS, STATS_AVERAGES, STATS_TOTALS, TOTALS};
pub(super) use users::USERS;

use std::time::Duration;

use super::table::Value;

/// Whole seconds, and the microseconds beyond them.
fn seconds(span: Duration) -> Value {
    span.as_secs().into()
}

fn micros(span: Duration) -> Value {
    span.subsec_micros().into()
}

/// Seconds, to the millisecond.
fn thousandths(number: f64) -> Value {
    // Negative and other impossible numbers are shown as 0, by the cast's definition.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Value::Thousandths((number * 1000.0).round() as u64)
}

/// Milliseconds in all.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
