//! What the server says: the walk over its messages, matched against the replies that are due.

use weir_wire::build;
use weir_wire::error::{Report, SqlState};
use weir_wire::frame::{HEADER_LEN, Header, Malformed, backend};
use weir_wire::message::{CommandComplete, ErrorFields, ReadyForQuery};

use crate::session::server::{Hidden, Reply, Rest, ServerState};
use crate::session::state::{Ask, CloseReason, Context, Fault, Session, Step};

/// The longest message from the server that is read whole. Errors may be longer (a row is part
/// of their detail): then only their beginning is read.
const READ_MAX: usize = 64 << 10;

/// One complete message of the server (or the beginning of a very long error).
#[derive(Clone, Copy)]
struct Said<'a> {
    input: &'a [u8],
    at: usize,
    end: usize,
    tag: u8,
}

impl<'a> Said<'a> {
    fn body(&self) -> &'a [u8] {
        &self.input[self.at + HEADER_LEN..self.end]
    }

    fn unexpected(&self) -> Fault {
        Fault::Server(Malformed::Unexpected(self.tag))
    }
}

impl Session {
    /// Takes what the leased server connection has sent.
    ///
    /// # Errors
    /// [`Fault`] when the server broke the protocol; both connections are to be closed.
    pub fn server_bytes(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Step, Fault> {
        let Some(server) = cx.server.as_deref_mut() else {
            return Ok(Step { taken: 0, ask: Ask::Nothing });
        };
        let mut at = pass_rest(server, cx.to_client, input);
        while let Some(header) = Header::parse(&input[at..]).map_err(Fault::Server)? {
            let total = header.total_len();
            let end = at + total;
            if passes(header.tag) {
                self.give_due_replies(cx, input)?;
                let Some(server) = cx.server.as_deref_mut() else { break };
                let forward = !matches!(server.replies.front(), Some(Reply::Hidden(_)));
                if !forward && server.awaits_answers() && header.tag == backend::DATA_ROW {
                    if end > input.len() {
                        break;
                    }
                    server.note_answer(&input[at + HEADER_LEN..end]).map_err(Fault::Server)?;
                }
                let present = end.min(input.len());
                if forward {
                    cx.to_client.forward(input, at..present);
                }
                server.rest = Rest { left: end - present, forward };
                at = present;
                continue;
            }
            let present = end.min(input.len());
            if end > input.len() && !(header.tag == backend::ERROR_RESPONSE && total > READ_MAX) {
                break;
            }
            let said = Said { input, at, end: present, tag: header.tag };
            let ask = self.server_message(cx, said, end - present)?;
            at = present;
            if ask != Ask::Nothing {
                return Ok(Step { taken: at, ask });
            }
        }
        Ok(Step { taken: at, ask: Ask::Nothing })
    }

    /// The server speaks: it has moved on to what was sent behind the replies that we give.
    #[inline]
    fn give_due_replies(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<(), Fault> {
        match cx.server.as_deref().and_then(|server| server.replies.front()) {
            Some(reply) if reply.is_local() => self.give_local_replies(cx, input),
            Some(_) | None => Ok(()),
        }
    }

    /// Gives the replies of ours that are due before anything else the server may say.
    pub(super) fn give_local_replies(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
    ) -> Result<(), Fault> {
        while let Some(server) = cx.server.as_deref_mut() {
            match server.replies.front() {
                Some(Reply::LocalParse { .. }) => build::parse_complete(cx.to_client.own(input)),
                Some(Reply::LocalClose { .. }) => build::close_complete(cx.to_client.own(input)),
                Some(Reply::CopyEnd) => {}
                _ => break,
            }
            server.replies.pop_front();
        }
        Ok(())
    }

    fn server_message(
        &mut self,
        cx: &mut Context<'_>,
        said: Said<'_>,
        missing: usize,
    ) -> Result<Ask, Fault> {
        self.give_due_replies(cx, said.input)?;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let front = server.replies.front().copied();
        let hidden = matches!(front, Some(Reply::Hidden(_)));
        match said.tag {
            backend::READY_FOR_QUERY => return self.ready(cx, said),
            backend::ERROR_RESPONSE => return self.error(cx, said, missing),
            backend::COMMAND_COMPLETE => {
                server.command_complete(said.body())?;
                server.answered(front == Some(Reply::Execute));
            }
            backend::EMPTY_QUERY_RESPONSE | backend::PORTAL_SUSPENDED => {
                server.answered(front == Some(Reply::Execute));
            }
            backend::PARSE_COMPLETE => server.parsed(front).ok_or_else(|| said.unexpected())?,
            backend::BIND_COMPLETE => {
                server.expect(front, Reply::Bind).ok_or_else(|| said.unexpected())?;
            }
            backend::CLOSE_COMPLETE => server.closed(front).ok_or_else(|| said.unexpected())?,
            backend::NO_DATA | backend::ROW_DESCRIPTION => {
                server.answered(front == Some(Reply::Describe));
            }
            backend::COPY_IN_RESPONSE | backend::COPY_BOTH_RESPONSE => server.copy_in_begins(),
            backend::PARAMETER_STATUS | backend::COPY_OUT_RESPONSE => {}
            _ => return Err(said.unexpected()),
        }
        // Parameters changed by us are changed for the client too: it asked for them.
        if !hidden {
            cx.to_client.forward(said.input, said.at..said.end);
        }
        Ok(Ask::Nothing)
    }

    fn error(
        &mut self,
        cx: &mut Context<'_>,
        said: Said<'_>,
        missing: usize,
    ) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        server.lease.failed = true;
        let mut forward = true;
        let mut ask = Ask::Nothing;
        match server.replies.front().copied() {
            Some(Reply::Query | Reply::Ready) | None => {}
            Some(Reply::Hidden(Hidden::Parse(_) | Hidden::Close)) => self.pipeline_failed(cx),
            Some(Reply::Hidden(Hidden::Overrides | Hidden::Begin)) if !self.gone => {
                // The client's own settings are at fault: it reads the server's words, and goes.
                ask = Ask::Close(CloseReason::SettingsRefused);
                server.lease.hidden_failed = true;
            }
            Some(Reply::Hidden(_)) => {
                server.lease.hidden_failed = true;
                forward = false;
            }
            Some(Reply::DuplicateParse) => {
                write_duplicate(cx.to_client.own(said.input));
                forward = false;
                self.pipeline_failed(cx);
            }
            Some(_) => self.pipeline_failed(cx),
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(ask) };
        let fatal = ErrorFields::parse(said.body()).is_ok_and(|fields| fields.is_fatal());
        if forward {
            cx.to_client.forward(said.input, said.at..said.end);
        }
        server.rest = Rest { left: missing, forward };
        Ok(if fatal { Ask::Discard } else { ask })
    }

    /// An error in an extended pipeline: the server skips to the Sync, and so do the replies due.
    fn pipeline_failed(&mut self, cx: &mut Context<'_>) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        server.lease.copy_in = false;
        while let Some(reply) = server.replies.front().copied() {
            match reply {
                Reply::Ready
                | Reply::Query
                | Reply::Hidden(
                    Hidden::Ready
                    | Hidden::Overrides
                    | Hidden::Begin
                    | Hidden::Inquiry
                    | Hidden::Rollback
                    | Hidden::Reset
                    | Hidden::Check,
                ) => break,
                Reply::Parse { statement, undo } => {
                    server.not_prepared(statement);
                    self.take_back(undo, server, &mut cx.shared.statements);
                }
                Reply::LocalParse { undo } | Reply::LocalClose { undo } => {
                    self.take_back(undo, server, &mut cx.shared.statements);
                }
                Reply::Hidden(Hidden::Parse(id)) => server.not_prepared(Some(id)),
                Reply::DuplicateParse
                | Reply::Bind
                | Reply::Describe
                | Reply::Execute
                | Reply::Close
                | Reply::CopyEnd
                | Reply::Hidden(Hidden::Close) => {}
            }
            server.replies.pop_front();
        }
    }

    fn ready(&mut self, cx: &mut Context<'_>, said: Said<'_>) -> Result<Ask, Fault> {
        let status = ReadyForQuery::parse(said.body()).map_err(Fault::Server)?.status;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let reply = server.replies.pop_front();
        server.status = status;
        server.lease.copy_in = false;
        server.lease.copy_ended = false;
        match reply {
            Some(Reply::Query | Reply::Ready) => {
                cx.to_client.forward(said.input, said.at..said.end);
                self.request_ended(cx, said.input)
            }
            Some(Reply::Hidden(hidden)) => self.hidden_ended(cx, said.input, hidden),
            _ => Err(said.unexpected()),
        }
    }
}

/// Messages that pass without being read: rows, COPY data, notices and descriptions of types.
#[inline]
fn passes(tag: u8) -> bool {
    matches!(
        tag,
        backend::DATA_ROW
            | backend::COPY_DATA
            | backend::COPY_DONE
            | backend::NOTICE_RESPONSE
            | backend::NOTIFICATION_RESPONSE
            | backend::PARAMETER_DESCRIPTION
            | backend::FUNCTION_CALL_RESPONSE
    )
}

fn pass_rest(
    server: &mut ServerState,
    to_client: &mut crate::session::Outbox,
    input: &[u8],
) -> usize {
    let taken = server.rest.left.min(input.len());
    if taken > 0 {
        if server.rest.forward {
            to_client.forward(input, 0..taken);
        }
        server.rest.left -= taken;
    }
    taken
}

fn write_duplicate(out: &mut Vec<u8>) {
    let report = Report::error(
        SqlState::DUPLICATE_PREPARED_STATEMENT,
        "prepared statement with this name already exists",
    )
    .with_hint("Close the statement before its name is used for another one.");
    build::error_response(out, &report);
}

impl Reply {
    fn is_local(&self) -> bool {
        matches!(self, Self::LocalParse { .. } | Self::LocalClose { .. } | Self::CopyEnd)
    }
}

impl ServerState {
    fn command_complete(&mut self, body: &[u8]) -> Result<(), Fault> {
        let tag = CommandComplete::parse(body).map_err(Fault::Server)?.tag;
        self.lease.committed = tag == b"COMMIT";
        self.lease.copy_in = false;
        Ok(())
    }

    /// Takes the front reply away when it is the one that was due.
    #[inline]
    fn answered(&mut self, due: bool) {
        if due {
            self.replies.pop_front();
        }
    }

    fn expect(&mut self, front: Option<Reply>, due: Reply) -> Option<()> {
        (front == Some(due)).then(|| self.answered(true))
    }

    fn parsed(&mut self, front: Option<Reply>) -> Option<()> {
        let due = matches!(front, Some(Reply::Parse { .. } | Reply::Hidden(Hidden::Parse(_))));
        due.then(|| self.answered(true))
    }

    fn closed(&mut self, front: Option<Reply>) -> Option<()> {
        let due = matches!(front, Some(Reply::Close | Reply::Hidden(Hidden::Close)));
        due.then(|| self.answered(true))
    }

    /// The statement was not prepared after all.
    fn not_prepared(&mut self, statement: Option<crate::session::StatementId>) {
        if let Some(id) = statement {
            self.prepared.remove(id);
        }
        self.unnamed = None;
    }

    /// The server reads COPY data now. By the protocol it ignores each Sync that it meets while it
    /// does, so those sent right behind the Execute get no reply.
    fn copy_in_begins(&mut self) {
        self.lease.copy_in = true;
        if self.replies.front() != Some(&Reply::Execute) {
            return;
        }
        while self.replies.get(1) == Some(&Reply::Ready) {
            self.replies.remove(1);
            self.lease.unsynced = true;
        }
    }
}
