//! One simple query of several statements, and the rows of those that give any.

use thiserror::Error;
use weir_core::activity::read::{Answer, Row};
use weir_core::config::limits;
use weir_wire::build;
use weir_wire::frame::{Body, Malformed, backend};
use weir_wire::message::ErrorFields;

use crate::proxy::conn::{Broken, Conn};

/// The longest message of an answer, in bytes: a row with a statement's text.
const MESSAGE_MAX: u32 = 1 << 16;

/// Messages in an answer: a row for each session, and what is around them.
const MESSAGES_MAX: usize = 2 * limits::GUARD_SESSIONS;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(super) enum NoAnswer {
    /// The server said no, in these words; the connection is usable still.
    #[error("{0}")]
    Refused(String),
    /// The connection is broken.
    #[error(transparent)]
    Broken(#[from] Broken),
}

impl From<Malformed> for NoAnswer {
    fn from(error: Malformed) -> Self {
        Self::Broken(error.into())
    }
}

/// Asks.
///
/// # Errors
/// When the server refuses, the connection breaks, or the answer has no end.
pub(super) async fn ask(conn: &mut Conn, sql: &str) -> Result<Answer, NoAnswer> {
    let mut query = Vec::new();
    build::query(&mut query, sql.as_bytes())
        .map_err(|error| NoAnswer::Refused(error.to_string()))?;
    conn.send(&query).await.map_err(Broken::from)?;
    let mut answer = Answer::new();
    let mut refused = None;
    for _ in 0..MESSAGES_MAX {
        let message = conn.message(MESSAGE_MAX).await?;
        match message.tag {
            backend::READY_FOR_QUERY => return refused.map_or(Ok(answer), Err),
            backend::ERROR_RESPONSE => refused = Some(NoAnswer::Refused(words(&message.body))),
            backend::ROW_DESCRIPTION => answer.push(Vec::new()),
            backend::DATA_ROW => {
                let row = row(&message.body)?;
                answer.last_mut().ok_or(Malformed::Unexpected(message.tag))?.push(row);
            }
            _ => {}
        }
    }
    Err(NoAnswer::Refused("the answer does not end".into()))
}

fn words(body: &[u8]) -> String {
    let fields = ErrorFields::parse(body).ok();
    let text = fields.and_then(|fields| fields.message());
    text.map_or_else(|| "an error without text".into(), |m| String::from_utf8_lossy(m).into())
}

fn row(body: &[u8]) -> Result<Row, Malformed> {
    let mut body = Body::new(body);
    let count = body.int16("number of columns")?;
    (0..count).map(|_| column(&mut body)).collect()
}

fn column(body: &mut Body<'_>) -> Result<Option<String>, Malformed> {
    match usize::try_from(body.int32("length of a column")?) {
        Ok(length) => {
            let bytes = body.take(length, "column")?;
            Ok(Some(String::from_utf8_lossy(bytes).into_owned()))
        }
        // -1 is NULL.
        Err(_) => Ok(None),
    }
}
