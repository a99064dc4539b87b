//! What a client is about to ask for, seen before its bytes are walked: nearly every transaction
//! begins with a message that needs a server connection and is like the client's last one. With the
//! slot in hand its bytes are walked once, not once to ask and once to send.

use weir_wire::frame::{HEADER_LEN, Header, frontend};
use weir_wire::message::Bind;

use crate::ledger::{Mark, Scribe};
use crate::session::settings::SessionSettings;
use crate::session::simple::TRANSACTION_EDGE;
use crate::session::state::{Asked, Local, Said, Session, Skip};
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
        self.asked = Some(Asked { said, mark, told: true });
        mark
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
                (Said::Again(look), parse.text, look)
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

#[inline]
const fn needs_server(look: Look) -> bool {
    !look.facts.flags.intersects(TRANSACTION_EDGE)
}
