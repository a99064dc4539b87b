//! One question over the extended protocol, with the user's name as a parameter.

use std::fmt::Display;

use weir_wire::build;
use weir_wire::frame::{Body, Malformed, backend};
use weir_wire::message::ErrorFields;

use crate::proxy::conn::Broken;
use crate::proxy::dial::ServerConn;
use crate::proxy::mail::DialFailure;
use crate::proxy::target::DialSpec;

/// The longest message of an answer, in bytes.
const MESSAGE_MAX: u32 = 1 << 16;

/// Messages in an answer, at most.
const MESSAGES_MAX: usize = 1_000;

/// Asks, and gives the second column of the first row; `None` without a row, or when it is NULL.
pub(super) async fn ask(
    server: &mut ServerConn,
    spec: &DialSpec,
    query: &str,
    user: &str,
) -> Result<Option<String>, DialFailure> {
    let question = question(query, user).map_err(|error| failed(spec, &error))?;
    let sent = server.conn.send(&question).await;
    sent.map_err(|error| failed(spec, &error))?;
    let mut secret = None;
    let mut refused = None;
    for _ in 0..MESSAGES_MAX {
        let message = server.conn.message(MESSAGE_MAX).await;
        let message = message.map_err(|error: Broken| failed(spec, &error))?;
        match message.tag {
            backend::READY_FOR_QUERY => return refused.map_or(Ok(secret), Err),
            backend::ERROR_RESPONSE => refused = Some(error(spec, &message.body)),
            backend::DATA_ROW if secret.is_none() => {
                secret = second_column(&message.body).map_err(|error| failed(spec, &error))?;
            }
            _ => {}
        }
    }
    Err(failed(spec, &"the answer does not end"))
}

fn question(query: &str, user: &str) -> Result<Vec<u8>, build::BuildError> {
    let mut out = Vec::new();
    build::parse(&mut out, b"", query.as_bytes(), &[])?;
    let parameters = bind_parameters(user.as_bytes());
    build::bind_head(&mut out, b"", b"", parameters.len())?;
    out.extend_from_slice(&parameters);
    build::execute(&mut out, b"", 1)?;
    build::sync(&mut out);
    Ok(out)
}

/// What follows the names in a Bind: no format codes (all is text), one value, text results.
fn bind_parameters(value: &[u8]) -> Vec<u8> {
    // A user's name comes from a startup packet of at most 10,000 bytes.
    let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let mut out = vec![0, 0, 0, 1];
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(&[0, 0]);
    out
}

fn second_column(row: &[u8]) -> Result<Option<String>, Malformed> {
    let mut row = Body::new(row);
    if row.int16("number of columns")? < 2 {
        return Err(Malformed::Field("row of auth.query: it must have two columns"));
    }
    let _name = column(&mut row)?;
    let secret = column(&mut row)?;
    Ok(secret.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
}

fn column<'a>(row: &mut Body<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match usize::try_from(row.int32("length of a column")?) {
        Ok(length) => row.take(length, "column").map(Some),
        // -1 is NULL.
        Err(_) => Ok(None),
    }
}

fn error(spec: &DialSpec, body: &[u8]) -> DialFailure {
    let message = ErrorFields::parse(body)
        .ok()
        .and_then(|fields| fields.message().map(|m| String::from_utf8_lossy(m).into_owned()));
    failed(spec, &message.unwrap_or_else(|| "an error without text".into()))
}

fn failed(spec: &DialSpec, why: &impl Display) -> DialFailure {
    DialFailure {
        message: format!(
            "asking PostgreSQL at {} as \"{}\" in database \"{}\": {why}",
            spec.address, spec.user, spec.database
        ),
        sqlstate: *b"08006",
        permanent: false,
    }
}
