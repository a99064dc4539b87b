//! Simple queries: deferred BEGIN, transaction ends we can answer ourselves, and statements that
//! touch session state.

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::message::{Query, TransactionStatus};
use weir_wire::sql::{self, Effect, Facts, Flags, Verb};

use crate::session::client::{INSPECT_MAX, Message, Progress};
use crate::session::server::{Reply, Suspects};
use crate::session::settings::PoolMode;
use crate::session::state::{Context, Fault, Local, Session};

impl Session {
    pub(super) fn query(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else {
            return if message.header.total_len() > INSPECT_MAX {
                self.unread_query(cx, message)
            } else {
                Ok(Progress::More)
            };
        };
        let text = Query::parse(body).map_err(Fault::Client)?.text;
        let facts = cx.shared.statements.facts(text);
        if cx.server.is_none() && !self.answer_query(cx, message.input, text, facts)? {
            return Ok(Progress::Checkout);
        }
        if cx.server.is_none() || self.refuse_by_mode(cx, message.input, facts) {
            return Ok(Progress::Taken(message.present()));
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        // PostgreSQL drops the unnamed statement at each simple query.
        server.unnamed = None;
        cx.tally.queries += 1;
        if facts.flags.without(HARMLESS).is_empty() {
            cx.push_reply(Reply::Query);
            return Ok(self.relay(cx, message));
        }
        self.note_effects(cx, text, facts);
        self.relay_renamed(cx, message, text, facts)
    }

    /// A query too long to be read: whatever it may have left is asked for afterwards.
    fn unread_query(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.unnamed = None;
        server.lease.suspects.add(Suspects::SETTINGS);
        server.lease.suspects.add(Suspects::STATE);
        server.replies.push_back(Reply::Query);
        cx.tally.queries += 1;
        Ok(self.relay(cx, message))
    }

    /// Answers without a server connection where that is possible. Returns whether it was.
    fn answer_query(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        text: &[u8],
        facts: Facts,
    ) -> Result<bool, Fault> {
        if facts.statements != 1 || !facts.flags.intersects(TRANSACTION_EDGE) {
            return Ok(false);
        }
        let (tag, status) = match (&self.local, sql::effects(text).next()) {
            (Local::Idle, Some(Effect::Begin { bare: true })) if cx.may_defer() => {
                (begin_tag(facts), TransactionStatus::InTransaction)
            }
            (Local::Deferred, Some(Effect::Commit { chain: false })) => {
                (&b"COMMIT"[..], TransactionStatus::Idle)
            }
            (Local::Deferred, Some(Effect::Rollback { chain: false })) => {
                (&b"ROLLBACK"[..], TransactionStatus::Idle)
            }
            _ => return Ok(false),
        };
        self.local = match status {
            TransactionStatus::InTransaction => Local::Deferred,
            TransactionStatus::Idle | TransactionStatus::Failed => {
                cx.tally.transactions += 1;
                Local::Idle
            }
        };
        cx.tally.queries += 1;
        let out = cx.to_client.own(input);
        build::command_complete(out, tag)?;
        build::ready_for_query(out, status);
        Ok(true)
    }

    /// In statement mode a transaction block is refused; the connection lives on.
    fn refuse_by_mode(&mut self, cx: &mut Context<'_>, input: &[u8], facts: Facts) -> bool {
        if cx.settings.mode != PoolMode::Statement || !facts.flags.contains(Flags::BEGIN) {
            return false;
        }
        let report = Report::error(
            SqlState::FEATURE_NOT_SUPPORTED,
            "transaction blocks are not allowed in statement pooling mode",
        )
        .with_hint("Use a pool in transaction mode for transactions of several statements.");
        let out = cx.to_client.own(input);
        build::error_response(out, &report);
        build::ready_for_query(out, TransactionStatus::Idle);
        true
    }
}

impl Context<'_> {
    fn may_defer(&self) -> bool {
        self.settings.deferred_begin && self.settings.mode == PoolMode::Transaction
    }

    #[inline]
    pub(super) fn push_reply(&mut self, reply: Reply) {
        if let Some(server) = self.server.as_deref_mut() {
            server.replies.push_back(reply);
        }
    }
}

/// Effects that end with the transaction or leave nothing in the session.
pub(super) const HARMLESS: Flags = TRANSACTION_EDGE
    .union(Flags::SET_LOCAL)
    .union(Flags::NOTIFY)
    .union(Flags::CURSOR)
    .union(Flags::COPY)
    .union(Flags::NOT_IN_TRANSACTION);

const TRANSACTION_EDGE: Flags = Flags::BEGIN.union(Flags::COMMIT).union(Flags::ROLLBACK);

fn begin_tag(facts: Facts) -> &'static [u8] {
    if facts.first == Verb::Start { b"START TRANSACTION" } else { b"BEGIN" }
}
