//! What a statement leaves in the session, noted when it is sent and settled when its transaction
//! ends.

use weir_wire::build;
use weir_wire::message::{TargetKind, TransactionStatus};
use weir_wire::sql::{self, Effect, Facts, Flags, Scope, SetValue};

use crate::session::client::{Message, Progress};
use crate::session::marks::Marks;
use crate::session::overrides::{Change, Override, Value};
use crate::session::server::{Hidden, Lease, Pending, Reply, Slot, Suspects};
use crate::session::state::{Context, Fault, Session};
use crate::session::statements::StatementId;

impl Session {
    /// Notes what `text` may leave behind on the leased server connection.
    #[inline(never)]
    pub(super) fn note_effects(&mut self, cx: &mut Context<'_>, text: &[u8]) {
        let clean = self.pins.is_empty();
        let mut forgets = false;
        for effect in sql::effects(text) {
            let Some(server) = cx.server.as_deref_mut() else { return };
            let notes =
                Notes { request: server.requests_before(), clean, lease: &mut server.lease };
            note(notes, &effect);
            match effect {
                Effect::Execute { name } => self.note_executed(cx, &name.folded()),
                Effect::DiscardAll | Effect::Deallocate { name: None } => forgets = true,
                Effect::DropDatabase { name }
                | Effect::AlterDatabaseRename { name }
                | Effect::CreateDatabase { template: Some(name) } => {
                    cx.let_go.push(name.folded().into());
                }
                Effect::CreateDatabase { template: None } => {
                    cx.let_go.push(b"template1"[..].into());
                }
                _ => {}
            }
        }
        if forgets {
            self.set_aside(cx);
        }
    }

    /// What `EXECUTE` does is what its statement does. One prepared by SQL is not known.
    fn note_executed(&mut self, cx: &mut Context<'_>, name: &[u8]) {
        let known = self.names.as_ref().and_then(|names| names.get(name));
        let Some(statement) = known.and_then(|id| cx.shared.statements.get(id)) else {
            if let Some(server) = cx.server.as_deref_mut() {
                server.lease.suspects.add(Suspects::SETTINGS);
                server.lease.suspects.add(Suspects::STATE);
            }
            return;
        };
        // A statement that executes another one is refused by the server.
        if !statement.facts.flags.contains(Flags::EXECUTE) {
            let text = statement.text.clone();
            self.note_effects(cx, &text);
        }
    }

    /// `DEALLOCATE ALL` is on its way: behind it no statement is prepared any more.
    fn set_aside(&mut self, cx: &mut Context<'_>) {
        if let Some(names) = &mut self.names {
            names.set_aside();
        }
        if let Some(server) = cx.server.as_deref_mut() {
            let prepared = std::mem::take(&mut server.prepared);
            match &mut server.lease.aside {
                Some(aside) => aside.put_all_back(prepared),
                None => server.lease.aside = Some(Box::new(prepared)),
            }
        }
    }

    /// Relays a simple query in which DEALLOCATE and EXECUTE may name a statement that the client
    /// prepared by protocol: on the server it has our name.
    #[inline(never)]
    pub(super) fn relay_renamed(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        text: &[u8],
        facts: Facts,
    ) -> Result<Progress, Fault> {
        let renamed = match self.names {
            Some(_) if facts.flags.intersects(Flags::DEALLOCATE | Flags::EXECUTE) => {
                self.rename(cx, message.input, text, Place::Query)?
            }
            _ => None,
        };
        cx.push_reply(Reply::Query);
        let Some(renamed) = renamed else { return Ok(self.relay(cx, message)) };
        build::query(cx.to_server.own(message.input), &renamed.text)?;
        Ok(Progress::Taken(message.present()))
    }

    /// `text` with the client's statement names replaced by the server's; `None` when it has none,
    /// or when it cannot be executed anyway.
    ///
    /// A statement that this server connection does not have is prepared first. What is closed is
    /// an empty statement made for it: the client's own one may be another client's as well.
    pub(super) fn rename(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        text: &[u8],
        place: Place,
    ) -> Result<Option<Renamed>, Fault> {
        let hopeless = cx.server.as_deref().is_none_or(|server| {
            server.status == TransactionStatus::Failed && server.replies.is_empty()
                || place == Place::Query && server.lease.marks.has(Marks::UNSYNCED)
        });
        if hopeless {
            return Ok(None);
        }
        let mut out = Renamed { text: Vec::new(), closes: false };
        let (mut copied, mut prepares) = (0, false);
        for effect in sql::effects(text) {
            let (name, closes) = match effect {
                Effect::Deallocate { name: Some(name) } => (name, true),
                Effect::Execute { name } => (name, false),
                _ => continue,
            };
            let folded = name.folded();
            let Some(id) = self.names.as_ref().and_then(|names| names.get(&folded)) else {
                continue;
            };
            out.text.extend_from_slice(&text[copied..name.span().start]);
            copied = name.span().end;
            out.text.push(b'"');
            if closes {
                prepare_empty(cx, input)?;
                out.closes |= self.close_by_text(cx, &folded, place);
                out.text.extend_from_slice(EMPTY_NAME);
                prepares = true;
            } else {
                prepares |= self.prepare(cx, input, id)?;
                out.text.extend_from_slice(&id.name());
            }
            out.text.push(b'"');
        }
        if copied == 0 {
            return Ok(None);
        }
        out.text.extend_from_slice(&text[copied..]);
        if prepares && place == Place::Query {
            // A Sync of its own, so that an error cannot swallow the query.
            build::sync(cx.to_server.own(input));
            cx.push_reply(Reply::Hidden(Hidden::Ready));
        }
        Ok(Some(out))
    }

    /// A name is closed by SQL. Returns whether the reply to a Parse confirms that.
    fn close_by_text(&mut self, cx: &mut Context<'_>, name: &[u8], place: Place) -> bool {
        let Some(names) = &mut self.names else { return false };
        match place {
            Place::Pipeline => names.close(name),
            Place::Query => {
                names.remove(name).into_iter().for_each(|id| cx.shared.statements.release(id));
                false
            }
        }
    }

    /// Prepares a statement where it is not. Returns whether that was needed.
    fn prepare(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        id: StatementId,
    ) -> Result<bool, Fault> {
        let known = cx.server.as_deref_mut().is_none_or(|server| server.prepared.touch(id));
        if !known {
            self.ensure_prepared(cx, input, id)?;
        }
        Ok(!known)
    }
}

/// Where a text with statement names stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A simple query.
    Query,
    /// A Parse.
    Pipeline,
}

/// A text with the server's names in it.
pub(super) struct Renamed {
    pub(super) text: Vec<u8>,
    /// One of the client's names was closed, which the reply to the Parse is to confirm.
    pub(super) closes: bool,
}

/// The name of an empty statement that exists to be deallocated, or to be in the way.
pub(super) const EMPTY_NAME: &[u8] = b"weir.";

/// Prepares that statement.
pub(super) fn prepare_empty(cx: &mut Context<'_>, input: &[u8]) -> Result<(), Fault> {
    let out = cx.to_server.own(input);
    // It is there still if it was not deallocated the last time.
    build::close(out, TargetKind::Statement, EMPTY_NAME)?;
    build::parse(out, EMPTY_NAME, b"", b"")?;
    cx.push_reply(Reply::Hidden(Hidden::Close(Slot::Passing)));
    cx.push_reply(Reply::Hidden(Hidden::Parse(Slot::Passing)));
    Ok(())
}

/// Where the effects of a request are noted.
struct Notes<'l> {
    lease: &'l mut Lease,
    /// How many requests go before it.
    request: u32,
    /// Nothing pins the session so far.
    clean: bool,
}

impl Notes<'_> {
    fn change(&mut self, change: Change) {
        self.lease.pending.push(Pending { change, request: self.request });
    }

    fn suspect(&mut self, suspects: Suspects) {
        self.lease.suspects.add(suspects);
    }
}

/// Notes one effect.
fn note(mut notes: Notes<'_>, effect: &Effect<'_>) {
    match effect {
        Effect::Set { scope: Scope::Session, name, value } => {
            let name = sql::setting_name(name);
            match value {
                SetValue::Literal(text) => note_set(&mut notes, &name, Value::Raw((*text).into())),
                SetValue::Default => notes.change(Change::Unset(name.into())),
                SetValue::Opaque => notes.suspect(Suspects::SETTINGS),
            }
        }
        Effect::Reset { name } => {
            notes.change(Change::Unset(sql::setting_name(name).into()));
        }
        Effect::ResetAll => notes.change(Change::ResetAll),
        Effect::SetConfig { name, value, local } => {
            note_set_config(&mut notes, *name, *value, *local);
        }
        Effect::RollbackTo if !notes.lease.pending.is_empty() => {
            notes.suspect(Suspects::SETTINGS);
        }
        Effect::SetCharacteristics | Effect::PrepareTransaction => {
            notes.suspect(Suspects::SETTINGS);
        }
        Effect::DiscardAll => {
            notes.change(Change::DiscardAll);
            notes.suspect(Suspects::STATE);
        }
        Effect::Do => {
            notes.suspect(Suspects::SETTINGS);
            notes.suspect(Suspects::STATE);
        }
        Effect::Listen { .. }
        | Effect::AdvisoryLock { .. }
        | Effect::CreateTemp { on_commit_drop: false }
        | Effect::DeclareCursor { hold: true, .. }
        | Effect::Prepare { .. } => notes.suspect(Suspects::STATE),
        // What ends something is of interest only where there is something.
        Effect::Unlisten { .. }
        | Effect::AdvisoryUnlock { .. }
        | Effect::AdvisoryUnlockAll
        | Effect::CloseCursor { .. }
        | Effect::Deallocate { .. }
        | Effect::DiscardTemp => {
            if !notes.clean {
                notes.suspect(Suspects::STATE);
            }
        }
        Effect::Load | Effect::SessionFunction => notes.suspect(Suspects::OTHER),
        Effect::Begin { .. }
        | Effect::Commit { .. }
        | Effect::Rollback { .. }
        | Effect::Savepoint
        | Effect::RollbackTo
        | Effect::Release
        | Effect::CommitPrepared
        | Effect::RollbackPrepared
        | Effect::Set { scope: Scope::Local, .. }
        | Effect::Notify
        | Effect::CreateTemp { on_commit_drop: true }
        | Effect::DeclareCursor { hold: false, .. }
        | Effect::Execute { .. }
        | Effect::DiscardPlans
        | Effect::DiscardSequences
        | Effect::Copy { .. }
        | Effect::DropDatabase { .. }
        | Effect::CreateDatabase { .. }
        | Effect::AlterDatabaseRename { .. }
        | Effect::Call
        | Effect::NotInTransaction => {}
    }
}

fn note_set(notes: &mut Notes<'_>, name: &[u8], value: Value) {
    match name {
        // Settings of one transaction: they do not outlive it.
        b"transaction_isolation" | b"transaction_read_only" | b"transaction_deferrable" => {}
        // Seeds the random numbers; it cannot be reset.
        b"seed" => notes.suspect(Suspects::OTHER),
        name => notes.change(Change::Set(Override { name: name.into(), value })),
    }
}

fn note_set_config(
    notes: &mut Notes<'_>,
    name: Option<&[u8]>,
    value: Option<&[u8]>,
    local: Option<bool>,
) {
    if local == Some(true) {
        return;
    }
    let value = value.and_then(sql::literal);
    match (name, value, local) {
        (Some(name), Some(value), Some(false)) => {
            note_set(notes, &sql::setting_name(name), Value::Literal(value.into()));
        }
        _ => notes.suspect(Suspects::SETTINGS),
    }
}
