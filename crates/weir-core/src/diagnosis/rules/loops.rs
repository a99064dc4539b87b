//! Long transactions of many short statements: a loop in the application. Long gaps between the
//! statements mean that it does something else there, short ones that the statements are what it
//! does.

use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen};

/// A gap at least this long is no round trip inside a data centre.
const GAP_MIN: Duration = Duration::from_millis(20);

/// The transaction is so many times as long as what it does at the moment.
const TIMES: u32 = 10;

/// Whether this is such a transaction and its application does something else at the moment.
pub(super) fn is_gap(picture: &Picture, seen: Seen<'_>) -> bool {
    is_loop(picture, seen) && seen.session.silent().is_some_and(|silence| silence >= GAP_MIN)
}

/// Whether this is such a transaction and sends statement after statement.
pub(super) fn is_chatter(picture: &Picture, seen: Seen<'_>) -> bool {
    is_loop(picture, seen) && seen.session.silent().is_none_or(|silence| silence < GAP_MIN)
}

fn is_loop(picture: &Picture, seen: Seen<'_>) -> bool {
    let session = seen.session;
    let now = session.silent().or_else(|| session.running());
    picture.pressure() > Pressure::Calm
        && session.blocked_by.is_empty()
        && session.transaction.zip(now).is_some_and(|(transaction, now)| {
            transaction > picture.thresholds.slow_reader
                && transaction > picture.thresholds.idle_transaction
                && transaction > now * TIMES
        })
}
