//! Each SHOW.

mod config;
mod connections;
mod counts;
mod databases;
mod pools;
mod stats;
mod users;

pub(super) use config::CONFIG;
pub(super) use connections::{CLIENTS, SERVERS};
pub(super) use counts::{LISTS, MEM, STATE, VERSION};
pub(super) use databases::DATABASES;
pub(super) use pools::POOLS;
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

/// Milliseconds in all.
fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
