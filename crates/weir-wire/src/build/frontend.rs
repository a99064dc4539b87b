//! What clients send: to servers, by us.

use super::writer::{BuildError, Shape, empty};
use crate::frame::{SMALL_LENGTH_MAX, frontend};
use crate::message::TargetKind;

const fn small(name: &'static str, tag: u8) -> Shape {
    Shape { length_max: SMALL_LENGTH_MAX, ..Shape::tagged(name, tag) }
}

/// Appends a simple query.
///
/// # Errors
/// [`BuildError`] when the text is too long or holds a zero byte.
pub fn query(out: &mut Vec<u8>, text: &[u8]) -> Result<(), BuildError> {
    Shape::tagged("Query", frontend::QUERY).write(out, |w| w.string(text, "query text"))
}

/// Appends a Parse. `types` holds object ids of four big-endian bytes each, as in
/// [`crate::message::Parse::types`].
///
/// # Errors
/// [`BuildError`] when a string is too long or holds a zero byte, or `types` is not up to 65,535
/// whole object ids.
pub fn parse(out: &mut Vec<u8>, name: &[u8], text: &[u8], types: &[u8]) -> Result<(), BuildError> {
    Shape::tagged("Parse", frontend::PARSE).write(out, |w| {
        w.string(name, "statement name")?;
        w.string(text, "statement text")?;
        if !types.len().is_multiple_of(4) {
            return Err(BuildError::Field("list of parameter types"));
        }
        w.count(types.len() / 4, "list of parameter types")?;
        w.bytes(types);
        Ok(())
    })
}

/// Appends the head of a Bind: header and names. The caller sends exactly `rest_len` bytes of
/// [`crate::message::Bind::rest`] after it.
///
/// # Errors
/// [`BuildError`] when the message would be too long, or a name holds a zero byte.
pub fn bind_head(
    out: &mut Vec<u8>,
    portal: &[u8],
    statement: &[u8],
    rest_len: usize,
) -> Result<(), BuildError> {
    let shape = Shape { follows: rest_len, ..Shape::tagged("Bind", frontend::BIND) };
    shape.write_strings(out, [(portal, "portal name"), (statement, "statement name")])
}

/// Appends a Describe.
///
/// # Errors
/// [`BuildError`] when the name is too long or holds a zero byte.
pub fn describe(out: &mut Vec<u8>, kind: TargetKind, name: &[u8]) -> Result<(), BuildError> {
    target(small("Describe", frontend::DESCRIBE), out, kind, name)
}

/// Appends a Close.
///
/// # Errors
/// [`BuildError`] when the name is too long or holds a zero byte.
pub fn close(out: &mut Vec<u8>, kind: TargetKind, name: &[u8]) -> Result<(), BuildError> {
    target(small("Close", frontend::CLOSE), out, kind, name)
}

fn target(
    shape: Shape,
    out: &mut Vec<u8>,
    kind: TargetKind,
    name: &[u8],
) -> Result<(), BuildError> {
    shape.write(out, |w| {
        w.byte(kind.as_byte());
        w.string(name, "target name")
    })
}

/// Appends an Execute. `row_limit` zero means all rows.
///
/// # Errors
/// [`BuildError`] when the name is too long or holds a zero byte.
pub fn execute(out: &mut Vec<u8>, portal: &[u8], row_limit: i32) -> Result<(), BuildError> {
    small("Execute", frontend::EXECUTE).write(out, |w| {
        w.string(portal, "portal name")?;
        w.int32(row_limit);
        Ok(())
    })
}

/// Appends a CopyFail.
///
/// # Errors
/// [`BuildError`] when the reason is too long or holds a zero byte.
pub fn copy_fail(out: &mut Vec<u8>, reason: &[u8]) -> Result<(), BuildError> {
    small("CopyFail", frontend::COPY_FAIL).write(out, |w| w.string(reason, "reason"))
}

/// Appends a Sync.
pub fn sync(out: &mut Vec<u8>) {
    empty(out, frontend::SYNC);
}

/// Appends a Flush.
pub fn flush(out: &mut Vec<u8>) {
    empty(out, frontend::FLUSH);
}

/// Appends a Terminate.
pub fn terminate(out: &mut Vec<u8>) {
    empty(out, frontend::TERMINATE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{LENGTH_MAX, Malformed};
    use crate::message::{NAME_MAX, Target};

    #[test]
    fn the_longest_name_is_the_longest_that_describe_carries() {
        let name = vec![b'n'; NAME_MAX + 1];
        let mut out = Vec::new();
        describe(&mut out, TargetKind::Statement, &name[1..]).unwrap();
        assert!(Target::parse(&out[5..]).is_ok());
        let more = describe(&mut out, TargetKind::Statement, &name);
        assert_eq!(more, Err(BuildError::TooLong("Describe")));
        let mut body = vec![b'S'];
        body.extend(&name);
        assert_eq!(Target::parse(&body), Err(Malformed::Field("target name")));
    }

    #[test]
    fn a_bind_knows_what_follows_before_it_has_come() {
        let mut out = Vec::new();
        let room = LENGTH_MAX as usize - 4 - 2;
        bind_head(&mut out, b"", b"", room).unwrap();
        assert_eq!(out[1..5], LENGTH_MAX.to_be_bytes());
        let more = bind_head(&mut out, b"", b"", room + 1);
        assert_eq!(more, Err(BuildError::TooLong("Bind")));
        assert_eq!(out.len(), 7);
    }

    #[test]
    fn half_an_object_id_is_refused() {
        let result = parse(&mut Vec::new(), b"", b"select 1", b"\0\0\0");
        assert_eq!(result, Err(BuildError::Field("list of parameter types")));
    }
}
