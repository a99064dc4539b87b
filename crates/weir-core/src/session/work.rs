//! What a transaction has done so far: what would be lost with it, and whether it is just ending.

use weir_wire::message::TransactionStatus;
use weir_wire::sql::{Access, Facts, Flags};

use crate::healing::Work;
use crate::session::server::ServerState;

/// What is known of the transaction under way on a leased server connection.
///
/// While requests are pipelined it is kept beyond the end of a transaction, and errs towards more
/// work.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    /// What its texts may do.
    pub(super) access: Access,
    /// A command tag said that rows were written.
    pub(super) wrote: bool,
    /// It was read-only before it could write.
    read_only: bool,
    /// One more than the number of requests before the last one that begins a transaction.
    begun: u32,
    /// The same for the last one that ends a transaction other than by rolling it back.
    ends: u32,
}

impl Done {
    /// A command has been completed whose tag, in this body, may count rows.
    #[inline]
    pub(super) fn note_tag(&mut self, body: &[u8]) {
        let counts = matches!(body.first(), Some(b'I' | b'U' | b'D' | b'M'))
            || body.first() == Some(&b'C') && self.access.intersects(Access::ROWS);
        self.wrote |= counts && !body.ends_with(b" 0\0");
    }
}

impl ServerState {
    /// A text is about to be sent.
    #[inline]
    pub(super) fn note_work(&mut self, facts: Facts) {
        let done = &mut self.lease.work;
        done.access = done.access.union(facts.access);
        if facts.access.intersects(Access::EDGE) {
            self.note_edge(facts);
        }
    }

    /// Something is about to be sent whose text is not read.
    pub(super) fn note_unread_work(&mut self) {
        self.lease.work.access = self.lease.work.access.union(Access::WRITES);
    }

    fn note_edge(&mut self, facts: Facts) {
        let due = self.requests_before().saturating_add(1);
        let done = &mut self.lease.work;
        if facts.access.intersects(Access::READ_ONLY) {
            done.read_only |= !done.access.intersects(WRITING);
        }
        if facts.access.intersects(Access::READ_WRITE) {
            done.read_only = false;
        }
        if facts.flags.intersects(Flags::BEGIN) {
            done.begun = due;
        }
        if facts.flags.intersects(Flags::COMMIT | Flags::TWO_PHASE) {
            done.ends = due;
        }
    }

    /// COMMIT, PREPARE TRANSACTION or COMMIT PREPARED was sent and not answered: nobody but
    /// PostgreSQL knows whether it takes place.
    #[must_use]
    pub fn is_committing(&self) -> bool {
        self.lease.work.ends > self.lease.done
    }

    /// A transaction block is open, or BEGIN was sent.
    pub(super) fn is_in_block(&self) -> bool {
        self.status != TransactionStatus::Idle
            || self.lease.work.begun > self.lease.done
            || self.begins()
    }

    /// What the transaction has done: by what its texts may do, and by how many rows its tags
    /// count.
    #[must_use]
    pub fn work(&self) -> Work {
        let done = &self.lease.work;
        let may = |access: Access| done.access.intersects(access);
        if !may(WRITING.union(Access::READS)) {
            Work::Nothing
        } else if done.read_only {
            Work::ReadOnly
        } else if done.wrote || may(UNSEEN) || may(Access::ROWS) && !self.is_waiting() {
            Work::Wrote
        } else {
            Work::NoRows
        }
    }

    /// The transaction changes the schema: it is a migration.
    #[must_use]
    pub fn is_migrating(&self) -> bool {
        self.lease.work.access.intersects(Access::SCHEMA)
    }
}

const UNSEEN: Access = Access::WRITES.union(Access::SCHEMA);
const WRITING: Access = UNSEEN.union(Access::ROWS);
