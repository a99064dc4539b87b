//! What the desk is told each second, beside the findings.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::users::Users;

/// Whether PostgreSQL answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Server {
    /// Nobody asked yet.
    #[default]
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// What was seen in one moment. Counts named `…_total` run since the process started; the desk
/// takes differences, and takes a smaller number as a new start.
#[derive(Debug, Clone, Default)]
pub struct Signals {
    /// Whether PostgreSQL answers.
    pub server: Server,
    /// Requests (transactions) that were asked for, whatever became of them.
    pub requests_total: u64,
    /// Requests that were refused: no slot, or not in time.
    pub refused_total: u64,
    /// Requests that failed otherwise for want of a connection: the server went away, an eviction,
    /// a login that PostgreSQL refused. Errors of SQL are none of these.
    pub failed_total: u64,
    /// The longest wait for a slot at this moment.
    pub oldest_wait: Duration,
    /// Slots by what they do.
    pub slots: Slots,
    /// Connections used and possible on the server, where that is known.
    pub connections: Option<(u32, u32)>,
    /// The users whose requests were refused or failed since the last time, where a tag names them.
    pub users_hit: Users,
}

/// Server connections by what they do, as means over the second (or one look at them), with the
/// limit and the demand beyond it. From the ledger, or from `pg_stat_activity` without a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Slots {
    /// Executing, COPY included.
    pub executing: f32,
    /// In a transaction, waiting for the application.
    pub in_transaction: f32,
    /// Waiting for a client that does not read.
    pub client_blocked: f32,
    /// Kept by a client between transactions.
    pub pinned: f32,
    /// Being opened, put in order, cancelled or closed.
    pub upkeep: f32,
    /// Free.
    pub idle: f32,
    /// How many there can be.
    pub limit: f32,
    /// Clients that wait for one: demand that is not met.
    pub waiting: f32,
}

impl Slots {
    /// Slots that are not free.
    #[must_use]
    pub fn held(&self) -> f32 {
        self.executing + self.in_transaction + self.client_blocked + self.pinned + self.upkeep
    }

    /// Clients that wait, as a count.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    pub fn clients_waiting(&self) -> u32 {
        self.waiting.round() as u32
    }

    /// Every value through `f`, with that of `other`.
    #[must_use]
    pub(super) fn with(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self {
            executing: f(self.executing, other.executing),
            in_transaction: f(self.in_transaction, other.in_transaction),
            client_blocked: f(self.client_blocked, other.client_blocked),
            pinned: f(self.pinned, other.pinned),
            upkeep: f(self.upkeep, other.upkeep),
            idle: f(self.idle, other.idle),
            limit: f(self.limit, other.limit),
            waiting: f(self.waiting, other.waiting),
        }
    }
}

/// What happened between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Delta {
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
}

impl Delta {
    /// Requests that did not get what they came for.
    pub(super) const fn lost(&self) -> u64 {
        self.refused + self.failed
    }
}

/// Remembers totals, to take differences.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals(Option<Delta>);

impl Totals {
    /// The difference to the last look; none at the first.
    pub(super) fn advance(&mut self, signals: &Signals) -> Delta {
        let now = Delta {
            requests: signals.requests_total,
            refused: signals.refused_total,
            failed: signals.failed_total,
        };
        let before = self.0.replace(now).unwrap_or(now);
        let grown = |now: u64, before: u64| if now < before { now } else { now - before };
        Delta {
            requests: grown(now.requests, before.requests),
            refused: grown(now.refused, before.refused),
            failed: grown(now.failed, before.failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_counts_nothing_and_a_restart_counts_from_zero() {
        let mut totals = Totals::default();
        let mut refused = |refused_total| {
            totals.advance(&Signals { refused_total, ..Signals::default() }).refused
        };
        assert_eq!([refused(100), refused(130), refused(7)], [0, 30, 7]);
    }
}
