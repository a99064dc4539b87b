//! What the server says: the walk over its messages, matched against the replies that are due.

use weir_wire::build;
use weir_wire::error::SqlState;
use weir_wire::frame::{HEADER_LEN, Header, Malformed, backend};
use weir_wire::message::{CommandComplete, ErrorFields, ReadyForQuery};

use crate::config::limits::REPLY_BUFFER_BYTES;
use crate::ledger::LONG_TAG;
use crate::session::marks::Marks;
use crate::session::outbox::Outbox;
use crate::session::plain::{COMMAND, bit};
use crate::session::server::{Hidden, Lease, Refusal, Reply, Rest, ServerState, Slot};
use crate::session::state::{Ask, CloseReason, Context, Fault, Session, Step};

/// The longest message from the server that is read whole. Errors may be longer (a row is part
/// of their detail): then only their beginning is read.
const READ_MAX: usize = REPLY_BUFFER_BYTES;

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
        let at = server.pass_rest(cx.to_client, input);
        let at = server.pass_plain(cx.to_client, input, at).map_err(Fault::Server)?;
        if self.ends_calmly(cx, input, at) {
            return Ok(Step { taken: input.len(), ask: Ask::Release });
        }
        self.server_messages(cx, input, at)
    }

    /// Takes the messages from `at` on, which want a closer look.
    #[inline(never)]
    fn server_messages(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        mut at: usize,
    ) -> Result<Step, Fault> {
        while let Some(header) = Header::parse(&input[at..]).map_err(Fault::Server)? {
            let total = header.total_len();
            let end = at + total;
            let present = end.min(input.len());
            if passes(header.tag) {
                self.give_due_replies(cx, input)?;
                let Some(server) = cx.server.as_deref_mut() else { break };
                // A notification belongs to the client, whatever we have asked meanwhile.
                let forward = header.tag == backend::NOTIFICATION_RESPONSE
                    || !matches!(server.replies.first(), Some(Reply::Hidden(_)));
                if !forward && server.awaits_answers() && header.tag == backend::DATA_ROW {
                    if end > input.len() {
                        break;
                    }
                    server.note_answer(&input[at + HEADER_LEN..end]).map_err(Fault::Server)?;
                }
                if forward {
                    cx.to_client.forward(input, at..present);
                }
                server.rest = Rest { left: end - present, forward };
                at = present;
            } else {
                if end > input.len() && !(header.tag == backend::ERROR_RESPONSE && total > READ_MAX)
                {
                    break;
                }
                let said = Said { input, at, end: present, tag: header.tag };
                let ask = self.server_message(cx, &said, end - present)?;
                at = present;
                if ask != Ask::Nothing {
                    return Ok(Step { taken: at, ask });
                }
            }
            if let Some(server) = cx.server.as_deref_mut() {
                at = server.pass_plain(cx.to_client, input, at).map_err(Fault::Server)?;
            }
        }
        if let Some(server) = cx.server.as_deref_mut()
            && server.replies.is_empty()
        {
            // It waits for its client, with or without a Sync.
            server.lease.ready_since = cx.now;
        }
        Ok(Step { taken: at, ask: Ask::Nothing })
    }

    /// The server speaks: it has moved on to what was sent behind the replies that we give.
    #[inline]
    fn give_due_replies(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<(), Fault> {
        match cx.server.as_deref().and_then(|server| server.replies.first()) {
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
            match server.replies.first() {
                Some(Reply::LocalParse) => build::parse_complete(cx.to_client.own(input)),
                Some(Reply::LocalClose) => build::close_complete(cx.to_client.own(input)),
                Some(Reply::CopyEnd) => {}
                _ => break,
            }
            self.answered(cx);
        }
        Ok(())
    }

    /// The reply in front has come.
    #[inline]
    fn answered(&mut self, cx: &mut Context<'_>) {
        let reply = cx.server.as_deref_mut().and_then(|server| server.replies.pop_front());
        if reply.is_some_and(|reply| reply.confirms())
            && let Some(names) = &mut self.names
        {
            names.confirm(&mut cx.shared.statements);
        }
    }

    fn server_message(
        &mut self,
        cx: &mut Context<'_>,
        said: &Said<'_>,
        missing: usize,
    ) -> Result<Ask, Fault> {
        self.give_due_replies(cx, said.input)?;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let front = server.replies.first().copied();
        let hidden = matches!(front, Some(Reply::Hidden(_)));
        let due = match said.tag {
            backend::READY_FOR_QUERY => return self.ready(cx, said),
            backend::ERROR_RESPONSE => return self.error(cx, said, missing),
            backend::COMMAND_COMPLETE => {
                if !hidden {
                    self.command_complete(cx, said.body())?;
                }
                front == Some(Reply::Execute)
            }
            backend::EMPTY_QUERY_RESPONSE | backend::PORTAL_SUSPENDED => {
                front == Some(Reply::Execute)
            }
            backend::PARSE_COMPLETE => due_or(front, said, |reply| {
                matches!(reply, Reply::Parse { .. } | Reply::Hidden(Hidden::Parse(_)))
            })?,
            backend::BIND_COMPLETE => due_or(front, said, |reply| reply == Reply::Bind)?,
            backend::CLOSE_COMPLETE => due_or(front, said, |reply| {
                matches!(reply, Reply::Close | Reply::Hidden(Hidden::Close(_)))
            })?,
            backend::NO_DATA | backend::ROW_DESCRIPTION => front == Some(Reply::Describe),
            backend::COPY_IN_RESPONSE | backend::COPY_BOTH_RESPONSE => {
                server.copy_in_begins();
                self.end_copy_of_the_gone(cx, said.input)?;
                false
            }
            backend::PARAMETER_STATUS | backend::COPY_OUT_RESPONSE => false,
            _ => return Err(said.unexpected()),
        };
        // Parameters that we change are the client's already.
        if !hidden {
            cx.to_client.forward(said.input, said.at..said.end);
        }
        if due {
            self.answered(cx);
            self.give_due_replies(cx, said.input)?;
        }
        Ok(Ask::Nothing)
    }

    fn command_complete(&mut self, cx: &mut Context<'_>, body: &[u8]) -> Result<(), Fault> {
        let tag = CommandComplete::parse(body).map_err(Fault::Server)?.tag;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        server.lease.work.note_tag(body);
        server.command_complete(tag);
        if let Some(rows) = rows_given(tag).filter(|_| body.len() >= LONG_TAG) {
            cx.scribe.rows(rows);
        }
        if matches!(tag, b"DEALLOCATE ALL" | b"DISCARD ALL") {
            if server.lease.aside.take().is_none() {
                server.prepared.clear();
            }
            if let Some(names) = &mut self.names {
                names.forget(&mut cx.shared.statements);
            }
        }
        Ok(())
    }

    /// The server waits for COPY data, and nobody is there to send it.
    fn end_copy_of_the_gone(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<(), Fault> {
        if !self.gone {
            return Ok(());
        }
        let Some(server) = cx.server.as_deref_mut() else { return Ok(()) };
        server.end_copy(cx.to_server.own(input))
    }

    fn error(
        &mut self,
        cx: &mut Context<'_>,
        said: &Said<'_>,
        missing: usize,
    ) -> Result<Ask, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        server.lease.marks.set(Marks::FAILED);
        server.lease.marks.clear(Marks::COPY_IN);
        let fields = ErrorFields::parse(said.body()).ok();
        let fatal = fields.as_ref().is_some_and(ErrorFields::is_fatal);
        let code = fields.and_then(|fields| fields.sqlstate());
        let mut ask = if fatal { Ask::Discard } else { Ask::Nothing };
        let forward = match server.replies.first().copied() {
            // The connection ends: whoever asked, the client is told.
            _ if fatal => true,
            Some(Reply::Query) => !server.tell_hidden_error(cx.to_client, said.input),
            Some(Reply::Ready) | None => true,
            Some(Reply::Hidden(Hidden::Parse(_) | Hidden::Close(_))) => {
                self.pipeline_failed(cx);
                !cx.server.as_deref_mut().is_some_and(|server| server.keep_hidden_error(said))
            }
            Some(Reply::Hidden(Hidden::Overrides | Hidden::Begin)) if !self.gone => {
                // The client's own settings are at fault: it reads the server's words, and goes.
                ask = Ask::Close(CloseReason::SettingsRefused);
                server.lease.marks.set(Marks::HIDDEN_FAILED);
                true
            }
            Some(Reply::Hidden(_)) => {
                server.lease.marks.set(Marks::HIDDEN_FAILED);
                server
                    .lease
                    .marks
                    .put(Marks::HIDDEN_CANCELLED, code == Some(SqlState::QUERY_CANCELED));
                false
            }
            Some(Reply::Refused(refusal)) => self.refused_by_server(cx, said, refusal, code),
            Some(_) => {
                self.pipeline_failed(cx);
                true
            }
        };
        let Some(server) = cx.server.as_deref_mut() else { return Ok(ask) };
        if forward {
            cx.to_client.forward(said.input, said.at..said.end);
        }
        server.rest = Rest { left: missing, forward };
        Ok(ask)
    }

    /// The error we made the server raise has come: the client is told in our words. In a failed
    /// transaction the server's own are the true ones. Returns whether those are to be passed on.
    fn refused_by_server(
        &mut self,
        cx: &mut Context<'_>,
        said: &Said<'_>,
        refusal: Refusal,
        code: Option<SqlState>,
    ) -> bool {
        let raised = match refusal {
            Refusal::Duplicate => SqlState::DUPLICATE_PREPARED_STATEMENT,
            Refusal::Block => SqlState::SYNTAX_ERROR,
        };
        if code == Some(raised) {
            let name = match (refusal, &mut self.names) {
                (Refusal::Duplicate, Some(names)) => names.refused(),
                (Refusal::Duplicate, None) | (Refusal::Block, _) => Box::default(),
            };
            refusal.write(cx.to_client.own(said.input), &name);
            if let Some(server) = cx.server.as_deref_mut() {
                server.replies.pop_front();
            }
        }
        let simple = cx.server.as_deref().is_some_and(|server| {
            server.replies.iter().find(|reply| !matches!(reply, Reply::Refused(_)))
                == Some(&Reply::Query)
        });
        if !simple {
            self.pipeline_failed(cx);
        }
        code != Some(raised)
    }

    /// An error in an extended pipeline: the server skips to the Sync, and so do the replies due.
    /// When the Sync has not been sent yet, so does the client.
    fn pipeline_failed(&mut self, cx: &mut Context<'_>) {
        let Some(server) = cx.server.as_deref_mut() else { return };
        let sync = server.replies.iter().position(Reply::ends_pipeline);
        server.lease.marks.put(Marks::SKIPPING, sync.is_none());
        let count = sync.unwrap_or(server.replies.len());
        let (mut changes, mut unnamed) = (0, false);
        // Newest first: what one prepared, another one before it may have closed.
        for at in (0..count).rev() {
            let reply = server.replies[at];
            changes += usize::from(reply.confirms());
            unnamed |= reply.makes_unnamed();
            server.skipped(reply);
            if reply == Reply::Refused(Refusal::Duplicate)
                && let Some(names) = &mut self.names
            {
                names.refused();
            }
        }
        // What another pipeline prepares or closes behind the Sync relies on what was skipped.
        let relies =
            server.replies.get(count) == Some(&Reply::Ready) && server.replies.len() > count + 1;
        if relies && server.replies[..count].iter().any(Reply::prepares) {
            server.lease.marks.set(Marks::UNSURE);
        }
        server.replies.drop_front(count);
        if changes > 0
            && let Some(names) = &mut self.names
        {
            names.take_back(changes, &mut cx.shared.statements);
        }
        if unnamed && !server.replies.iter().any(Reply::makes_unnamed) {
            self.forget_unnamed(&mut cx.shared.statements);
        }
    }

    fn ready(&mut self, cx: &mut Context<'_>, said: &Said<'_>) -> Result<Ask, Fault> {
        let status = ReadyForQuery::parse(said.body()).map_err(Fault::Server)?.status;
        let Some(server) = cx.server.as_deref_mut() else { return Ok(Ask::Nothing) };
        let reply = server.replies.pop_front();
        server.status = status;
        server.lease.marks.clear(Marks::COPY_IN);
        match reply {
            Some(Reply::Query | Reply::Ready) => {
                server.lease.hidden_error = None;
                cx.to_client.forward(said.input, said.at..said.end);
                self.give_due_replies(cx, said.input)?;
                self.request_ended(cx, said.input)
            }
            Some(Reply::Hidden(hidden)) => {
                self.give_due_replies(cx, said.input)?;
                self.hidden_ended(cx, said.input, hidden)
            }
            _ => Err(said.unexpected()),
        }
    }
}

impl ServerState {
    /// Passes what is left of a message whose header has passed. Returns how much of the input that
    /// is.
    #[inline]
    fn pass_rest(&mut self, to_client: &mut Outbox, input: &[u8]) -> usize {
        let taken = self.rest.left.min(input.len());
        if taken > 0 {
            if self.rest.forward {
                to_client.forward(input, 0..taken);
            }
            self.rest.left -= taken;
        }
        taken
    }

    /// Passes what is the client's and needs no other look: rows, and the completions that are due
    /// in their place. Returns where the first message begins that does.
    fn pass_plain(
        &mut self,
        to_client: &mut Outbox,
        input: &[u8],
        begin: usize,
    ) -> Result<usize, Malformed> {
        let mut due = self.replies.iter().map(Reply::plain);
        let Some(mut plain) = due.next() else { return Ok(begin) };
        let (mut end, mut given) = (begin, 0);
        while let Some(header) = Header::parse(&input[end..])? {
            let (start, bit) = (end, bit(header.tag));
            end += header.total_len();
            if plain.has_part(bit) {
                if end <= input.len() {
                    continue;
                }
                self.rest = Rest { left: end - input.len(), forward: true };
                end = input.len();
                break;
            }
            let next = if plain.goes_on() { Some(plain) } else { due.next() };
            // Nothing passes before a reply of ours: that is to be given before anything else.
            let passes = end <= input.len()
                && plain.ends_with(bit)
                && next.is_some_and(|next| !next.is_ours())
                && (bit != COMMAND || self.lease.pass_command(&input[start + HEADER_LEN..end]));
            let (Some(next), true) = (next, passes) else {
                end = start;
                break;
            };
            given += usize::from(!plain.goes_on());
            plain = next;
        }
        self.replies.drop_front(given);
        if end > begin {
            to_client.forward(input, begin..end);
        }
        Ok(end)
    }
}

impl Lease {
    /// Passes a command. Not if its tag, in this body, tells of more: it may end a transaction or
    /// close statements.
    #[inline(never)]
    fn pass_command(&mut self, body: &[u8]) -> bool {
        let is_noted = matches!(body.first(), Some(b'C' | b'R' | b'P' | b'D') | None)
            || body.len() >= LONG_TAG;
        if is_noted || body.last() != Some(&0) || self.marks.has(Marks::COPY_IN) {
            return false;
        }
        self.marks.clear(Marks::COMMITTED);
        self.many |= std::mem::replace(&mut self.one, true);
        if body.first() != Some(&b'S') {
            self.work.note_tag(body);
        }
        true
    }
}

/// The rows that a command with this tag gave its client; none where it gave none, or copied them.
fn rows_given(tag: &[u8]) -> Option<u64> {
    let rows = tag.strip_prefix(b"SELECT ").or_else(|| tag.strip_prefix(b"FETCH "))?;
    std::str::from_utf8(rows).ok()?.parse().ok()
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

/// Whether the reply in front is the one that was due; another one is a fault.
#[inline]
fn due_or(
    front: Option<Reply>,
    said: &Said<'_>,
    is_due: impl FnOnce(Reply) -> bool,
) -> Result<bool, Fault> {
    if front.is_some_and(is_due) { Ok(true) } else { Err(said.unexpected()) }
}

impl ServerState {
    fn command_complete(&mut self, tag: &[u8]) {
        let lease = &mut self.lease;
        lease.marks.put(Marks::COMMITTED, tag == b"COMMIT");
        if matches!(tag, b"COMMIT" | b"ROLLBACK" | b"PREPARE TRANSACTION") {
            lease.marks.set(Marks::EDGE);
        }
        lease.many |= std::mem::replace(&mut lease.one, true);
        if lease.marks.take(Marks::COPY_IN) && self.replies.get(1) == Some(&Reply::CopyEnd) {
            self.replies.remove(1);
        }
    }

    /// What was sent for this reply was not done.
    fn skipped(&mut self, reply: Reply) {
        match reply {
            Reply::Parse { slot: Slot::Named(id), .. }
            | Reply::Hidden(Hidden::Parse(Slot::Named(id))) => {
                self.prepared.remove(id);
                if let Some(aside) = &mut self.lease.aside {
                    aside.remove(id);
                }
            }
            Reply::Parse { slot: Slot::Unnamed, .. }
            | Reply::Hidden(Hidden::Parse(Slot::Unnamed)) => self.unnamed = None,
            Reply::Hidden(Hidden::Close(Slot::Named(id))) => self.prepared.put_back(id),
            // A query behind a failed message is skipped as well.
            Reply::Query => self.lease.done = self.lease.done.wrapping_add(1),
            Reply::Parse { slot: Slot::Passing, .. }
            | Reply::LocalParse
            | Reply::LocalClose
            | Reply::Refused(_)
            | Reply::Bind
            | Reply::Describe
            | Reply::Execute
            | Reply::Close
            | Reply::Ready
            | Reply::CopyEnd
            | Reply::Hidden(_) => {}
        }
    }

    /// Keeps the error of a statement that was prepared for a simple query: that query fails next,
    /// and is told why. Returns whether that is so.
    fn keep_hidden_error(&mut self, said: &Said<'_>) -> bool {
        let before_query = self.replies.first() == Some(&Reply::Hidden(Hidden::Ready));
        if before_query {
            self.lease.hidden_error = Some(said.input[said.at..said.end].into());
        }
        before_query
    }

    /// Tells the error that was kept in place of the one that came. Returns whether there was one.
    fn tell_hidden_error(&mut self, to_client: &mut Outbox, input: &[u8]) -> bool {
        let kept = self.lease.hidden_error.take();
        kept.map(|error| to_client.own(input).extend_from_slice(&error)).is_some()
    }

    /// The server reads COPY data now. By the protocol it ignores each Sync that it meets while it
    /// does, so those sent right behind the Execute or query get no reply.
    fn copy_in_begins(&mut self) {
        self.lease.marks.set(Marks::COPY_IN);
        while self.replies.get(1) == Some(&Reply::Ready) {
            self.replies.remove(1);
            self.lease.done = self.lease.done.wrapping_add(1);
            let pipeline = self.replies.first() == Some(&Reply::Execute);
            if pipeline && !self.replies.contains(&Reply::Ready) {
                self.lease.marks.set(Marks::UNSYNCED);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_of_what_a_client_was_given() {
        assert_eq!(rows_given(b"SELECT 300000"), Some(300_000));
        assert_eq!(rows_given(b"FETCH 10000"), Some(10_000));
        for tag in ["INSERT 0 10000", "COPY 300000", "SELECT", "SELECT x", "CREATE TABLE", ""] {
            assert_eq!(rows_given(tag.as_bytes()), None, "{tag}");
        }
    }
}
