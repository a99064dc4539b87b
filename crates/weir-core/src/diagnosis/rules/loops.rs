//! Long transactions of many short statements: a loop in the application. Long gaps between the
//! statements mean that it does something else there, short ones that the statements are what it
//! does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen};

/// A gap at least this long is no round trip inside a data centre.
pub(super) const GAP_MIN: Duration = Duration::from_millis(20);

/// The transaction is so many times as long as what it does at the moment.
const TIMES: u32 = 10;

/// Whether this is such a transaction and its application does something else at the moment.
pub(super) fn is_gap(picture: &Picture, seen: Seen<'_>) -> bool {
    is_loop(picture, seen) && seen.session.silent().is_some_and(|silence| silence >= GAP_MIN)
}

/// Loops that send statement after statement. One moment does not tell of one session, for between
/// two gaps there is a statement: so the sessions of the same code have a vote each.
pub(super) struct Chatter<'a> {
    /// By route and application: votes for statements less those for gaps.
    balance: BTreeMap<(Option<&'a str>, &'a str), i64>,
}

impl<'a> Chatter<'a> {
    pub(super) fn of(picture: &'a Picture) -> Self {
        let mut balance = BTreeMap::new();
        for seen in picture.clients() {
            let vote = match (is_loop(picture, seen), seen.session.silent()) {
                (_, Some(silence)) if silence >= GAP_MIN => -1,
                (true, _) => 1,
                (false, _) => 0,
            };
            *balance.entry((seen.route(), seen.application())).or_default() += vote;
        }
        Self { balance }
    }

    /// Whether this is such a transaction.
    pub(super) fn is(&self, picture: &Picture, seen: Seen<'a>) -> bool {
        let busy = seen.session.silent().is_none_or(|silence| silence < GAP_MIN);
        let same = self.balance.get(&(seen.route(), seen.application()));
        busy && is_loop(picture, seen) && same.is_some_and(|balance| *balance > 0)
    }
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
