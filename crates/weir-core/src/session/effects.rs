//! What a statement leaves in the session, noted when it is sent and settled when its transaction
//! ends.

use std::borrow::Cow;

use weir_wire::build;
use weir_wire::sql::{self, Effect, Facts, Flags, Scope, SetValue};

use crate::session::client::{Message, Progress};
use crate::session::overrides::{Change, Override, Value};
use crate::session::server::{Lease, Reply, Suspects};
use crate::session::state::{Context, Fault, Pins, Session};
use crate::session::statements::StatementId;

impl Session {
    /// Notes what `text` may leave behind on the leased server connection.
    pub(super) fn note_effects(&mut self, cx: &mut Context<'_>, text: &[u8], facts: Facts) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let lease = &mut server.lease;
        let ends_inside = facts.statements > 1
            && facts.flags.intersects(Flags::COMMIT | Flags::ROLLBACK | Flags::BEGIN);
        for effect in sql::effects(text) {
            note(lease, &effect);
            match effect {
                Effect::Load | Effect::SessionFunction => self.pins.insert(Pins::OTHER),
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
        // Which of the settings survive depends on which of the transactions do: ask.
        if ends_inside && !lease.pending.is_empty() {
            lease.suspects.add(Suspects::SETTINGS);
        }
    }

    /// Relays a simple query in which DEALLOCATE and EXECUTE may name a statement that the client
    /// prepared by protocol: on the server it has our name.
    pub(super) fn relay_renamed(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
        text: &[u8],
        facts: Facts,
    ) -> Result<Progress, Fault> {
        let renamed = match self.names {
            Some(_) if facts.flags.intersects(Flags::DEALLOCATE | Flags::EXECUTE) => {
                self.rename(cx, message.input, text)?
            }
            _ => None,
        };
        let Some(text) = renamed else {
            cx.push_reply(Reply::Query);
            return Ok(self.relay(cx, message));
        };
        build::query(cx.to_server.own(message.input), &text)?;
        cx.push_reply(Reply::Query);
        Ok(Progress::Taken(message.present()))
    }

    /// `text` with the client's statement names replaced by the server's; `None` when it has none.
    ///
    /// A statement that this server connection does not have is prepared first, so that the
    /// server's answer to DEALLOCATE or EXECUTE is the true one.
    pub(super) fn rename(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        text: &[u8],
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut out = Vec::new();
        let mut copied = 0;
        for effect in sql::effects(text) {
            let (name, gone) = match effect {
                Effect::Deallocate { name: Some(name) } => (name, true),
                Effect::Execute { name } => (name, false),
                _ => continue,
            };
            let folded = name.folded();
            let Some(id) = self.names.as_ref().and_then(|names| names.get(&*folded)).copied()
            else {
                continue;
            };
            self.prepare_before_query(cx, input, id)?;
            if gone {
                self.deallocated(cx, &folded, id);
            }
            out.extend_from_slice(&text[copied..name.span().start]);
            out.push(b'"');
            id.write_name(&mut out);
            out.push(b'"');
            copied = name.span().end;
        }
        if copied == 0 {
            return Ok(None);
        }
        out.extend_from_slice(&text[copied..]);
        Ok(Some(out))
    }

    fn deallocated(&mut self, cx: &mut Context<'_>, name: &[u8], id: StatementId) {
        if let Some(names) = &mut self.names {
            names.remove(name);
        }
        if let Some(server) = cx.server.as_deref_mut() {
            server.prepared.remove(id);
        }
        cx.shared.statements.release(id);
    }
}

/// Notes one effect in the lease.
fn note(lease: &mut Lease, effect: &Effect<'_>) {
    match effect {
        Effect::Set { scope: Scope::Session, name, value } => {
            let name = sql::setting_name(name);
            match value {
                SetValue::Literal(text) => {
                    lease.pending.push(set(name, Value::Raw((*text).into())));
                }
                SetValue::Default => lease.pending.push(Change::Unset(name.into())),
                SetValue::Opaque => lease.suspects.add(Suspects::SETTINGS),
            }
        }
        Effect::Reset { name } => {
            lease.pending.push(Change::Unset(sql::setting_name(name).into()));
        }
        Effect::ResetAll => lease.pending.push(Change::UnsetAll),
        Effect::SetConfig { name, value, local } => note_set_config(lease, *name, *value, *local),
        Effect::RollbackTo if !lease.pending.is_empty() => {
            lease.suspects.add(Suspects::SETTINGS);
        }
        Effect::SetCharacteristics | Effect::PrepareTransaction => {
            lease.suspects.add(Suspects::SETTINGS);
        }
        Effect::DiscardAll => {
            lease.pending.push(Change::UnsetAll);
            lease.forget_prepared = true;
            lease.suspects.add(Suspects::STATE);
        }
        Effect::Deallocate { name: None } => {
            lease.forget_prepared = true;
            lease.suspects.add(Suspects::STATE);
        }
        Effect::Do => {
            lease.suspects.add(Suspects::SETTINGS);
            lease.suspects.add(Suspects::STATE);
        }
        Effect::Listen { .. }
        | Effect::Unlisten { .. }
        | Effect::AdvisoryLock { .. }
        | Effect::AdvisoryUnlock { .. }
        | Effect::AdvisoryUnlockAll
        | Effect::CreateTemp { on_commit_drop: false }
        | Effect::DeclareCursor { hold: true, .. }
        | Effect::CloseCursor { .. }
        | Effect::Prepare { .. }
        | Effect::Deallocate { name: Some(_) }
        | Effect::DiscardTemp => lease.suspects.add(Suspects::STATE),
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
        | Effect::Load
        | Effect::Copy { .. }
        | Effect::DropDatabase { .. }
        | Effect::CreateDatabase { .. }
        | Effect::AlterDatabaseRename { .. }
        | Effect::Call
        | Effect::SessionFunction
        | Effect::NotInTransaction => {}
    }
}

fn note_set_config(
    lease: &mut Lease,
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
            lease.pending.push(set(sql::setting_name(name), Value::Literal(value.into())));
        }
        _ => lease.suspects.add(Suspects::SETTINGS),
    }
}

fn set(name: Cow<'_, [u8]>, value: Value) -> Change {
    Change::Set(Override { name: name.into(), value })
}
