//! What the client says: the walk over its messages.

use std::rc::Rc;

use weir_wire::build;
use weir_wire::frame::{HEADER_LEN, Header, Malformed, frontend};

use crate::config::limits::PARSE_BUFFER_BYTES;
use crate::session::marks::Marks;
use crate::session::server::{Hidden, Reply, Rest, ServerState};
use crate::session::state::{Ask, CloseReason, Context, Fault, Local, Session, Skip, Step};

/// The longest message that is read whole because its meaning matters. Longer ones are relayed
/// unread and the session state they may leave is asked for afterwards.
pub(super) const INSPECT_MAX: usize = PARSE_BUFFER_BYTES;

/// How far one message got.
pub(super) enum Progress {
    /// It was dealt with; so many bytes of the input are taken.
    Taken(usize),
    /// More of it must arrive first.
    More,
    /// A server connection is needed first, or the answer of the one there is to its settings.
    Checkout,
    /// The session is over.
    Close(CloseReason),
}

/// A message in the input: where it begins, its header, and how much of it has arrived.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    pub(super) header: Header,
}

impl<'a> Message<'a> {
    /// The body; `None` while it is incomplete.
    pub(super) fn body(&self) -> Option<&'a [u8]> {
        self.input.get(self.at + HEADER_LEN..self.at + self.header.total_len())
    }

    /// What has arrived of the body.
    pub(super) fn arrived(&self) -> &'a [u8] {
        &self.input[self.at + HEADER_LEN..self.end()]
    }

    /// Where it ends, or where the input does.
    pub(super) fn end(&self) -> usize {
        self.input.len().min(self.at + self.header.total_len())
    }

    /// Bytes of it in the input.
    pub(super) fn present(&self) -> usize {
        self.end() - self.at
    }

    /// A message that is not complete is no reason to take a server connection from others,
    /// unless it is so long that it can only be passed on as it comes.
    pub(super) fn is_half_said(&self, cx: &Context<'_>) -> bool {
        cx.server.is_none() && self.missing() > 0 && self.header.total_len() <= INSPECT_MAX
    }

    /// Bytes of it that have not arrived.
    pub(super) fn missing(&self) -> usize {
        self.header.total_len() - self.present()
    }
}

impl Session {
    /// Takes what the client has sent.
    ///
    /// # Errors
    /// [`Fault`] when the client broke the protocol; it is to be told and closed.
    #[inline]
    pub fn client_bytes(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Step, Fault> {
        let at = self.send_foreseen(cx, input);
        if at > 0 && at == input.len() {
            return Ok(Step { taken: at, ask: Ask::Nothing });
        }
        self.client_messages(cx, input, at)
    }

    /// Takes the messages from `at` on.
    #[inline(never)]
    fn client_messages(
        &mut self,
        cx: &mut Context<'_>,
        input: &[u8],
        mut at: usize,
    ) -> Result<Step, Fault> {
        if cx.server.as_deref().is_some_and(ServerState::is_resetting) {
            // What comes now belongs to the next lease.
            self.asked = None;
            return Ok(Step { taken: 0, ask: Ask::Nothing });
        }
        if self.rest.left > 0 || self.late {
            let step = self.client_rest(cx, input)?;
            if step.ask != Ask::Nothing {
                return Ok(step);
            }
            at = step.taken;
        }
        while let Some(header) = Header::parse(&input[at..]).map_err(Fault::Client)? {
            header.check_frontend().map_err(Fault::Client)?;
            let bytes = header.total_len() as u64;
            if bytes > cx.settings.message_bytes_max {
                return Err(Fault::TooLarge { bytes, max: cx.settings.message_bytes_max });
            }
            let message = Message { input, at, header };
            match self.client_message(cx, &message)? {
                Progress::Taken(bytes) => {
                    at += bytes;
                    // What is known of one message is not of the next.
                    self.asked = None;
                }
                Progress::More => break,
                Progress::Checkout if cx.server.is_some() => break,
                Progress::Checkout => return Ok(Step { taken: at, ask: Ask::Checkout }),
                Progress::Close(why) => return Ok(Step { taken: at, ask: Ask::Close(why) }),
            }
        }
        Ok(Step { taken: at, ask: Ask::Nothing })
    }

    /// Passes on what is left of a message, and puts the server connection in order if that waited
    /// for its end.
    #[inline(never)]
    fn client_rest(&mut self, cx: &mut Context<'_>, input: &[u8]) -> Result<Step, Fault> {
        let taken = self.rest.left.min(input.len());
        if taken > 0 {
            self.asked = None;
            if self.rest.forward {
                cx.to_server.forward(input, 0..taken);
            }
            self.rest.left -= taken;
        }
        let late = self.late && self.rest.left == 0;
        if late {
            self.late = false;
        }
        let ask = if late { self.tidy(cx, input)? } else { Ask::Nothing };
        Ok(Step { taken, ask })
    }

    /// Each kind of message has a function that is never inlined: together in this loop they would
    /// make each message pay for what all of them keep at hand.
    fn client_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        if self.skip != Skip::No {
            return self.skip_message(cx, message);
        }
        if matches!(self.local, Local::Failed(_)) {
            return self.failed_message(cx, message);
        }
        if cx.server.as_deref().is_some_and(|server| server.lease.marks.has(Marks::SKIPPING)) {
            match message.header.tag {
                frontend::SYNC => {}
                frontend::TERMINATE => return Ok(Progress::Close(CloseReason::Goodbye)),
                _ => return Ok(self.drop_message(message)),
            }
        }
        if let Some(server) =
            cx.server.as_deref_mut().filter(|server| server.lease.marks.has(Marks::COPY_IN))
        {
            server.copy_in_hears(message.header.tag);
        }
        match message.header.tag {
            frontend::QUERY => self.query(cx, message),
            frontend::PARSE => self.parse(cx, message),
            frontend::BIND => self.bind(cx, message),
            frontend::DESCRIBE => self.describe(cx, message),
            frontend::EXECUTE => self.execute(cx, message),
            frontend::CLOSE => self.close(cx, message),
            frontend::SYNC => self.sync(cx, message),
            frontend::FLUSH => self.flush(cx, message),
            frontend::FUNCTION_CALL => self.function_call(cx, message),
            frontend::COPY_DATA => Ok(self.copy_data(cx, message)),
            frontend::COPY_DONE | frontend::COPY_FAIL => self.copy_end(cx, message),
            frontend::TERMINATE => Ok(Progress::Close(CloseReason::Goodbye)),
            tag => Err(Fault::Client(Malformed::Unexpected(tag))),
        }
    }

    /// Drops the request that was refused, then says that the session is ready again.
    #[inline(never)]
    fn skip_message(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        let tag = message.header.tag;
        let single = matches!(tag, frontend::QUERY | frontend::FUNCTION_CALL);
        if tag == frontend::TERMINATE {
            return Ok(Progress::Close(CloseReason::Goodbye));
        }
        if tag == frontend::SYNC || (single && self.skip == Skip::Request) {
            self.skip = Skip::No;
            build::ready_for_query(cx.to_client.own(message.input), self.local_status());
        } else {
            self.skip = Skip::UntilSync;
        }
        Ok(self.drop_message(message))
    }

    /// Takes a message without relaying it.
    pub(super) fn drop_message(&mut self, message: &Message<'_>) -> Progress {
        self.rest = Rest { left: message.missing(), forward: false };
        Progress::Taken(message.present())
    }

    /// Relays a message as it is, as much of it as has arrived.
    #[inline]
    pub(super) fn relay(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> Progress {
        cx.to_server.forward(message.input, message.at..message.end());
        self.rest = Rest { left: message.missing(), forward: true };
        Progress::Taken(message.present())
    }

    /// Makes the server connection fit for the client's next message: its settings, and the BEGIN
    /// that was answered earlier. `None` when there is none yet, or while it is not known whether
    /// it took the settings: nothing may run without them.
    #[inline]
    pub(super) fn engage<'s>(
        &mut self,
        cx: &'s mut Context<'_>,
        input: &[u8],
    ) -> Result<Option<&'s mut ServerState>, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(None) };
        if server.lease.marks.has(Marks::SETTLING) {
            return Ok(None);
        }
        if server.replies.is_empty() && !server.lease.marks.has(Marks::UNSYNCED) {
            server.lease.statement_since = cx.now;
            if server.is_quiet() {
                server.lease.transaction_since = cx.now;
                if !Rc::ptr_eq(&server.overrides, &self.overrides)
                    || matches!(self.local, Local::Deferred)
                {
                    return self.prepare_server(cx, input);
                }
            }
        }
        Ok(cx.server.as_deref_mut())
    }

    /// Sends the settings and the BEGIN that are missing.
    #[cold]
    fn prepare_server<'s>(
        &mut self,
        cx: &'s mut Context<'_>,
        input: &[u8],
    ) -> Result<Option<&'s mut ServerState>, Fault> {
        let Some(server) = cx.server.as_deref_mut() else { return Ok(None) };
        if !Rc::ptr_eq(&server.overrides, &self.overrides) {
            server.send_overrides(cx.to_server.own(input), &self.overrides)?;
            if server.lease.marks.has(Marks::SETTLING) {
                return Ok(None);
            }
        }
        if matches!(self.local, Local::Deferred) {
            self.local = Local::Idle;
            server.send_hidden(cx.to_server.own(input), b"BEGIN", Hidden::Begin)?;
        }
        Ok(Some(server))
    }

    #[inline(never)]
    fn function_call(
        &mut self,
        cx: &mut Context<'_>,
        message: &Message<'_>,
    ) -> Result<Progress, Fault> {
        if message.is_half_said(cx) {
            return Ok(Progress::More);
        }
        let Some(server) = self.engage(cx, message.input)? else { return Ok(Progress::Checkout) };
        server.note_unread_work();
        cx.tell(None, None);
        cx.push_reply(Reply::Query);
        cx.tally.queries += 1;
        Ok(self.relay(cx, message))
    }

    #[inline(never)]
    fn sync(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> Result<Progress, Fault> {
        if message.body().is_none() {
            return Ok(Progress::More);
        }
        let Some(server) = cx.server.as_deref_mut() else {
            build::ready_for_query(cx.to_client.own(message.input), self.local_status());
            return Ok(Progress::Taken(message.present()));
        };
        // A server that reads COPY data ignores Sync (protocol documentation, "COPY Operations").
        if !server.lease.marks.has(Marks::COPY_IN) || server.copy_ended() {
            server.replies.push_back(Reply::Ready);
            server.lease.marks.clear(Marks::UNSYNCED);
            server.lease.marks.clear(Marks::SKIPPING);
        }
        Ok(self.relay(cx, message))
    }

    #[inline(never)]
    fn flush(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> Result<Progress, Fault> {
        if message.body().is_none() {
            return Ok(Progress::More);
        }
        if cx.server.is_none() {
            return Ok(Progress::Taken(message.present()));
        }
        self.give_local_replies(cx, message.input)?;
        Ok(self.relay(cx, message))
    }

    /// PostgreSQL ignores COPY data and its end outside of COPY: the client may not have seen the
    /// error yet. So does the session, where it is sure: nothing else is to come from the server.
    #[inline(never)]
    fn copy_data(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> Progress {
        if cx.is_quiet_or_free() { self.drop_message(message) } else { self.relay(cx, message) }
    }

    #[inline(never)]
    fn copy_end(&mut self, cx: &mut Context<'_>, message: &Message<'_>) -> Result<Progress, Fault> {
        if message.body().is_none() {
            return Ok(Progress::More);
        }
        if cx.is_quiet_or_free() {
            return Ok(self.drop_message(message));
        }
        cx.push_reply(Reply::CopyEnd);
        Ok(self.relay(cx, message))
    }
}

impl Context<'_> {
    fn is_quiet_or_free(&self) -> bool {
        self.server.as_deref().is_none_or(|server| server.replies.is_empty())
    }
}
