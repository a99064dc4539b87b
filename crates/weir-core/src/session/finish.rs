//! The end of a request, a transaction, a lease.

use std::rc::Rc;

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::message::TransactionStatus;

use crate::session::client::INSPECT_MAX;
use crate::session::encoding;
use crate::session::inquiry;
use crate::session::marks::Marks;
use crate::session::overrides::{OverrideSet, differ_in_effect, is_too_much, write_difference};
use crate::session::server::{Hidden, Lease, Reply, ServerState, Suspects};
use crate::session::settings::{PoolMode, ServerReset, SessionSettings};
use crate::session::state::{Ask, CloseReason, Context, Fault, Pins, Session};
use crate::session::work::Done;
use crate::time::Instant;

impl Session {
    /// The client's request has been answered up to its `ReadyForQuery`.
    pub(super) fn request_ended(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
    ) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        server.lease.ready_since = cx.now;
        server.lease.done = server.lease.done.wrapping_add(1);
        let (edge, many) = server.lease.request_ended();
        if server.replies.is_empty()
            && let Some(aside) = server.lease.aside.take()
        {
            // `DEALLOCATE ALL` was not done.
            server.prepared.put_all_back(*aside);
            if let Some(names) = &mut self.names {
                names.remember(&mut cx.shared.statements);
            }
        }
        // Which of the settings hold depends on where the transaction ended: ask.
        let idle = server.status == TransactionStatus::Idle;
        if edge && !server.lease.pending.is_empty() && (many || !idle) {
            server.lease.suspects.add(Suspects::SETTINGS);
        }
        cx.tally.query_ns += span_ns(server.lease.statement_since, cx.now);
        server.lease.statement_since = cx.now;
        cx.scribe.answered(cx.now, server.lease.done, idle);
        if server.status != TransactionStatus::Idle {
            server.lease.marks.set(Marks::EXPLICIT);
            return if self.gone { self.tidy(cx, input) } else { Ok(Ask::Nothing) };
        }
        cx.tally.transactions += 1;
        cx.tally.transaction_ns += span_ns(server.lease.transaction_since, cx.now);
        self.transaction_ended(cx);
        self.tidy(cx, input)
    }

    /// The lease is over.
    #[inline]
    fn give_back(&self, cx: &mut Context<'_>) -> Ask {
        if let Some(server) = cx.server.as_deref_mut() {
            server.lease.close();
        }
        Ask::Release
    }

    /// Settles what the transaction changed of the session's settings.
    #[inline]
    fn transaction_ended(&mut self, cx: &mut Context<'_>) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let lease = &mut server.lease;
        let kept = if lease.marks.has(Marks::EXPLICIT) {
            lease.marks.has(Marks::COMMITTED)
        } else {
            !lease.marks.has(Marks::FAILED)
        };
        lease.marks.clear(Marks::EXPLICIT);
        lease.marks.clear(Marks::FAILED);
        lease.marks.clear(Marks::COMMITTED);
        if server.replies.is_empty() {
            lease.work = Done::default();
        }
        if lease.marks.take(Marks::SCHEMA) {
            cx.shared.statements.schema_changed();
        }
        if lease.suspects.has(Suspects::OTHER) {
            lease.suspects = lease.suspects.without(Suspects::OTHER);
            self.pins.insert(Pins::OTHER);
        }
        if !lease.pending.is_empty() {
            self.settle_changes(cx, kept);
        }
    }

    /// Of the changes of settings those of the transaction that has ended are made, if `kept`.
    fn settle_changes(&mut self, cx: &mut Context<'_>, kept: bool) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let done = server.lease.done;
        let later = server.lease.pending.iter().position(|item| item.request >= done);
        let count = later.unwrap_or(server.lease.pending.len());
        if count == 0 {
            return;
        }
        let pending: Vec<_> = server.lease.pending.drain(..count).map(|item| item.change).collect();
        if kept && !self.pins.contains(Pins::SETTINGS) {
            let book = &mut cx.shared.overrides;
            let overrides = book.apply(&self.overrides, &pending, &self.startup);
            if is_too_much(&overrides) {
                self.pins.insert(Pins::SETTINGS);
                return;
            }
            self.overrides = overrides;
            server.overrides = book.apply(&server.overrides, &pending, &server.base);
            self.pin_by_encoding(server);
        }
    }

    /// Pins the client while its texts cannot be read. Afterwards its state is asked for.
    fn pin_by_encoding(&mut self, server: &mut ServerState) {
        let unreadable = encoding::is_unreadable(&self.overrides);
        if self.pins.set(Pins::TEXT, unreadable) && !unreadable {
            server.lease.suspects.add(Suspects::SETTINGS);
            server.lease.suspects.add(Suspects::STATE);
        }
    }

    /// Puts the server connection in order once nothing is under way, and gives it back when no
    /// client state is left on it.
    pub(super) fn tidy(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        if self.gone && server.replies.is_empty() && server.status != TransactionStatus::Idle {
            server.send_hidden(cx.to_server.own(input), b"ROLLBACK", Hidden::Rollback)?;
            return Ok(Ask::Nothing);
        }
        if !server.is_quiet() {
            return Ok(Ask::Nothing);
        }
        if self.rest.left > 0 {
            self.late = true;
            return Ok(Ask::Nothing);
        }
        if server.lease.suspects.any() && !self.gone {
            let text = inquiry::text(server.lease.suspects);
            server.lease.suspects = Default::default();
            server.lease.answers.clear();
            server.send_hidden(cx.to_server.own(input), text.as_bytes(), Hidden::Inquiry)?;
            return Ok(Ask::Nothing);
        }
        if server.lease.marks.has(Marks::UNSURE) && self.pins.is_empty() {
            server.lease.marks.clear(Marks::UNSURE);
            server.prepared.clear();
            server.send_hidden(cx.to_server.own(input), b"DEALLOCATE ALL", Hidden::Forget)?;
            return Ok(Ask::Nothing);
        }
        if !self.count_pins(cx) {
            write_too_many_pins(cx, input, self.pins);
            return Ok(Ask::Close(CloseReason::TooManyPins));
        }
        if self.stays(cx.settings.mode) {
            return Ok(Ask::Nothing);
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let resets = self.resets(cx.settings);
        if resets || server.lease.suspects.any() {
            let first = &cx.settings.reset_query;
            if resets && !first.is_empty() {
                let out = cx.to_server.own(input);
                server.send_hidden(out, first.as_bytes(), Hidden::ResetQuery)?;
            }
            server.send_hidden(cx.to_server.own(input), b"DISCARD ALL", Hidden::Reset)?;
            return Ok(Ask::Nothing);
        }
        Ok(self.give_back(cx))
    }

    pub(super) fn stays(&self, mode: PoolMode) -> bool {
        !self.gone && (mode == PoolMode::Session || !self.pins.is_empty())
    }

    /// A client that has gone from session mode may have left what no text tells.
    fn resets(&self, settings: &SessionSettings) -> bool {
        settings.reset == ServerReset::Always
            || self.gone && (settings.mode == PoolMode::Session || !self.pins.is_empty())
    }

    /// Counts the client as pinned or not. Returns whether it may be.
    pub(super) fn count_pins(&mut self, cx: &mut Context<'_>) -> bool {
        let pinned = !self.gone && !self.pins.is_empty();
        if std::mem::replace(&mut self.counted, pinned) == pinned {
            return true;
        }
        if !pinned {
            cx.tally.pinned = cx.tally.pinned.saturating_sub(1);
            return true;
        }
        cx.tally.pinned += 1;
        cx.tally.pinned <= cx.settings.pins_max || cx.settings.mode == PoolMode::Session
    }

    /// Something we asked on our own account has been answered.
    pub(super) fn hidden_ended(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        hidden: Hidden,
    ) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let failed = server.lease.marks.take(Marks::HIDDEN_FAILED);
        let cancelled = server.lease.marks.take(Marks::HIDDEN_CANCELLED);
        match hidden {
            Hidden::Parse(_) | Hidden::Close(_) => Ok(Ask::Nothing),
            Hidden::Ready => self.tidy(cx, input),
            Hidden::Begin => {
                server.lease.marks.set(Marks::EXPLICIT);
                Ok(Ask::Nothing)
            }
            Hidden::Overrides if failed && !self.gone => {
                Ok(Ask::Close(CloseReason::SettingsRefused))
            }
            Hidden::Overrides if failed => Ok(Ask::Discard),
            Hidden::Overrides => {
                let waited = server.lease.marks.take(Marks::SETTLING);
                match (self.gone, waited) {
                    (true, _) => self.tidy(cx, input),
                    (false, true) => Ok(Ask::Resume),
                    (false, false) => Ok(Ask::Nothing),
                }
            }
            Hidden::Inquiry if cancelled => {
                // The cancel was for the client's statement, and late: ask again, for all.
                server.lease.suspects.add(Suspects::SETTINGS);
                server.lease.suspects.add(Suspects::STATE);
                self.tidy(cx, input)
            }
            Hidden::Inquiry if failed => Ok(Ask::Discard),
            Hidden::Inquiry => self.inquiry_ended(cx, input),
            // A cancel that was meant for the client's statement came late: roll back again.
            Hidden::Rollback if cancelled => {
                server.send_hidden(cx.to_server.own(input), b"ROLLBACK", Hidden::Rollback)?;
                Ok(Ask::Nothing)
            }
            Hidden::Rollback | Hidden::Check if failed => Ok(Ask::Discard),
            Hidden::Rollback => {
                // A `COMMIT AND CHAIN` before it is not its.
                server.lease.marks.clear(Marks::COMMITTED);
                cx.scribe.answered(cx.now, server.lease.done, true);
                self.transaction_ended(cx);
                self.tidy(cx, input)
            }
            Hidden::Forget | Hidden::ResetQuery | Hidden::Reset if failed => Ok(Ask::Discard),
            Hidden::ResetQuery => Ok(Ask::Nothing),
            Hidden::Forget => self.tidy(cx, input),
            Hidden::Reset => {
                // What the client has set stays its own, and goes with it to the next connection.
                server.forget_session();
                server.lease.close();
                Ok(Ask::Release)
            }
            Hidden::Check => {
                server.lease.close();
                Ok(Ask::Release)
            }
        }
    }

    fn inquiry_ended(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let answers = std::mem::take(&mut server.lease.answers);
        let outcome = inquiry::read(&answers, self.pins);
        self.pins = outcome.pins;
        if let Some(list) = outcome.settings.filter(|_| !self.pins.contains(Pins::SETTINGS)) {
            if is_too_much(&list) {
                self.pins.insert(Pins::SETTINGS);
                return self.tidy(cx, input);
            }
            let set = cx.shared.overrides.intern(list);
            self.overrides = Rc::clone(&set);
            server.overrides = set;
            self.pin_by_encoding(server);
        }
        self.tidy(cx, input)
    }

    /// Makes a new session without a client ask an idle server connection whether it is well.
    ///
    /// # Errors
    /// Never in practice: the question is short.
    pub fn check(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        self.gone = true;
        if let Some(server) = cx.server.as_deref_mut() {
            self.overrides = Rc::clone(&server.overrides);
            server.lend(cx.now);
            let query = cx.settings.check_query.as_bytes();
            server.send_hidden(cx.to_server.own(&[]), query, Hidden::Check)?;
        }
        Ok(Ask::Nothing)
    }
}

impl ServerState {
    /// A session has it from now on.
    #[inline]
    pub fn lend(&mut self, now: Instant) {
        self.lease.statement_since = now;
        self.lease.transaction_since = now;
        self.lease.ready_since = now;
    }

    /// Sends a simple query of our own whose reply the client does not see.
    pub(super) fn send_hidden(
        &mut self,
        out: &mut Vec<u8>,
        text: &[u8],
        hidden: Hidden,
    ) -> Result<(), Fault> {
        debug_assert!(text.len() < INSPECT_MAX, "our own queries are short");
        build::query(out, text)?;
        self.unnamed = None;
        self.replies.push_back(Reply::Hidden(hidden));
        Ok(())
    }

    /// Brings the settings to `wanted`.
    pub(super) fn send_overrides(
        &mut self,
        out: &mut Vec<u8>,
        wanted: &OverrideSet,
    ) -> Result<(), Fault> {
        let mut text = Vec::new();
        write_difference(&mut text, &self.overrides, wanted);
        self.lease
            .marks
            .put(Marks::SETTLING, !text.is_empty() && differ_in_effect(&self.overrides, wanted));
        self.overrides = Rc::clone(wanted);
        if text.is_empty() {
            return Ok(());
        }
        self.send_hidden(out, &text, Hidden::Overrides)
    }

    /// `DISCARD ALL` has been done.
    fn forget_session(&mut self) {
        self.prepared.clear();
        self.unnamed = None;
        self.overrides = Rc::clone(&self.base);
    }
}

impl Lease {
    /// Makes ready for the next lease; buffers are kept.
    pub(super) fn close(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        let mut answers = std::mem::take(&mut self.answers);
        pending.clear();
        answers.clear();
        *self = Self { pending, answers, ready_since: self.ready_since, ..Self::default() };
    }

    /// Whether the request that has ended ended a transaction, and whether it had more than one
    /// command.
    fn request_ended(&mut self) -> (bool, bool) {
        self.one = false;
        (
            self.marks.take(Marks::EDGE),
            std::mem::take(&mut self.many) || self.marks.has(Marks::FAILED),
        )
    }
}

pub(super) fn span_ns(from: Instant, to: Instant) -> u64 {
    to.as_nanos().saturating_sub(from.as_nanos())
}

fn write_too_many_pins(cx: &mut Context<'_>, input: &[u8], pins: Pins) {
    let detail = format!(
        "The session keeps its server connection because of: {}. The pool allows {} such clients.",
        pins.describe(),
        cx.settings.pins_max
    );
    let report = Report::fatal(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        "too many clients need a server connection of their own",
    )
    .with_detail(&detail)
    .with_hint("Release session state before the transaction ends, use a pool in session mode, or raise limits.pins_max.");
    build::error_response(cx.to_client.own(input), &report);
}
