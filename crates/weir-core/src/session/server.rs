//! What the proxy knows of one server connection: which replies are still to come, what is
//! prepared on it, how it is set.

use std::ops::BitOr;
use std::rc::Rc;

use weir_wire::frame::frontend;
use weir_wire::message::TransactionStatus;

use crate::ledger::Mark;
use crate::session::due::Due;
use crate::session::marks::Marks;
use crate::session::overrides::{Change, OverrideSet};
use crate::session::statements::{Prepared, StatementId};
use crate::session::work::Done;
use crate::time::Instant;

/// One server connection, from the proxy's side.
///
/// It is linked to at most one [`super::Session`] at a time; what belongs to that lease only is in
/// [`Lease`] and is reset when the lease ends.
#[derive(Debug)]
pub struct ServerState {
    /// Replies still to come, in the order the server will send them, with those among them that
    /// we give ourselves.
    pub(super) replies: Due,
    /// What the last `ReadyForQuery` said.
    pub(super) status: TransactionStatus,
    /// The settings it has beyond its login's.
    pub(super) overrides: OverrideSet,
    /// What its login's settings are called: the empty set.
    pub(super) base: OverrideSet,
    /// The statements prepared on it by us.
    pub(super) prepared: Prepared,
    /// The statement in its unnamed slot, if it is one we know.
    pub(super) unnamed: Option<StatementId>,
    /// What is known of the lease under way.
    pub(super) lease: Lease,
    /// Bytes left of a message whose header has passed.
    pub(super) rest: Rest,
}

/// Body bytes of a message that is larger than what was read, and what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// Bytes still to come.
    pub(super) left: usize,
    /// They are passed on; otherwise they are dropped.
    pub(super) forward: bool,
}

/// A reply that is still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    /// Everything up to `ReadyForQuery` answers a simple query or a function call.
    Query,
    /// `ParseComplete` for a client's Parse. `undo`: it changed one of the client's names.
    Parse { slot: Slot, undo: bool },
    /// `ParseComplete` that we give: the statement was prepared here already.
    LocalParse,
    /// An error that we made the server raise, in place of which the client is told why.
    Refused(Refusal),
    /// `BindComplete`.
    Bind,
    /// `RowDescription` or `NoData`.
    Describe,
    /// Rows, then `CommandComplete`, `EmptyQueryResponse` or `PortalSuspended`.
    Execute,
    /// `CloseComplete`.
    Close,
    /// `CloseComplete` that we give: only the client's name was closed.
    LocalClose,
    /// `ReadyForQuery` for a Sync.
    Ready,
    /// No reply: marks where the client ended its COPY data.
    CopyEnd,
    /// A reply to something we asked; the client does not see it.
    Hidden(Hidden),
}

/// Where a statement is prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// Under our name for it.
    Named(StatementId),
    /// As the unnamed statement.
    Unnamed,
    /// Under a name of ours that means nothing.
    Passing,
}

/// Why the server is made to raise an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The client's name for a statement is taken.
    Duplicate,
    /// Statement mode has no transaction blocks.
    Block,
}

/// What we asked of the server on our own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hidden {
    /// Prepare a statement that the client prepared elsewhere.
    Parse(Slot),
    /// Close a statement to make room, or one that has no name of ours.
    Close(Slot),
    /// The Sync behind statements prepared before a simple query, or for an evicted client.
    Ready,
    /// Bring the settings to the client's.
    Overrides,
    /// The BEGIN that the client was answered earlier.
    Begin,
    /// Ask what the session's state is.
    Inquiry,
    /// Roll back for a client that is gone or evicted.
    Rollback,
    /// `DEALLOCATE ALL`, because it is not known any more what is prepared.
    Forget,
    /// `DISCARD ALL`.
    Reset,
    /// The statement that the settings want before it.
    ResetQuery,
    /// A health check.
    Check,
}

impl Reply {
    /// We give it, or nobody does: the server says nothing to it.
    #[inline]
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::LocalParse | Self::LocalClose | Self::CopyEnd)
    }

    /// It comes after the client's transaction, and is none of its.
    fn tidies(&self) -> bool {
        use Hidden::{Forget, Inquiry, Reset, ResetQuery};
        matches!(self, Self::Hidden(Inquiry | Forget | ResetQuery | Reset))
    }

    /// It ends with `ReadyForQuery`, of which the client is told.
    pub(super) fn ends_request(&self) -> bool {
        matches!(self, Self::Query | Self::Ready)
    }

    /// An error before it does not go beyond it.
    pub(super) fn ends_pipeline(&self) -> bool {
        match self {
            Self::Ready => true,
            Self::Hidden(hidden) => !matches!(hidden, Hidden::Parse(_) | Hidden::Close(_)),
            Self::Query
            | Self::Parse { .. }
            | Self::LocalParse
            | Self::Refused(_)
            | Self::Bind
            | Self::Describe
            | Self::Execute
            | Self::Close
            | Self::LocalClose
            | Self::CopyEnd => false,
        }
    }

    /// It answers what changes the statements that are prepared under our names.
    pub(super) fn prepares(&self) -> bool {
        matches!(
            self,
            Self::Parse { slot: Slot::Named(_), .. }
                | Self::Hidden(Hidden::Parse(Slot::Named(_)) | Hidden::Close(Slot::Named(_)))
        )
    }

    /// It answers the Parse of a client's unnamed statement.
    pub(super) fn makes_unnamed(&self) -> bool {
        matches!(self, Self::Parse { slot: Slot::Unnamed, .. })
    }

    /// It confirms a change of the client's names.
    #[inline]
    pub(super) fn confirms(&self) -> bool {
        matches!(self, Self::Parse { undo: true, .. } | Self::LocalParse | Self::LocalClose)
    }
}

/// Facts about one lease.
#[derive(Debug, Default)]
pub(super) struct Lease {
    /// Changes of settings that take effect when their transaction commits.
    pub(super) pending: Vec<Pending>,
    /// Requests of this lease that have been answered, or skipped.
    pub(super) done: u32,
    /// What is out of the ordinary.
    pub(super) marks: Marks,
    /// What to ask the server about when the transaction has ended.
    pub(super) suspects: Suspects,
    /// What the transaction has done so far.
    pub(super) work: Done,
    /// More than one command of this request was completed.
    pub(super) many: bool,
    /// At least one was.
    pub(super) one: bool,
    /// The statements that `DEALLOCATE ALL`, which has been sent, will have closed.
    pub(super) aside: Option<Box<Prepared>>,
    /// The unnamed statement parsed last, and whose it is.
    pub(super) parsed: Option<(StatementId, Mark)>,
    /// Rows of an inquiry.
    pub(super) answers: Vec<Answer>,
    /// When the statement under way was sent.
    pub(super) statement_since: Instant,
    /// When the transaction under way began.
    pub(super) transaction_since: Instant,
    /// When the last transaction status arrived.
    pub(super) ready_since: Instant,
    /// The error of a statement prepared for a simple query: what that query will be told.
    pub(super) hidden_error: Option<Box<[u8]>>,
}

/// A change of settings that has been sent.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) change: Change,
    /// How many requests of the lease go before the one that makes it.
    pub(super) request: u32,
}

/// One row of an inquiry: a kind and up to two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) kind: u8,
    pub(super) name: Box<[u8]>,
    pub(super) value: Box<[u8]>,
}

/// Session state that a statement may have left on the server connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Suspects(pub(super) u8);

impl Suspects {
    pub(super) const SETTINGS: Self = Self(1);
    pub(super) const STATE: Self = Self(1 << 1);
    /// Something that nobody can ask for.
    pub(super) const OTHER: Self = Self(1 << 2);

    pub(super) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    #[inline]
    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }
}

impl BitOr for Suspects {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl ServerState {
    /// A server connection that has just logged in. `base` is the empty override set.
    #[must_use]
    pub fn new(base: OverrideSet) -> Self {
        Self {
            replies: Due::default(),
            status: TransactionStatus::Idle,
            overrides: Rc::clone(&base),
            base,
            prepared: Prepared::default(),
            unnamed: None,
            lease: Lease::default(),
            rest: Rest::default(),
        }
    }

    /// Nothing is to come from the server, and no transaction is open.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.replies.is_empty()
            && self.status == TransactionStatus::Idle
            && self.rest.left == 0
            && !self.lease.marks.has(Marks::UNSYNCED)
    }

    /// What the lease is doing.
    #[must_use]
    pub fn activity(&self) -> Activity {
        if self.lease.marks.has(Marks::COPY_IN) && !self.copy_ended() {
            Activity::CopyIn
        } else if !self.is_waiting() {
            Activity::Executing
        } else if self.status == TransactionStatus::Idle && !self.lease.marks.has(Marks::UNSYNCED) {
            Activity::Idle
        } else {
            Activity::IdleInTransaction
        }
    }

    /// The server has nothing to answer: it waits for its client. Without a Sync it does so inside
    /// of an implicit transaction.
    #[inline]
    pub(super) fn is_waiting(&self) -> bool {
        self.rest.left == 0 && self.replies.iter().all(Reply::is_local)
    }

    /// The client's transaction is over, and all that is under way is asked on our own account:
    /// what it left behind, or that it be put in order.
    #[must_use]
    pub fn is_tidied(&self) -> bool {
        self.status == TransactionStatus::Idle
            && !self.replies.is_empty()
            && self.replies.iter().all(Reply::tidies)
    }

    /// How many requests of the lease go before the next one.
    pub(super) fn requests_before(&self) -> u32 {
        let under_way = self.replies.iter().filter(|reply| reply.ends_request()).count();
        self.lease.done.wrapping_add(u32::try_from(under_way).unwrap_or(u32::MAX))
    }

    /// How many requests of the lease will have been answered when what is sent next has its turn;
    /// none when that is now.
    #[inline]
    pub(super) fn next_due(&self) -> Option<u32> {
        if self.replies.is_empty() {
            return None;
        }
        let waits = self.replies.iter().any(Reply::ends_request);
        waits.then(|| self.requests_before())
    }

    /// The BEGIN that the client was answered earlier is under way.
    pub(super) fn begins(&self) -> bool {
        self.replies.contains(&Reply::Hidden(Hidden::Begin))
    }

    /// The client has ended its COPY data, though the server may still be reading it.
    pub(super) fn copy_ended(&self) -> bool {
        self.replies.contains(&Reply::CopyEnd)
    }

    /// A message of another kind, while COPY data is read, is an error that ends the COPY: the Sync
    /// behind it counts again (protocol documentation, "COPY Operations").
    #[cold]
    pub(super) fn copy_in_hears(&mut self, tag: u8) {
        let is_extended = matches!(
            tag,
            frontend::PARSE
                | frontend::BIND
                | frontend::DESCRIBE
                | frontend::EXECUTE
                | frontend::CLOSE
        );
        if is_extended && !self.copy_ended() {
            self.replies.push_back(Reply::CopyEnd);
        }
    }

    /// Replies that are still to come.
    #[inline]
    #[must_use]
    pub fn awaited(&self) -> usize {
        self.replies.len()
    }

    /// What the server works on now was asked by us: a cancel would not hit the client's statement.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        // A statement that we prepare is answered with the client's that follows: those are one.
        self.replies.first().is_some_and(|reply| {
            matches!(
                reply,
                Reply::Hidden(
                    Hidden::Overrides
                        | Hidden::Begin
                        | Hidden::Inquiry
                        | Hidden::Rollback
                        | Hidden::Forget
                        | Hidden::ResetQuery
                        | Hidden::Reset
                        | Hidden::Check
                )
            )
        })
    }

    /// It is being cleaned: the lease is over.
    #[inline]
    #[must_use]
    pub fn is_resetting(&self) -> bool {
        matches!(self.replies.first(), Some(Reply::Hidden(Hidden::ResetQuery | Hidden::Reset)))
    }

    /// A message of the server has passed in part. Nothing else can be said to the client.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.rest.left > 0 && self.rest.forward
    }

    /// Bytes to come of the message that has passed in part.
    #[must_use]
    pub fn message_left(&self) -> usize {
        if self.rest.forward { self.rest.left } else { 0 }
    }

    /// When the statement under way was sent.
    #[must_use]
    pub fn statement_since(&self) -> Instant {
        self.lease.statement_since
    }

    /// When the transaction under way began.
    #[must_use]
    pub fn transaction_since(&self) -> Instant {
        self.lease.transaction_since
    }

    /// When the server last became ready for the next command.
    #[must_use]
    pub fn ready_since(&self) -> Instant {
        self.lease.ready_since
    }

    /// Statements prepared on it.
    #[must_use]
    pub fn prepared_len(&self) -> usize {
        self.prepared.len()
    }

    /// Reads what an idle server connection says on its own account. `Some(taken)` is how many
    /// bytes were understood and need no answer; `None`: it says goodbye or speaks out of turn.
    #[must_use]
    pub fn idle_bytes(&self, input: &[u8]) -> Option<usize> {
        use weir_wire::frame::{Header, backend};
        let mut at = 0;
        while let Some(header) = Header::parse(&input[at..]).ok()? {
            match header.tag {
                backend::PARAMETER_STATUS
                | backend::NOTICE_RESPONSE
                | backend::NOTIFICATION_RESPONSE => {}
                _ => return None,
            }
            if at + header.total_len() > input.len() {
                break;
            }
            at += header.total_len();
        }
        Some(at)
    }
}

/// What a leased server connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Nothing: no transaction is open.
    Idle,
    /// It works on something, or its reply is under way.
    Executing,
    /// It reads COPY data from the client.
    CopyIn,
    /// A transaction is open and nothing is under way.
    IdleInTransaction,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::overrides::OverrideBook;

    #[test]
    fn an_idle_server_may_talk_but_not_say_goodbye() {
        let server = ServerState::new(OverrideBook::default().empty());
        assert_eq!(server.idle_bytes(b"S\0\0\0\x06a\0S\0"), Some(7));
        assert_eq!(server.idle_bytes(b"N\0\0\0\x09ab"), Some(0));
        assert_eq!(server.idle_bytes(b"E\0\0\0\x05\0"), None);
        assert_eq!(server.idle_bytes(b"N\0\0\0\x01"), None);
    }
}
