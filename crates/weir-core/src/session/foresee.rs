//! What a client is about to ask for, seen before its bytes are walked: nearly every transaction
//! begins with a message that needs a server connection and is like the client's last one. With the
//! slot in hand its bytes are walked once, not once to ask and once to send.

use std::rc::Rc;

use weir_wire::frame::{HEADER_LEN, Header, frontend};
use weir_wire::message::Bind;

use crate::ledger::{Mark, Scribe};
use crate::session::schema::may_change;
use crate::session::server::{Reply, ServerState};
use crate::session::settings::SessionSettings;
use crate::session::simple::TRANSACTION_EDGE;
use crate::session::state::{Asked, Context, Local, Said, Session, Skip};
use crate::session::statements::{Look, Statements};

impl Session {
    /// Whose server connection the message asks for that `input` begins with; what was found out is
    /// remembered for [`Self::client_bytes`], to which the same input is offered once the worker
    /// has a server connection, or has [refused](Self::refused) it. Only for a client that has
    /// none.
    ///
    /// None says nothing: [`Self::client_bytes`] may still ask.
    #[inline]
    pub fn foresee(
        &mut self,
        settings: &SessionSettings,
        statements: &mut Statements,
        scribe: &mut Scribe<'_>,
        input: &[u8],
    ) -> Option<Mark> {
        let plain = self.skip == Skip::No && self.rest.left == 0 && self.asked.is_none();
        if !plain || matches!(self.local, Local::Failed(_)) {
            return None;
        }
        let header = Header::parse(input).ok()??;
        let body = input.get(HEADER_LEN..header.total_len())?;
        if header.check_frontend().is_err()
            || header.total_len() as u64 > settings.message_bytes_max
        {
            return None;
        }
        let (said, (text, template)) = self.read_ahead(statements, header.tag, body)?;
        let mark = scribe.read_text(text, template);
        self.asked = Some(Asked { said, mark, told: true, len: header.total_len() });
        mark
    }

    /// Sends the message that was foreseen, if nothing but that is to be done: nearly every
    /// transaction begins so. Walked as any other message it comes to the same. Returns how many
    /// bytes it is; 0 if it was not sent.
    #[inline]
    pub(super) fn send_foreseen(&mut self, cx: &mut Context<'_>, input: &[u8]) -> usize {
        let Some(Asked { said, mark, len, .. }) = self.asked else { return 0 };
        let look = match said {
            Said::Text(look) => look,
            Said::Again { look, scope } if scope == cx.shared.statements.scope(&self.overrides) => {
                look
            }
            Said::Again { .. } | Said::Statement(_) => return 0,
        };
        let (Some(server), Some(mark)) = (cx.server.as_deref_mut(), cx.scribe.recall(mark)) else {
            return 0;
        };
        let alone = (1..=input.len()).contains(&len)
            && self.skip == Skip::No
            && self.rest.left == 0
            && !self.late
            && matches!(self.local, Local::Idle)
            && is_plain(look)
            && server.is_fresh()
            && Rc::ptr_eq(&server.overrides, &self.overrides);
        if !alone {
            return 0;
        }
        server.lease.statement_since = cx.now;
        server.lease.transaction_since = cx.now;
        cx.scribe.sent(cx.now, mark, None);
        cx.to_server.forward(input, 0..len);
        match said {
            Said::Text(_) => self.query_sent(cx, look),
            Said::Again { .. } | Said::Statement(_) => self.parse_sent(cx, mark),
        }
        self.asked = None;
        len
    }

    #[inline]
    fn query_sent(&mut self, cx: &mut Context<'_>, look: Look) {
        self.unnamed_is_dropped(cx);
        cx.note_work(look.facts);
        cx.tally.queries += 1;
        cx.push_reply(Reply::Query);
    }

    /// The client's unnamed statement is prepared once more.
    #[inline]
    fn parse_sent(&self, cx: &mut Context<'_>, mark: Mark) {
        cx.tally.client_parses += 1;
        self.unnamed_sent(cx, Some(mark), false);
    }

    /// What the message says, if a comparison tells: its meaning, its text and its template.
    #[inline(always)]
    fn read_ahead<'a>(
        &mut self,
        statements: &'a mut Statements,
        tag: u8,
        body: &'a [u8],
    ) -> Option<(Said, (&'a [u8], u64))> {
        let (said, text, look) = match tag {
            frontend::QUERY => {
                let text = body.strip_suffix(b"\0")?;
                let look = statements.look_again(text, self.hint)?;
                (Said::Text(look), text, look)
            }
            frontend::PARSE => {
                let (parse, look) = self.parse_again(statements, body)?;
                (Said::Again { look, scope: statements.scope(&self.overrides) }, parse.text, look)
            }
            frontend::BIND => {
                let meant = self.meaning(Bind::parse(body).ok()?.statement)?;
                let known = statements.get(meant)?;
                return Some((Said::Statement(Some(meant)), (&known.text, known.template)));
            }
            _ => return None,
        };
        // Where a transaction begins or ends, a server connection may not be needed.
        needs_server(look).then_some((said, (text, look.template)))
    }
}

impl ServerState {
    /// Nothing was sent on it in this lease that is not over.
    #[inline]
    fn is_fresh(&self) -> bool {
        self.lease.marks.is_empty() && self.is_quiet()
    }
}

/// One statement that leaves nothing, and has nothing to do with the edges of a transaction.
#[inline]
fn is_plain(look: Look) -> bool {
    look.facts.flags.is_empty() && !may_change(look.facts)
}

#[inline]
const fn needs_server(look: Look) -> bool {
    !look.facts.flags.intersects(TRANSACTION_EDGE)
}

#[cfg(test)]
mod tests {
    use weir_wire::build;

    use super::*;
    use crate::ids::ServerId;
    use crate::ledger::{Caller, Ledger};
    use crate::session::outbox::Outbox;
    use crate::session::overrides::OverrideBook;
    use crate::session::state::{Shared, Tally};
    use crate::time::Instant;

    const TEXT: &[u8] = b"select * from t";

    struct Desk {
        shared: Shared,
        ledger: Ledger,
        caller: Caller,
        server: ServerState,
        session: Session,
    }

    impl Desk {
        fn new() -> Self {
            let overrides = OverrideBook::default();
            let mut server = ServerState::new(overrides.empty());
            server.lend(Instant::ZERO);
            Self {
                session: Session::new(overrides.empty()),
                shared: Shared { statements: Statements::new(7, 8), overrides },
                ledger: Ledger::new(7),
                caller: Caller::new("app", "user", "user"),
                server,
            }
        }

        /// Foresees `input`, then sends what was foreseen, with `between` in between.
        fn sends(&mut self, input: &[u8], between: impl FnOnce(&mut Statements)) -> usize {
            let (settings, mut tally) = (SessionSettings::default(), Tally::default());
            let Self { shared, ledger, caller, server, session } = self;
            let server_id = Some(ServerId(0));
            let mut scribe = Scribe { ledger, caller: Some(caller), server: server_id };
            session.foresee(&settings, &mut shared.statements, &mut scribe, input);
            between(&mut shared.statements);
            let mut cx = Context {
                now: Instant::ZERO,
                settings: &settings,
                shared,
                server: Some(server),
                to_client: &mut Outbox::default(),
                to_server: &mut Outbox::default(),
                tally: &mut tally,
                scribe,
                let_go: &mut Vec::new(),
            };
            session.send_foreseen(&mut cx, input)
        }
    }

    fn parse() -> Vec<u8> {
        let mut bytes = Vec::new();
        build::parse(&mut bytes, b"", TEXT, b"").expect("a short text");
        bytes
    }

    /// A desk whose client has prepared its unnamed statement before.
    fn prepared() -> Desk {
        let mut desk = Desk::new();
        let statements = &mut desk.shared.statements;
        let scope = statements.scope(&desk.session.overrides);
        desk.session.unnamed = Some(statements.retain(TEXT, b"", scope));
        desk
    }

    #[test]
    fn a_parse_that_means_the_same_is_sent_at_once() {
        let input = parse();
        assert_eq!(prepared().sends(&input, |_| ()), input.len());
    }

    #[test]
    fn what_was_foreseen_under_another_schema_is_read_again() {
        assert_eq!(prepared().sends(&parse(), Statements::schema_changed), 0);
    }

    #[test]
    fn nothing_is_sent_ahead_of_what_the_server_is_to_answer() {
        let mut desk = prepared();
        desk.server.replies.push_back(Reply::Execute);
        assert_eq!(desk.sends(&parse(), |_| ()), 0);
    }

    #[test]
    fn what_asked_without_being_foreseen_is_walked() {
        // The Parse of a text that nobody has sent before has asked for a server connection.
        let mut desk = Desk::new();
        let look = desk.shared.statements.look(TEXT);
        let mark = desk.ledger.read(TEXT, look.template, &mut desk.caller);
        desk.session.asked =
            Some(Asked { said: Said::Text(look), mark: Some(mark), told: false, len: 0 });
        assert_eq!(desk.sends(&parse(), |_| ()), 0);
        assert!(desk.server.replies.is_empty(), "a Parse is not answered as a query");
    }
}
