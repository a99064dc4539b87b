//! The extended protocol: statements have the client's names on one side and ours on the other.

use std::ops::Deref;

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::Malformed;
use weir_wire::message::{Bind, Parse, Target, TargetKind, TransactionStatus};
use weir_wire::sql::{Facts, Flags};

use crate::config::limits::STATEMENT_NAME_BYTES;
use crate::ledger::Mark;
use crate::session::client::{INSPECT_MAX, Message, Progress};
use crate::session::effects::{EMPTY_NAME, Place, prepare_empty};
use crate::session::ending::usual_end;
use crate::session::marks::Marks;
use crate::session::schema;
use crate::session::server::{Hidden, Refusal, Reply, Rest, ServerState, Slot, Suspects};
use crate::session::settings::PoolMode;
use crate::session::simple::HARMLESS;
use crate::session::state::{Asked, CloseReason, Context, Fault, Said, Session};
use crate::session::statements::{Look, OUR_NAMES, StatementId, StatementName, Statements};

impl Session {
    #[inline(never)]
    pub(super) fn parse(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else {
            return if message.header.total_len() > INSPECT_MAX {
                self.unread_parse(cx, message)
            } else {
                Ok(Progress::More)
            };
        };
        let again = self.parse_again(&cx.shared.statements, body);
        let (parse, known) = match again {
            Some((parse, look)) => (parse, Some(look)),
            None => (Parse::parse(body).map_err(Fault::Client)?, self.asked_look()),
        };
        if cx.settings.mode == PoolMode::Statement {
            let facts = cx.shared.statements.look(parse.text).facts;
            if cx.refuses(facts) {
                return self.refuse_parse(cx, message);
            }
        }
        let look = known.unwrap_or_else(|| cx.shared.statements.look(parse.text));
        if self.engage(cx, message.input)?.is_none() {
            self.claims_for(cx, parse.text, look);
            return Ok(Progress::Checkout);
        }
        let mark = cx.tell(Some((parse.text, look.template)), self.asked_mark());
        cx.tally.client_parses += 1;
        if !parse.name.is_empty() {
            return self.parse_named(cx, message, &parse);
        }
        if again.is_none() && !self.retain_unnamed(cx, &parse) {
            return Ok(too_many_statements(cx, message.input));
        }
        self.parse_unnamed(cx, message, &parse, (look.facts, mark))
    }

    /// The unnamed statement keeps its name; its text is remembered, because a later Bind may meet
    /// another server connection.
    #[inline]
    fn parse_unnamed(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        parse: &Parse<'_>,
        (facts, mark): (Facts, Option<Mark>),
    ) -> Result<Progress, Fault> {
        let renamed = match self.names {
            Some(_) if facts.flags.intersects(Flags::DEALLOCATE | Flags::EXECUTE) => {
                self.rename(cx, message.input, parse.text, Place::Pipeline)?
            }
            _ => None,
        };
        self.unnamed_sent(cx, mark, renamed.as_ref().is_some_and(|renamed| renamed.closes));
        let Some(renamed) = renamed else { return Ok(self.relay(cx, message)) };
        build::parse(cx.to_server.own(message.input), b"", &renamed.text, parse.types)?;
        Ok(Progress::Taken(message.present()))
    }

    /// The client's unnamed statement goes to the server. `undo`: that changes one of its names.
    #[inline]
    pub(super) fn unnamed_sent(&self, cx: &mut Context<'_>, mark: Option<Mark>, undo: bool) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        server.lease.marks.set(Marks::UNSYNCED);
        server.lease.marks.clear(Marks::UNREAD);
        server.lease.parsed = self.unnamed.zip(mark);
        server.unnamed = self.unnamed;
        server.replies.push_back(Reply::Parse { slot: Slot::Unnamed, undo });
        cx.tally.server_parses += 1;
    }

    /// The client's last unnamed statement, if it is prepared again and still means the same, by a
    /// comparison: most drivers prepare the same text time and again.
    #[inline]
    pub(super) fn parse_again<'a>(
        &self,
        all: &Statements,
        body: &'a [u8],
    ) -> Option<(Parse<'a>, Look)> {
        let known = all.get(self.unnamed?)?;
        // Neither the text nor the types can go on: the known text holds no zero byte, and the
        // types end with the message.
        let (text, rest) = body.strip_prefix(b"\0")?.split_at_checked(known.text.len())?;
        let types = rest.get(3..)?;
        let is_seen = matches!(self.asked, Some(Asked { said: Said::Again { .. }, .. }));
        let is_same = || {
            let [high, low] = known.types_count();
            rest[..3] == [0, high, low] && *text == *known.text && *types == *known.types
        };
        let again = all.means_the_same(known, &self.overrides) && (is_seen || is_same());
        again.then(|| (Parse { name: b"", text, types }, known.look()))
    }

    /// Makes a text the client's unnamed statement. Returns whether there was room for it.
    #[inline(never)]
    fn retain_unnamed(&mut self, cx: &mut Context<'_>, parse: &Parse<'_>) -> bool {
        let all = &mut cx.shared.statements;
        if !all.make_room(parse.text, parse.types) {
            return false;
        }
        let scope = all.scope(&self.overrides);
        let id = all.retain(parse.text, parse.types, scope);
        if let Some(old) = self.unnamed.replace(id) {
            all.release(old);
        }
        true
    }

    #[inline(never)]
    fn parse_named(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        parse: &Parse<'_>,
    ) -> Result<Progress, Fault> {
        let scope = cx.shared.statements.scope(&self.overrides);
        let names = self.names_mut(&cx.shared.statements);
        if names.get(parse.name).is_some() {
            return self.parse_duplicate(cx, message, parse);
        }
        if names.len() >= cx.settings.client_statements_max as usize
            || parse.name.len() > STATEMENT_NAME_BYTES
            || !cx.shared.statements.make_room(parse.text, parse.types)
        {
            return Ok(too_many_statements(cx, message.input));
        }
        let id = cx.shared.statements.retain(parse.text, parse.types, scope);
        names.define(parse.name, id);
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.marks.set(Marks::UNSYNCED);
        let failed = server.status == TransactionStatus::Failed;
        if server.prepared.touch(id) && failed {
            // In a failed transaction Parse is an error, which the server is to raise.
            let out = cx.to_server.own(message.input);
            build::close(out, TargetKind::Statement, EMPTY_NAME)?;
            build::parse(out, EMPTY_NAME, parse.text, parse.types)?;
            server.replies.push_back(Reply::Hidden(Hidden::Close(Slot::Passing)));
            server.replies.push_back(Reply::Parse { slot: Slot::Passing, undo: true });
        } else if server.prepared.touch(id) {
            server.replies.push_back(Reply::LocalParse);
        } else {
            let out = cx.to_server.own(message.input);
            build::parse(out, &id.name(), parse.text, parse.types)?;
            server.replies.push_back(Reply::Parse { slot: Slot::Named(id), undo: true });
            server.make_room(out, id, cx.settings.server_statements_max)?;
            cx.tally.server_parses += 1;
        }
        Ok(Progress::Taken(message.present()))
    }

    /// The name is taken. The server is made to raise the error, so that it comes in its place and
    /// fails the transaction; its text is replaced by one with the client's name.
    #[inline(never)]
    fn parse_duplicate(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
        parse: &Parse<'_>,
    ) -> Result<Progress, Fault> {
        prepare_empty(cx, message.input)?;
        self.names_mut(&cx.shared.statements).refuse(parse.name);
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.marks.set(Marks::UNSYNCED);
        build::parse(cx.to_server.own(message.input), EMPTY_NAME, parse.text, parse.types)?;
        server.replies.push_back(Reply::Refused(Refusal::Duplicate));
        Ok(Progress::Taken(message.present()))
    }

    /// A statement too long to be read is relayed when it is unnamed; it lives until its Sync.
    #[inline(never)]
    fn unread_parse(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        if message.arrived().first() != Some(&0) {
            return Ok(too_many_statements(cx, message.input));
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.lease.marks.set(Marks::UNSYNCED);
        server.unnamed = None;
        server.lease.marks.set(Marks::UNREAD);
        server.lease.suspects.add(Suspects::SETTINGS);
        server.lease.suspects.add(Suspects::STATE);
        server.note_unread_work();
        cx.tell(None, None);
        cx.push_reply(Reply::Parse { slot: Slot::Unnamed, undo: false });
        self.forget_unnamed(&mut cx.shared.statements);
        Ok(self.relay(cx, message))
    }

    #[inline(never)]
    pub(super) fn bind(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        if message.is_half_said(cx) {
            return Ok(Progress::More);
        }
        let Some(bind) = Bind::parse_prefix(message.arrived()).map_err(Fault::Client)? else {
            return if message.missing() == 0 {
                Err(Fault::Client(Malformed::Truncated("statement name")))
            } else {
                Ok(Progress::More)
            };
        };
        let meant = match self.asked.map(|asked| asked.said) {
            Some(Said::Statement(meant)) => meant,
            Some(Said::Text(_) | Said::Again { .. }) | None => self.meaning(bind.statement),
        };
        if self.engage(cx, message.input)?.is_none() {
            self.claims_for_statement(cx, meant);
            return Ok(Progress::Checkout);
        }
        let mark = self.asked_mark().or_else(|| cx.parsed_mark(meant));
        let facts = cx.tell_statement(meant, mark);
        cx.tally.binds += 1;
        let renamed = self.ready_statement(cx, message.input, bind.statement, meant)?;
        if let (Some(id), Some(facts)) = (meant, facts) {
            self.note_statement_effects(cx, id, facts);
        }
        cx.push_reply(Reply::Bind);
        match renamed {
            None => cx.to_server.forward(message.input, message.at..message.end()),
            Some(name) => {
                let rest_len = message.header.body_len as usize - bind.head_len();
                build::bind_head(cx.to_server.own(message.input), bind.portal, &name, rest_len)?;
                let rest_at = message.end() - bind.rest.len();
                cx.to_server.forward(message.input, rest_at..message.end());
            }
        }
        self.rest = Rest { left: message.missing(), forward: true };
        let ending = usual_end(cx, message.input, message.end());
        Ok(Progress::Taken(message.present() + ending))
    }

    #[inline(never)]
    pub(super) fn describe(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else { return Ok(Progress::More) };
        let target = Target::parse(body).map_err(Fault::Client)?;
        if self.engage(cx, message.input)?.is_none() {
            return Ok(Progress::Checkout);
        }
        let renamed = match target.kind {
            TargetKind::Statement => {
                let meant = self.meaning(target.name);
                self.ready_statement(cx, message.input, target.name, meant)?
            }
            TargetKind::Portal => None,
        };
        if let Some(server) = cx.server.as_deref_mut() {
            server.lease.marks.set(Marks::UNSYNCED);
        }
        cx.push_reply(Reply::Describe);
        let Some(name) = renamed else { return Ok(self.relay(cx, message)) };
        build::describe(cx.to_server.own(message.input), TargetKind::Statement, &name)?;
        Ok(Progress::Taken(message.present()))
    }

    #[inline(never)]
    pub(super) fn execute(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        if message.body().is_none() {
            return Ok(Progress::More);
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.lease.marks.set(Marks::UNSYNCED);
        server.replies.push_back(Reply::Execute);
        cx.tally.queries += 1;
        Ok(self.relay(cx, message))
    }

    #[inline(never)]
    pub(super) fn close(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else { return Ok(Progress::More) };
        let target = Target::parse(body).map_err(Fault::Client)?;
        let is_statement = target.kind == TargetKind::Statement;
        let named = is_statement && !target.name.is_empty();
        if self.engage(cx, message.input)?.is_none() {
            if cx.server.is_some() {
                return Ok(Progress::Checkout);
            }
            // Portals do not outlive a transaction: without a server connection there are none.
            if is_statement {
                self.close_without_server(cx, target.name);
            }
            build::close_complete(cx.to_client.own(message.input));
            return Ok(Progress::Taken(message.present()));
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Progress::Checkout) };
        server.lease.marks.set(Marks::UNSYNCED);
        if named && self.names.as_mut().is_some_and(|names| names.close(target.name)) {
            server.replies.push_back(Reply::LocalClose);
            return Ok(Progress::Taken(message.present()));
        }
        server.replies.push_back(Reply::Close);
        if is_statement && !named {
            server.unnamed = None;
            server.lease.marks.clear(Marks::UNREAD);
            self.forget_unnamed(&mut cx.shared.statements);
        }
        if named && target.name.starts_with(OUR_NAMES) {
            let out = cx.to_server.own(message.input);
            build::close(out, TargetKind::Statement, &not_ours(target.name))?;
            return Ok(Progress::Taken(message.present()));
        }
        Ok(self.relay(cx, message))
    }

    /// A statement's name is closed, or about to be used again.
    pub(super) fn close_without_server(&mut self, cx: &mut Context<'_>, name: &[u8]) {
        if name.is_empty() {
            self.forget_unnamed(&mut cx.shared.statements);
        } else if let Some(names) = &mut self.names
            && names.close(name)
        {
            names.confirm(&mut cx.shared.statements);
        }
    }

    /// A prepared statement asks for a server connection.
    fn claims_for_statement(&mut self, cx: &mut Context<'_>, id: Option<StatementId>) {
        let known = id.and_then(|id| cx.shared.statements.get(id));
        let text = known.map(|statement| (&*statement.text, statement.template));
        let mark = cx.scribe.read(text);
        self.asked = Some(Asked { said: Said::Statement(id), mark, told: false, len: 0 });
    }

    /// What a client's statement name means, the empty one included.
    pub(super) fn meaning(&mut self, name: &[u8]) -> Option<StatementId> {
        if name.is_empty() {
            return self.unnamed;
        }
        self.names.as_mut().and_then(|names| names.find(name))
    }

    /// Makes the server connection have the statement that is `meant` by `name`. Returns the name
    /// to use there when it is another one.
    fn ready_statement(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        name: &[u8],
        meant: Option<StatementId>,
    ) -> Result<Option<ServerName>, Fault> {
        if let Some(server) = cx.server.as_deref_mut() {
            server.lease.marks.set(Marks::UNSYNCED);
        }
        match meant {
            Some(id) if name.is_empty() => {
                Self::ensure_unnamed(cx, input, id)?;
                Ok(None)
            }
            Some(id) => {
                self.ensure_prepared(cx, input, id)?;
                Ok(Some(ServerName::Ours(id.name())))
            }
            None if name.is_empty() => {
                close_foreign(cx, input)?;
                Ok(None)
            }
            None if name.starts_with(OUR_NAMES) => Ok(Some(ServerName::NotOurs(not_ours(name)))),
            None => Ok(None),
        }
    }

    /// Prepares the client's unnamed statement on the leased server connection if another one is
    /// there.
    fn ensure_unnamed(cx: &mut Context<'_>, input: &[u8], id: StatementId) -> Result<(), Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        if server.unnamed == Some(id) {
            return Ok(());
        }
        if let Some(statement) = cx.shared.statements.get(id) {
            build::parse(cx.to_server.own(input), b"", &statement.text, &statement.types)?;
            server.unnamed = Some(id);
            server.replies.push_back(Reply::Hidden(Hidden::Parse(Slot::Unnamed)));
            cx.tally.server_parses += 1;
        }
        Ok(())
    }

    /// Prepares the statement on the leased server connection if it is not prepared there.
    pub(super) fn ensure_prepared(
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
        build::parse(out, &id.name(), &statement.text, &statement.types)?;
        server.replies.push_back(Reply::Hidden(Hidden::Parse(Slot::Named(id))));
        server.make_room(out, id, cx.settings.server_statements_max)?;
        cx.tally.server_parses += 1;
        Ok(())
    }

    #[inline]
    fn note_statement_effects(&mut self, cx: &mut Context<'_>, id: StatementId, facts: Facts) {
        cx.note_work(facts);
        if !facts.flags.without(HARMLESS).is_empty() || schema::may_change(facts) {
            self.note_effects_of(cx, id, facts);
        }
    }

    #[cold]
    fn note_effects_of(&mut self, cx: &mut Context<'_>, id: StatementId, facts: Facts) {
        let Some(statement) = cx.shared.statements.get(id) else { return };
        let text = statement.text.clone();
        cx.note_schema(&text, facts);
        self.note_effects(cx, &text);
    }
}

impl ServerState {
    /// Notes `id` as prepared, and closes the least recently used statement if there are too many.
    fn make_room(&mut self, out: &mut Vec<u8>, id: StatementId, max: u32) -> Result<(), Fault> {
        if let Some(victim) = self.prepared.insert(id, max) {
            build::close(out, TargetKind::Statement, &victim.name())?;
            self.replies.push_back(Reply::Hidden(Hidden::Close(Slot::Named(victim))));
        }
        Ok(())
    }
}

/// The name of a statement on the server connection.
enum ServerName {
    /// It is one of ours.
    Ours(StatementName),
    /// The client's own name looks like one of ours.
    NotOurs(Vec<u8>),
}

impl Deref for ServerName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Ours(name) => name,
            Self::NotOurs(name) => name,
        }
    }
}

/// A name that no statement of ours has, for a client's name that one of ours may have.
fn not_ours(name: &[u8]) -> Vec<u8> {
    [b"not ", name].concat()
}

/// The client has no unnamed statement. The server may have one that somebody else left: it is
/// closed, so that the client gets the error it would get by itself.
fn close_foreign(cx: &mut Context<'_>, input: &[u8]) -> Result<(), Fault> {
    let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
    if !server.lease.marks.has(Marks::UNREAD) {
        build::close(cx.to_server.own(input), TargetKind::Statement, b"")?;
        server.unnamed = None;
        server.replies.push_back(Reply::Hidden(Hidden::Close(Slot::Unnamed)));
    }
    Ok(())
}

pub(super) fn too_many_statements(cx: &mut Context<'_>, input: &[u8]) -> Progress {
    let report = Report::fatal(
        SqlState::CONFIGURATION_LIMIT_EXCEEDED,
        "too many or too long prepared statements",
    )
    .with_hint("Close statements that are not used, or raise limits.prepared_per_client_max.");
    build::error_response(cx.to_client.own(input), &report);
    Progress::Close(CloseReason::TooManyStatements)
}

impl Context<'_> {
    /// Whose a statement is that was parsed just before.
    #[inline]
    fn parsed_mark(&self, meant: Option<StatementId>) -> Option<Mark> {
        let (id, mark) = self.server.as_deref()?.lease.parsed?;
        (Some(id) == meant).then_some(mark)
    }

    /// A prepared statement is about to be run: the ledger is told. Returns what it means.
    #[inline]
    fn tell_statement(&mut self, id: Option<StatementId>, known: Option<Mark>) -> Option<Facts> {
        let due = self.server.as_deref().and_then(ServerState::next_due);
        let statement = id.and_then(|id| self.shared.statements.get(id));
        let text = statement.map(|statement| (&*statement.text, statement.template));
        if let Some(mark) = self.scribe.recall(known).or_else(|| self.scribe.read(text)) {
            self.scribe.sent(self.now, mark, due);
        }
        statement.map(|statement| statement.facts)
    }
}
