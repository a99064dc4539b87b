//! Simple queries: deferred BEGIN, transaction ends we can answer ourselves, and statements that
//! touch session state.

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::message::{Query, TransactionStatus};
use weir_wire::sql::{self, Effect, Facts, Flags, Verb};

use crate::ledger::Mark;
use crate::session::client::{INSPECT_MAX, Message, Progress};
use crate::session::marks::Marks;
use crate::session::server::{Refusal, Reply, ServerState, Suspects};
use crate::session::settings::PoolMode;
use crate::session::state::{Asked, Context, Fault, Local, Said, Session, Skip};
use crate::session::statements::Look;

impl Session {
    pub(super) fn query(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(body) = message.body() else {
            return if message.header.total_len() > INSPECT_MAX {
                self.unread_query(cx, message)
            } else {
                Ok(Progress::More)
            };
        };
        let all = &mut cx.shared.statements;
        let known = body.strip_suffix(b"\0").and_then(|text| {
            let look = self.asked_look().or_else(|| all.look_again(text, self.hint))?;
            Some((text, look))
        });
        let (text, look) = match known {
            Some(known) => known,
            None => {
                let text = Query::parse(body).map_err(Fault::Client)?.text;
                (text, all.look_first(text, &mut self.hint))
            }
        };
        let facts = look.facts;
        if cx.refuses(facts) {
            return self.refuse_query(cx, message);
        }
        if cx.server.is_none() {
            if !self.answer_query(cx, message.input, text, facts)? {
                self.claims_for(cx, text, look);
                return Ok(Progress::Checkout);
            }
            self.forget_unnamed(&mut cx.shared.statements);
            return Ok(Progress::Taken(message.present()));
        }
        if self.engage(cx, message.input)?.is_none() {
            return Ok(Progress::Checkout);
        }
        self.unnamed_is_dropped(cx);
        cx.tell(Some((text, look.template)), self.asked_mark());
        cx.tally.queries += 1;
        cx.note_work(facts);
        cx.note_schema(text, facts);
        if facts.flags.without(HARMLESS).is_empty() {
            cx.push_reply(Reply::Query);
            return Ok(self.relay(cx, message));
        }
        self.note_effects(cx, text);
        self.relay_renamed(cx, message, text, facts)
    }

    /// A query too long to be read: whatever it may have left is asked for afterwards.
    #[inline(never)]
    fn unread_query(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.lease.suspects.add(Suspects::SETTINGS);
        server.lease.suspects.add(Suspects::STATE);
        server.note_unread_work();
        cx.tell(None, None);
        cx.push_reply(Reply::Query);
        self.unnamed_is_dropped(cx);
        cx.tally.queries += 1;
        Ok(self.relay(cx, message))
    }

    /// A text asks for a server connection: whose it is is found out first.
    #[inline]
    pub(super) fn claims_for(&mut self, cx: &mut Context<'_>, text: &[u8], look: Look) {
        let mark = cx.scribe.read_text(text, look.template);
        self.asked = Some(Asked { said: Said::Text(look), mark, told: false, len: 0 });
    }

    /// Answers without a server connection where that is possible. Returns whether it was.
    #[inline(never)]
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

    /// PostgreSQL drops the unnamed statement at each simple query.
    #[inline]
    pub(super) fn unnamed_is_dropped(&mut self, cx: &mut Context<'_>) {
        self.forget_unnamed(&mut cx.shared.statements);
        if let Some(server) = cx.server.as_deref_mut() {
            server.unnamed = None;
            server.lease.marks.clear(Marks::UNREAD);
        }
    }

    /// In statement mode a transaction block is refused; the connection lives on. While the server
    /// has something to answer it is made to raise an error, so that ours comes in its place.
    #[inline(never)]
    fn refuse_query(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        self.forget_unnamed(&mut cx.shared.statements);
        let Some(server) = cx.server.as_deref_mut() else {
            let out = cx.to_client.own(message.input);
            Refusal::Block.write(out, b"");
            build::ready_for_query(out, TransactionStatus::Idle);
            return Ok(Progress::Taken(message.present()));
        };
        server.replies.push_back(Reply::Refused(Refusal::Block));
        server.replies.push_back(Reply::Query);
        build::query(cx.to_server.own(message.input), REFUSED)?;
        Ok(Progress::Taken(message.present()))
    }

    /// The same for a Parse.
    #[inline(never)]
    pub(super) fn refuse_parse(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        self.forget_unnamed(&mut cx.shared.statements);
        let Some(server) = cx.server.as_deref_mut() else {
            Refusal::Block.write(cx.to_client.own(message.input), b"");
            self.skip = Skip::UntilSync;
            return Ok(self.drop_message(message));
        };
        server.lease.marks.set(Marks::UNSYNCED);
        server.unnamed = None;
        server.replies.push_back(Reply::Refused(Refusal::Block));
        build::parse(cx.to_server.own(message.input), b"", REFUSED, b"")?;
        Ok(Progress::Taken(message.present()))
    }
}

/// No statement: the server answers with an error, and its log says why.
const REFUSED: &[u8] = b"refused: transaction blocks need a pool in transaction mode";

impl Refusal {
    /// What the client is told; `name` is its name for a statement.
    pub(super) fn write(self, out: &mut Vec<u8>, name: &[u8]) {
        match self {
            Self::Duplicate => {
                let name = String::from_utf8_lossy(name);
                let message = format!("prepared statement \"{name}\" already exists");
                let code = SqlState::DUPLICATE_PREPARED_STATEMENT;
                build::error_response(out, &Report::error(code, &message));
            }
            Self::Block => {
                let report = Report::error(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "transaction blocks are not allowed in statement pooling mode",
                )
                .with_hint(
                    "Use a pool in transaction mode for transactions of several statements.",
                );
                build::error_response(out, &report);
            }
        }
    }
}

impl Context<'_> {
    fn may_defer(&self) -> bool {
        self.settings.deferred_begin && self.settings.mode == PoolMode::Transaction
    }

    /// Whether statement mode forbids the text.
    #[inline]
    pub(super) fn refuses(&self, facts: Facts) -> bool {
        self.settings.mode == PoolMode::Statement && facts.flags.contains(Flags::BEGIN)
    }

    /// A statement is about to be sent: the ledger is told, before its reply is awaited. `known`:
    /// what was found out about it before. Returns whose it is.
    #[inline]
    pub(super) fn tell(&mut self, text: Option<(&[u8], u64)>, known: Option<Mark>) -> Option<Mark> {
        let due = self.server.as_deref().and_then(ServerState::next_due);
        let mark = self.scribe.recall(known).or_else(|| self.scribe.read(text))?;
        self.scribe.sent(self.now, mark, due);
        Some(mark)
    }

    /// What a text may do to rows is noted, for whoever thinks of rolling it back.
    #[inline]
    pub(super) fn note_work(&mut self, facts: Facts) {
        if let Some(server) = self.server.as_deref_mut() {
            server.note_work(facts);
        }
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

pub(super) const TRANSACTION_EDGE: Flags = Flags::BEGIN.union(Flags::COMMIT).union(Flags::ROLLBACK);

fn begin_tag(facts: Facts) -> &'static [u8] {
    if facts.first == Verb::Start { b"START TRANSACTION" } else { b"BEGIN" }
}
