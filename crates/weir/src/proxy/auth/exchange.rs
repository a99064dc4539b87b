//! The questions and answers of a login, on the proxy's side.

use weir_core::config::limits;
use weir_wire::frame::frontend;

use crate::proxy::conn::{Broken, Conn};
use crate::proxy::login::Ended;
use crate::proxy::refusal::Refusal;

/// The longest answer to a question, in bytes.
#[expect(clippy::cast_possible_truncation, reason = "the bound is a few KiB")]
const ANSWER_MAX: u32 = limits::AUTH_MESSAGE_BYTES as u32;

/// Sends a question and reads the body of the answer, which must be a password message.
pub(super) async fn ask(conn: &mut Conn, question: &[u8]) -> Result<Vec<u8>, Ended> {
    conn.send(question).await?;
    match conn.body_of(frontend::PASSWORD, ANSWER_MAX).await {
        Ok(body) => Ok(body),
        Err(Broken::Malformed(error)) => Err(Ended::Refused(malformed(&error))),
        Err(broken) => Err(broken.into()),
    }
}

/// A message of the client, or a refusal of ours, that breaks the protocol.
pub(super) fn malformed(error: &impl ToString) -> Refusal {
    Refusal::protocol(error.to_string())
}
