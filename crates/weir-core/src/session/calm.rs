//! The end of nearly every transaction, seen at a glance and settled in one go. What is not so
//! plain goes the long way of [`Session::request_ended`], which comes to the same.

use weir_wire::message::TransactionStatus;

use crate::session::finish::span_ns;
use crate::session::server::{Lease, Reply};
use crate::session::settings::{PoolMode, ServerReset, SessionSettings};
use crate::session::state::{Context, Session};
use crate::session::work::Done;
use crate::time::Instant;

/// `ReadyForQuery` outside of a transaction.
const READY: [u8; 6] = [b'Z', 0, 0, 0, 5, b'I'];

impl Session {
    /// Takes the message at `at` if it is the last one due, ends a transaction, and nothing is to
    /// be put in order: the lease is over then. Returns whether it was that.
    #[inline]
    pub(super) fn ends_calmly(&mut self, cx: &mut Context<'_>, input: &[u8], at: usize) -> bool {
        let Some(server) = cx.server.as_deref_mut() else { return false };
        let calm = input.get(at..).is_some_and(|rest| rest == READY)
            && matches!(*server.replies, [Reply::Query | Reply::Ready])
            && server.lease.is_calm()
            && self.leaves_nothing(cx.settings);
        if !calm {
            return false;
        }
        cx.to_client.forward(input, at..input.len());
        server.replies.clear();
        server.status = TransactionStatus::Idle;
        let lease = &mut server.lease;
        cx.tally.transactions += 1;
        cx.tally.query_ns += span_ns(lease.statement_since, cx.now);
        cx.tally.transaction_ns += span_ns(lease.transaction_since, cx.now);
        cx.scribe.answered(cx.now, lease.done.wrapping_add(1), true);
        lease.close_calm(cx.now);
        true
    }

    /// Nothing of the client's keeps a server connection, or is to be cleared away from it.
    #[inline]
    fn leaves_nothing(&self, settings: &SessionSettings) -> bool {
        self.rest.left == 0
            && self.pins.is_empty()
            && !(self.gone | self.counted)
            && settings.mode != PoolMode::Session
            && settings.reset != ServerReset::Always
    }
}

impl Lease {
    /// No request of it was more than a plain statement outside of a transaction block.
    #[inline]
    fn is_calm(&self) -> bool {
        self.marks.is_empty()
            && !self.suspects.any()
            && self.pending.is_empty()
            && self.answers.is_empty()
            && self.aside.is_none()
            && self.hidden_error.is_none()
    }

    /// What [`Self::close`] does to a calm one.
    #[inline]
    fn close_calm(&mut self, now: Instant) {
        self.done = 0;
        self.work = Done::default();
        self.many = false;
        self.one = false;
        self.parsed = None;
        self.statement_since = Instant::ZERO;
        self.transaction_since = Instant::ZERO;
        self.ready_since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calm_lease_is_closed_as_any_other() {
        let used = || Lease {
            done: 3,
            many: true,
            one: true,
            statement_since: Instant::from_millis(2),
            transaction_since: Instant::from_millis(1),
            ready_since: Instant::from_millis(3),
            ..Lease::default()
        };
        let (mut calm, mut other) = (used(), used());
        calm.work.wrote = true;
        assert!(calm.is_calm());
        calm.close_calm(Instant::from_millis(3));
        other.close();
        assert_eq!(format!("{calm:?}"), format!("{other:?}"));
    }
}
