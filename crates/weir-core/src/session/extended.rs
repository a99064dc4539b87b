//! The extended protocol: statements have the client's names on one side and ours on the other.

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::{Header, Malformed, SMALL_LENGTH_MAX};
use weir_wire::message::{Bind, Parse, Target, TargetKind};
use weir_wire::sql::Flags;

use crate::session::client::{INSPECT_MAX, Message, Progress};
use crate::session::server::{Before, Hidden, Reply, Rest, ServerState, Suspects, Undo};
use crate::session::simple::HARMLESS;
use crate::session::state::{CloseReason, Context, Fault, Session};
use crate::session::statements::{StatementId, Statements};

impl Session {
    pub(super) fn parse(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else {
            return if message.header.total_len() > INSPECT_MAX {
                self.unread_parse(cx, message)
            } else {
                Ok(Progress::More)
            };
        };
        if self.engage(cx, message.input)?.is_none() {
            return Ok(Progress::Checkout);
        }
        cx.tally.client_parses += 1;
        let parse = Parse::parse(body).map_err(Fault::Client)?;
        if parse.name.is_empty() {
            self.parse_unnamed(cx, message, &parse)
        } else {
            self.parse_named(cx, message, &parse)
        }
    }

    /// The unnamed statement keeps its name; its text is remembered, because a later Bind may meet
    /// another server connection.
    fn parse_unnamed(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
        parse: &Parse<'_>,
    ) -> Result<Progress, Fault> {
        let id = cx.shared.statements.retain(parse.text, parse.types);
        if let Some(old) = self.unnamed.replace(id) {
            cx.shared.statements.release(old);
        }
        let flags = cx.shared.statements.get(id).map_or(Flags::NONE, |s| s.facts.flags);
        let renamed = match self.names {
            Some(_) if flags.intersects(Flags::DEALLOCATE | Flags::EXECUTE) => {
                self.rename(cx, message.input, parse.text)?
            }
            _ => None,
        };
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        server.unnamed = Some(id);
        server.replies.push_back(Reply::Parse { statement: Some(id), undo: Undo(None) });
        cx.tally.server_parses += 1;
        let Some(text) = renamed else { return Ok(self.relay(cx, message)) };
        build::parse(cx.to_server.own(message.input), b"", &text, parse.types)?;
        Ok(Progress::Taken(message.present()))
    }

    fn parse_named(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
        parse: &Parse<'_>,
    ) -> Result<Progress, Fault> {
        let names = self.names.get_or_insert_default();
        if let Some(&taken) = names.get(parse.name) {
            return self.parse_duplicate(cx, message, taken);
        }
        if names.len() >= cx.settings.client_statements_max as usize {
            return Ok(too_many_statements(cx, message.input));
        }
        let id = cx.shared.statements.retain(parse.text, parse.types);
        names.insert(parse.name.into(), id);
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        let undo = server.remember(parse.name, None);
        if server.prepared.touch(id) {
            server.replies.push_back(Reply::LocalParse { undo });
        } else {
            let out = cx.to_server.own(message.input);
            server.send_parse(out, id, parse.text, parse.types)?;
            server.make_room(out, id, cx.settings.server_statements_max)?;
            server.replies.push_back(Reply::Parse { statement: Some(id), undo });
            server.settle_room();
            cx.tally.server_parses += 1;
        }
        Ok(Progress::Taken(message.present()))
    }

    /// The name is taken. The server is made to raise the error, so that it comes in its place and
    /// fails the transaction; its text is replaced by one with the client's name.
    fn parse_duplicate(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
        taken: StatementId,
    ) -> Result<Progress, Fault> {
        self.ensure_prepared(cx, message.input, taken)?;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        let mut name = Vec::new();
        taken.write_name(&mut name);
        build::parse(cx.to_server.own(message.input), &name, b"", b"")?;
        server.replies.push_back(Reply::DuplicateParse);
        Ok(Progress::Taken(message.present()))
    }

    /// A statement too long to be read is relayed when it is unnamed; it lives until its Sync.
    fn unread_parse(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        if message.arrived().first() != Some(&0) {
            return Ok(too_many_statements(cx, message.input));
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        server.unnamed = None;
        server.lease.suspects.add(Suspects::SETTINGS);
        server.lease.suspects.add(Suspects::STATE);
        server.replies.push_back(Reply::Parse { statement: None, undo: Undo(None) });
        if let Some(old) = self.unnamed.take() {
            cx.shared.statements.release(old);
        }
        Ok(self.relay(cx, message))
    }

    pub(super) fn bind(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(bind) = Bind::parse_prefix(message.arrived()).map_err(Fault::Client)? else {
            let malformed = message.missing() == 0 || message.present() > SMALL_LENGTH_MAX as usize;
            return if malformed {
                Err(Fault::Client(Malformed::Truncated("statement name")))
            } else {
                Ok(Progress::More)
            };
        };
        if self.engage(cx, message.input)?.is_none() {
            return Ok(Progress::Checkout);
        }
        cx.tally.binds += 1;
        let statement = self.meaning(bind.statement);
        if let Some(id) = statement {
            self.ensure_prepared_as(cx, message.input, id, bind.statement.is_empty())?;
            self.note_statement_effects(cx, id);
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        server.replies.push_back(Reply::Bind);
        match statement {
            Some(id) if !bind.statement.is_empty() => {
                let head_len = bind.portal.len() + bind.statement.len() + 2;
                let rest_len = message.header.body_len as usize - head_len;
                let out = cx.to_server.own(message.input);
                bind_as(out, &bind, id, rest_len)?;
                let rest_at = message.end() - bind.rest.len();
                cx.to_server.forward(message.input, rest_at..message.end());
                self.rest = Rest { left: message.missing(), forward: true };
                Ok(Progress::Taken(message.present()))
            }
            _ => Ok(self.relay(cx, message)),
        }
    }

    pub(super) fn describe(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = small_body(message)? else { return Ok(Progress::More) };
        if self.engage(cx, message.input)?.is_none() {
            return Ok(Progress::Checkout);
        }
        let target = Target::parse(body).map_err(Fault::Client)?;
        let statement = match target.kind {
            TargetKind::Statement => self.meaning(target.name),
            TargetKind::Portal => None,
        };
        if let Some(id) = statement {
            self.ensure_prepared_as(cx, message.input, id, target.name.is_empty())?;
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        server.replies.push_back(Reply::Describe);
        match statement {
            Some(id) if !target.name.is_empty() => {
                let mut name = Vec::new();
                id.write_name(&mut name);
                build::describe(cx.to_server.own(message.input), TargetKind::Statement, &name)?;
                Ok(Progress::Taken(message.present()))
            }
            _ => Ok(self.relay(cx, message)),
        }
    }

    pub(super) fn execute(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        if small_body(message)?.is_none() {
            return Ok(Progress::More);
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.lease.unsynced = true;
        server.replies.push_back(Reply::Execute);
        cx.tally.queries += 1;
        Ok(self.relay(cx, message))
    }

    pub(super) fn close(
        &mut self,
        cx: &mut Context<'_>,
        message: Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = small_body(message)? else { return Ok(Progress::More) };
        let target = Target::parse(body).map_err(Fault::Client)?;
        let named = target.kind == TargetKind::Statement && !target.name.is_empty();
        let meant = match &mut self.names {
            Some(names) if named => names.remove(target.name),
            _ => None,
        };
        let Some(server) = cx.server.as_deref_mut() else {
            // Portals do not outlive a transaction: without a server connection there are none.
            if let Some(id) = meant {
                cx.shared.statements.release(id);
            }
            build::close_complete(cx.to_client.own(message.input));
            return Ok(Progress::Taken(message.present()));
        };
        server.lease.unsynced = true;
        if let Some(id) = meant {
            let undo = server.remember(target.name, Some(id));
            server.replies.push_back(Reply::LocalClose { undo });
            return Ok(Progress::Taken(message.present()));
        }
        if target.kind == TargetKind::Statement && target.name.is_empty() {
            server.unnamed = None;
            if let Some(old) = self.unnamed.take() {
                cx.shared.statements.release(old);
            }
        }
        server.replies.push_back(Reply::Close);
        Ok(self.relay(cx, message))
    }

    /// What a client's statement name means, the empty one included.
    fn meaning(&self, name: &[u8]) -> Option<StatementId> {
        if name.is_empty() {
            return self.unnamed;
        }
        self.names.as_ref().and_then(|names| names.get(name)).copied()
    }

    fn ensure_prepared_as(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        id: StatementId,
        unnamed: bool,
    ) -> Result<(), Fault> {
        if !unnamed {
            return self.ensure_prepared(cx, input, id);
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        if server.unnamed == Some(id) {
            return Ok(());
        }
        if let Some(statement) = cx.shared.statements.get(id) {
            build::parse(cx.to_server.own(input), b"", &statement.text, &statement.types)?;
            server.unnamed = Some(id);
            server.replies.push_back(Reply::Hidden(Hidden::Parse(id)));
            cx.tally.server_parses += 1;
        }
        Ok(())
    }

    /// Prepares the statement on the leased server connection if it is not prepared there.
    fn ensure_prepared(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        id: StatementId,
    ) -> Result<(), Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        if server.prepared.touch(id) {
            return Ok(());
        }
        let Some(statement) = cx.shared.statements.get(id) else { return Ok(()) };
        let out = cx.to_server.own(input);
        server.send_parse(out, id, &statement.text, &statement.types)?;
        server.make_room(out, id, cx.settings.server_statements_max)?;
        server.replies.push_back(Reply::Hidden(Hidden::Parse(id)));
        server.settle_room();
        cx.tally.server_parses += 1;
        Ok(())
    }

    /// The same before a simple query: with a Sync of its own, so that an error cannot swallow the
    /// query.
    pub(super) fn prepare_before_query(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        id: StatementId,
    ) -> Result<(), Fault> {
        let known = cx.server.as_deref_mut().is_none_or(|server| server.prepared.touch(id));
        if known {
            return Ok(());
        }
        self.ensure_prepared(cx, input, id)?;
        build::sync(cx.to_server.own(input));
        cx.push_reply(Reply::Hidden(Hidden::Ready));
        Ok(())
    }

    fn note_statement_effects(&mut self, cx: &mut Context<'_>, id: StatementId) {
        let Some(statement) = cx.shared.statements.get(id) else { return };
        let facts = statement.facts;
        if facts.flags.without(HARMLESS).is_empty() {
            return;
        }
        let text = statement.text.clone();
        self.note_effects(cx, &text, facts);
    }

    /// Takes back what the client's names meant before a Parse or Close that did not happen.
    pub(super) fn take_back(&mut self, undo: Undo, server: &mut ServerState, all: &mut Statements) {
        let Some(before) = undo.0.and_then(|at| server.lease.undo.get_mut(at as usize)) else {
            return;
        };
        let names = self.names.get_or_insert_default();
        let name = std::mem::take(&mut before.name);
        let now = match before.meant.take() {
            Some(id) => names.insert(name, id),
            None => names.remove(&name),
        };
        if let Some(id) = now {
            all.release(id);
        }
    }
}

impl ServerState {
    /// Remembers what a name meant, until the pipeline has succeeded.
    fn remember(&mut self, name: &[u8], meant: Option<StatementId>) -> Undo {
        self.lease.undo.push(Before { name: name.into(), meant });
        Undo(u32::try_from(self.lease.undo.len() - 1).ok())
    }

    fn send_parse(
        &mut self,
        out: &mut Vec<u8>,
        id: StatementId,
        text: &[u8],
        types: &[u8],
    ) -> Result<(), Fault> {
        let mut name = Vec::new();
        id.write_name(&mut name);
        Ok(build::parse(out, &name, text, types)?)
    }

    /// Notes `id` as prepared, and closes the least recently used statement if there are too many.
    fn make_room(&mut self, out: &mut Vec<u8>, id: StatementId, max: u32) -> Result<(), Fault> {
        if let Some(victim) = self.prepared.insert(id, max) {
            let mut name = Vec::new();
            victim.write_name(&mut name);
            build::close(out, TargetKind::Statement, &name)?;
            self.lease.room_made = true;
        }
        Ok(())
    }

    /// Expects the `CloseComplete` of [`Self::make_room`], behind the reply pushed since.
    fn settle_room(&mut self) {
        if std::mem::take(&mut self.lease.room_made) {
            self.replies.push_back(Reply::Hidden(Hidden::Close));
        }
    }
}

/// A small message's body, when it is complete.
fn small_body(message: Message<'_>) -> Result<Option<&[u8]>, Fault> {
    let Header { tag, body_len } = message.header;
    if body_len > SMALL_LENGTH_MAX {
        return Err(Fault::Client(Malformed::Length { tag, length: body_len }));
    }
    Ok(message.body())
}

fn bind_as(
    out: &mut Vec<u8>,
    bind: &Bind<'_>,
    id: StatementId,
    rest_len: usize,
) -> Result<(), Fault> {
    let mut name = Vec::new();
    id.write_name(&mut name);
    Ok(build::bind_head(out, bind.portal, &name, rest_len)?)
}

fn too_many_statements(cx: &mut Context<'_>, input: &[u8]) -> Progress {
    let report = Report::fatal(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        "too many or too long prepared statements for one client",
    )
    .with_hint("Close statements that are not used, or raise limits.client_statements.");
    build::error_response(cx.to_client.own(input), &report);
    Progress::Close(CloseReason::TooManyStatements)
}
