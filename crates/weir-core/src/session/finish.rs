//! The end of a request, a transaction, a lease.

use std::rc::Rc;

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::message::TransactionStatus;

use crate::session::client::INSPECT_MAX;
use crate::session::inquiry;
use crate::session::overrides::{OverrideSet, write_difference};
use crate::session::server::{Hidden, Lease, Reply, Rest, ServerState};
use crate::session::settings::{PoolMode, ServerReset};
use crate::session::state::{Ask, CloseReason, Context, Fault, Local, Notice, Pins, Session, Skip};
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
        if server.replies.is_empty() && !server.lease.undo.is_empty() {
            for before in server.lease.undo.drain(..) {
                before.meant.into_iter().for_each(|id| cx.shared.statements.release(id));
            }
        }
        cx.tally.query_ns += span_ns(server.lease.statement_since, cx.now);
        server.lease.statement_since = cx.now;
        if server.status != TransactionStatus::Idle {
            server.lease.explicit = true;
            return if self.gone { self.tidy(cx, input) } else { Ok(Ask::Nothing) };
        }
        cx.tally.transactions += 1;
        cx.tally.transaction_ns += span_ns(server.lease.transaction_since, cx.now);
        self.transaction_ended(cx);
        self.tidy(cx, input)
    }

    /// Settles what the transaction changed of the session's settings.
    fn transaction_ended(&mut self, cx: &mut Context<'_>) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let lease = &mut server.lease;
        let kept = if lease.explicit { lease.committed } else { !lease.failed };
        let (explicit, failed) = (lease.explicit, lease.failed);
        lease.explicit = false;
        lease.failed = false;
        lease.committed = false;
        if lease.forget_prepared {
            lease.forget_prepared = false;
            if !failed || explicit {
                server.prepared.clear();
                server.unnamed = None;
                self.forget_statements(cx.shared);
            }
        }
        if server.lease.pending.is_empty() {
            return;
        }
        let pending = std::mem::take(&mut server.lease.pending);
        if kept {
            let book = &mut cx.shared.overrides;
            self.overrides = book.apply(&self.overrides, &pending, &self.startup);
            server.overrides = book.apply(&server.overrides, &pending, &server.base);
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
        if !server.is_quiet() || self.rest.left > 0 {
            return Ok(Ask::Nothing);
        }
        if server.lease.suspects.any() && !self.gone {
            let text = inquiry::text(server.lease.suspects);
            server.lease.suspects = Default::default();
            server.lease.answers.clear();
            server.send_hidden(cx.to_server.own(input), text.as_bytes(), Hidden::Inquiry)?;
            return Ok(Ask::Nothing);
        }
        if self.stays(cx.settings.mode) {
            return Ok(Ask::Nothing);
        }
        let always = cx.settings.reset == ServerReset::Always;
        if always || server.lease.suspects.any() || (self.gone && !self.pins.is_empty()) {
            server.send_hidden(cx.to_server.own(input), b"DISCARD ALL", Hidden::Reset)?;
            return Ok(Ask::Nothing);
        }
        server.lease.close();
        Ok(Ask::Release)
    }

    fn stays(&self, mode: PoolMode) -> bool {
        !self.gone && (mode == PoolMode::Session || !self.pins.is_empty())
    }

    /// Something we asked on our own account has been answered.
    pub(super) fn hidden_ended(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        hidden: Hidden,
    ) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let failed = std::mem::take(&mut server.lease.hidden_failed);
        match hidden {
            Hidden::Parse(_) | Hidden::Close | Hidden::Ready | Hidden::Begin => Ok(Ask::Nothing),
            Hidden::Overrides if failed && !self.gone => {
                Ok(Ask::Close(CloseReason::SettingsRefused))
            }
            Hidden::Overrides if failed => Ok(Ask::Discard),
            Hidden::Overrides => Ok(Ask::Nothing),
            Hidden::Inquiry if failed => Ok(Ask::Discard),
            Hidden::Inquiry => self.inquiry_ended(cx, input),
            Hidden::Rollback | Hidden::Check if failed => Ok(Ask::Discard),
            Hidden::Rollback => {
                self.transaction_ended(cx);
                self.tidy(cx, input)
            }
            Hidden::Check => self.tidy(cx, input),
            Hidden::Reset if failed => Ok(Ask::Discard),
            Hidden::Reset => {
                server.forget_session();
                server.lease.close();
                self.overrides = Rc::clone(&self.startup);
                Ok(Ask::Release)
            }
        }
    }

    fn inquiry_ended(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let answers = std::mem::take(&mut server.lease.answers);
        let had = !self.pins.is_empty();
        let outcome = inquiry::read(&answers, self.pins);
        self.pins = outcome.pins;
        if let Some(list) = outcome.settings {
            let set = cx.shared.overrides.intern(list);
            self.overrides = Rc::clone(&set);
            server.overrides = set;
        }
        match (had, self.pins.is_empty()) {
            (false, false) => cx.tally.pinned += 1,
            (true, true) => cx.tally.pinned = cx.tally.pinned.saturating_sub(1),
            (true, false) | (false, true) => {}
        }
        if !had && cx.tally.pinned > cx.settings.pins_max && cx.settings.mode != PoolMode::Session {
            write_too_many_pins(cx, input, self.pins);
            return Ok(Ask::Close(CloseReason::TooManyPins));
        }
        self.tidy(cx, input)
    }

    /// The client has left. The session finishes what the server connection needs: it ends COPY
    /// and open pipelines, rolls back, discards. Feed it server bytes until it asks for
    /// [`Ask::Release`] or [`Ask::Discard`].
    pub fn client_gone(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        self.gone = true;
        if !self.pins.is_empty() {
            cx.tally.pinned = cx.tally.pinned.saturating_sub(1);
        }
        self.local = Local::Idle;
        self.skip = Skip::No;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        if self.rest.left > 0 && self.rest.forward {
            // Half a message is on its way to the server: nothing can follow it.
            return Ok(Ask::Discard);
        }
        self.rest = Rest::default();
        if server.lease.suspects.any() {
            self.pins.insert(Pins::OTHER);
        }
        if server.lease.copy_in && !server.lease.copy_ended {
            build::copy_fail(cx.to_server.own(&[]), b"the client is gone")?;
            server.lease.copy_ended = true;
        }
        if server.lease.unsynced {
            build::sync(cx.to_server.own(&[]));
            server.replies.push_back(Reply::Ready);
            server.lease.unsynced = false;
        }
        if !server.replies.is_empty() {
            return Ok(Ask::Nothing);
        }
        self.tidy(cx, &[])
    }

    /// Ends the client's idle transaction without ending its connection: the client is told at its
    /// next statement. Returns the session that takes over the server connection, rolls back
    /// there, and gives it back. `None` when the transaction is not idle.
    pub fn evict(&mut self, cx: &mut Context<'_>, notice: Notice) -> Option<Self> {
        let server = cx.server.as_deref_mut()?;
        let idle = server.replies.is_empty()
            && !server.lease.unsynced
            && server.rest.left == 0
            && self.rest.left == 0
            && server.status != TransactionStatus::Idle;
        if !idle {
            return None;
        }
        let mut heir = Self::new(Rc::clone(&self.overrides));
        heir.gone = true;
        heir.pins = std::mem::take(&mut self.pins);
        if !heir.pins.is_empty() {
            cx.tally.pinned = cx.tally.pinned.saturating_sub(1);
        }
        self.local = Local::failed(notice, false);
        Some(heir)
    }

    /// Makes a new session without a client ask an idle server connection whether it is well.
    ///
    /// # Errors
    /// Never in practice: the question is short.
    pub fn check(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        self.gone = true;
        if let Some(server) = cx.server.as_deref_mut() {
            self.overrides = Rc::clone(&server.overrides);
            server.begin_lease(cx.now);
            server.send_hidden(cx.to_server.own(&[]), b"", Hidden::Check)?;
        }
        Ok(Ask::Nothing)
    }

    /// Goes on with [`Self::client_gone`]'s work for a session made by [`Self::evict`].
    ///
    /// # Errors
    /// Never in practice: what is sent is short.
    pub fn take_over(&mut self, cx: &mut Context<'_>) -> Result<Ask, Fault> {
        self.tidy(cx, &[])
    }
}

impl ServerState {
    /// A session has it now.
    pub(super) fn begin_lease(&mut self, now: Instant) {
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
    fn close(&mut self) {
        self.pending.clear();
        self.suspects = Default::default();
        self.failed = false;
        self.explicit = false;
        self.committed = false;
        self.forget_prepared = false;
        self.copy_in = false;
        self.copy_ended = false;
        self.unsynced = false;
        self.hidden_failed = false;
    }
}

fn span_ns(from: Instant, to: Instant) -> u64 {
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
