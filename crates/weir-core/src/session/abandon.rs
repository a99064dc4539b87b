//! A server connection that is closed under its client, which stays connected: what it waits for
//! is answered with an error, and an open transaction is a failed one.

use weir_wire::build;
use weir_wire::error::SqlState;

use crate::healing::Work;
use crate::session::evict::Spared;
use crate::session::marks::Marks;
use crate::session::server::{Refusal, Reply, ServerState};
use crate::session::settings::PoolMode;
use crate::session::state::{Context, Fault, Local, Notice, Session, Skip};

/// What the client hears of the request under way.
struct Told {
    /// Something of it has not been answered.
    pending: bool,
    /// Its error has been told.
    error: bool,
}

impl Session {
    /// Whether `server` could be closed under this client, but for half a message that it has been
    /// sent (see [`ServerState::message_left`]).
    ///
    /// # Errors
    /// Why not.
    pub fn is_abandonable(&self, server: &ServerState, mode: PoolMode) -> Result<(), Spared> {
        let only_ours = server.replies.iter().all(|reply| matches!(reply, Reply::Hidden(_)));
        if server.is_committing() {
            Err(Spared::Committing)
        } else if !server.is_in_block() && !server.lease.marks.has(Marks::UNSYNCED) && only_ours {
            // What we ask is about what the client has left: it must not be lost.
            Err(Spared::NotExecuting)
        } else {
            self.shares(server, mode)
        }
    }

    /// Does without the server connection, which the worker closes next. In a transaction block the
    /// client is told `notice`, now and at each statement until it rolls back. Outside of one it is
    /// told so once for each request; whether a statement that writes took place is not known then,
    /// and the code says so (08007).
    ///
    /// # Errors
    /// Never in practice: what is sent is short.
    pub fn abandon(
        &mut self,
        cx: &mut Context<'_>,
        notice: Notice,
    ) -> Result<Result<(), Spared>, Fault> {
        let Some(server) = cx.server.as_deref() else { return Ok(Err(Spared::NoClient)) };
        if let Err(why) = self.is_abandonable(server, cx.settings.mode) {
            return Ok(Err(why));
        }
        if server.is_mid_message() {
            return Ok(Err(Spared::MidReply));
        }
        let explicit = server.is_in_block();
        let notice = if explicit { notice } else { unblocked(notice, server.work()) };
        self.give_local_replies(cx, &[])?;
        self.local = if explicit { Local::evicted(notice.clone()) } else { Local::Idle };
        self.rest.forward = false;
        self.late = false;
        self.asked = None;
        self.answer_for_the_server(cx, &notice, explicit);
        self.forget_changes(cx);
        Ok(Ok(()))
    }

    /// Answers what is due, and what will be once its Sync has come.
    fn answer_for_the_server(&mut self, cx: &mut Context<'_>, notice: &Notice, explicit: bool) {
        let status = self.local_status();
        let Some(server) = cx.server.as_deref_mut() else { return };
        let out = cx.to_client.own(&[]);
        let failed = server.lease.marks.has(Marks::FAILED) && !explicit
            || server.lease.marks.has(Marks::SKIPPING);
        let mut told = Told { pending: true, error: failed };
        for reply in &*server.replies {
            match reply {
                Reply::Query | Reply::Ready => {
                    told.pending |= *reply == Reply::Query;
                    told.tell(out, notice);
                    build::ready_for_query(out, status);
                    told = Told { pending: false, error: false };
                }
                Reply::Hidden(_) | Reply::CopyEnd => {}
                Reply::Parse { .. }
                | Reply::LocalParse
                | Reply::Refused(_)
                | Reply::Bind
                | Reply::Describe
                | Reply::Execute
                | Reply::Close
                | Reply::LocalClose => told.pending = true,
            }
        }
        if server.lease.marks.has(Marks::UNSYNCED) {
            told.pending = true;
            told.tell(out, notice);
            self.skip = Skip::UntilSync;
        }
    }

    /// What was sent and not answered has changed none of the client's names.
    fn forget_changes(&mut self, cx: &mut Context<'_>) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let changes = server.replies.iter().filter(|reply| reply.confirms()).count();
        let refused = Reply::Refused(Refusal::Duplicate);
        let refusals = server.replies.iter().filter(|reply| **reply == refused).count();
        let unnamed = server.replies.iter().any(Reply::makes_unnamed);
        let aside = server.lease.aside.take().is_some();
        server.replies.clear();
        if let Some(names) = &mut self.names {
            (0..refusals).for_each(|_| drop(names.refused()));
            names.take_back(changes, &mut cx.shared.statements);
            if aside {
                names.remember(&mut cx.shared.statements);
            }
        }
        if unnamed {
            self.forget_unnamed(&mut cx.shared.statements);
        }
    }
}

impl Told {
    fn tell(&mut self, out: &mut Vec<u8>, notice: &Notice) {
        if self.pending && !std::mem::replace(&mut self.error, true) {
            build::error_response(out, &notice.report(false));
        }
    }
}

/// What is said of statements outside of a transaction block.
fn unblocked(notice: Notice, work: Work) -> Notice {
    match work {
        Work::Nothing | Work::ReadOnly | Work::NoRows => {
            Notice { sqlstate: SqlState::QUERY_CANCELED, ..notice }
        }
        Work::Wrote => Notice {
            sqlstate: SqlState::TRANSACTION_RESOLUTION_UNKNOWN,
            hint: "Whether the statement took place is not known: look before you repeat it."
                .into(),
            ..notice
        },
    }
}
