//! What clients send.

use crate::frame::{Body, Malformed, SMALL_LENGTH_MAX};

/// The longest name of a statement or portal, in bytes: what a Describe can carry within
/// [`SMALL_LENGTH_MAX`]. PostgreSQL lets Parse and Bind carry more, but nothing could then
/// describe, execute or close what they named.
pub const NAME_MAX: usize = SMALL_LENGTH_MAX as usize - 6;

/// A simple query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// One or more statements.
    pub text: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the text does not end with the body.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let text = body.string("query text")?;
        body.end()?;
        Ok(Self { text })
    }
}

/// A statement to prepare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Name of the statement, at most [`NAME_MAX`] bytes; empty for the unnamed one.
    pub name: &'a [u8],
    /// One statement.
    pub text: &'a [u8],
    /// Object ids of the parameter types, four big-endian bytes each, without their count.
    pub types: &'a [u8],
}

impl<'a> Parse<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is short or long, or the name too long.
    #[inline]
    #[expect(clippy::self_named_constructors, reason = "every view has `parse`; this one is Parse")]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let name = name(&mut body, "statement name")?;
        let text = body.string("statement text")?;
        let count = body.int16("number of parameter types")?.cast_unsigned();
        let types = body.take(usize::from(count) * 4, "parameter types")?;
        body.end()?;
        Ok(Self { name, text, types })
    }
}

/// Parameters for a prepared statement, making a portal.
///
/// Only the names are looked at; formats and values are the server's to check, and stay as they
/// lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Name of the portal to make, at most [`NAME_MAX`] bytes; empty for the unnamed one.
    pub portal: &'a [u8],
    /// Name of the statement, at most [`NAME_MAX`] bytes; empty for the unnamed one.
    pub statement: &'a [u8],
    /// All that follows the zero after the statement's name.
    pub rest: &'a [u8],
}

impl<'a> Bind<'a> {
    /// Reads the whole body.
    ///
    /// # Errors
    /// [`Malformed`] when a name does not end or is too long.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let portal = name(&mut body, "portal name")?;
        let statement = name(&mut body, "statement name")?;
        Ok(Self { portal, statement, rest: body.rest() })
    }

    /// Reads the start of a body that is still arriving: `None` until both names are there, then
    /// `rest` is as much as has come.
    ///
    /// # Errors
    /// [`Malformed`] when a name is too long, so at most `2 * (NAME_MAX + 1)` bytes are needed.
    #[inline]
    pub fn parse_prefix(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        match Self::parse(bytes) {
            Ok(bind) => Ok(Some(bind)),
            Err(Malformed::Truncated(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Bytes of the body before [`Self::rest`].
    #[must_use]
    #[inline]
    pub fn head_len(&self) -> usize {
        self.portal.len() + self.statement.len() + 2
    }
}

/// What a Describe or Close points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetKind {
    /// A prepared statement.
    Statement,
    /// A portal.
    Portal,
}

impl TargetKind {
    /// The byte on the wire.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Statement => b'S',
            Self::Portal => b'P',
        }
    }

    /// Reads the byte on the wire.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'S' => Some(Self::Statement),
            b'P' => Some(Self::Portal),
            _ => None,
        }
    }
}

/// The body of Describe and of Close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// Statement or portal.
    pub kind: TargetKind,
    /// Its name, at most [`NAME_MAX`] bytes; empty for the unnamed one.
    pub name: &'a [u8],
}

impl<'a> Target<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the kind is unknown, or the name does not end with the body.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let byte = body.byte("kind of target")?;
        let kind = TargetKind::from_byte(byte).ok_or(Malformed::Field("kind of target"))?;
        let name = name(&mut body, "target name")?;
        body.end()?;
        Ok(Self { kind, name })
    }
}

/// A portal to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Name of the portal, at most [`NAME_MAX`] bytes; empty for the unnamed one.
    pub portal: &'a [u8],
    /// Rows to return at most; zero (or less) means all.
    pub row_limit: i32,
}

impl<'a> Execute<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is short or long.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let portal = name(&mut body, "portal name")?;
        let row_limit = body.int32("row limit")?;
        body.end()?;
        Ok(Self { portal, row_limit })
    }
}

/// Takes a string of at most [`NAME_MAX`] bytes. Too long is told from unfinished, also when the
/// body is still arriving.
#[inline]
fn name<'a>(body: &mut Body<'a>, field: &'static str) -> Result<&'a [u8], Malformed> {
    let longest = body.rest().get(..=NAME_MAX);
    if longest.is_some_and(|head| !head.contains(&0)) {
        return Err(Malformed::Field(field));
    }
    body.string(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bind_can_be_read_before_it_has_arrived() {
        let body = b"p\0stmt\0\0\0\0\x01\0\0\0\x01x\0\0";
        let whole = Bind::parse(body).unwrap();
        assert_eq!((whole.portal, whole.statement), (&b"p"[..], &b"stmt"[..]));
        for end in 0..body.len() {
            let prefix = Bind::parse_prefix(&body[..end]).unwrap();
            assert_eq!(prefix.is_some(), end >= whole.head_len());
            if let Some(bind) = prefix {
                assert_eq!((bind.portal, bind.statement), (whole.portal, whole.statement));
                assert_eq!(bind.rest, &body[whole.head_len()..end]);
            }
        }
    }

    #[test]
    fn an_endless_name_is_refused_before_it_ends() {
        let long = vec![b'a'; NAME_MAX + 1];
        assert_eq!(Bind::parse_prefix(&long[1..]), Ok(None));
        assert_eq!(Bind::parse_prefix(&long), Err(Malformed::Field("portal name")));
        let mut second = vec![0];
        second.extend(&long);
        assert_eq!(Bind::parse_prefix(&second), Err(Malformed::Field("statement name")));
    }

    #[test]
    fn a_parse_with_more_types_than_bytes_is_refused() {
        assert!(Parse::parse(b"s\0select 1\0\0\x01\0\0\0\x17").is_ok());
        let lie = Parse::parse(b"s\0select 1\0\0\x02\0\0\0\x17");
        assert_eq!(lie, Err(Malformed::Truncated("parameter types")));
        let more = Parse::parse(b"s\0select 1\0\0\0\0");
        assert_eq!(more, Err(Malformed::Trailing(1)));
    }

    #[test]
    fn a_query_holds_one_zero_and_it_is_last() {
        assert_eq!(Query::parse(b"select 1\0"), Ok(Query { text: b"select 1" }));
        assert_eq!(Query::parse(b"select 1\0x\0"), Err(Malformed::Trailing(2)));
        assert_eq!(Query::parse(b"select 1"), Err(Malformed::Truncated("query text")));
    }

    #[test]
    fn a_target_is_a_statement_or_a_portal() {
        let portal = Target { kind: TargetKind::Portal, name: b"" };
        assert_eq!(Target::parse(b"P\0"), Ok(portal));
        assert_eq!(Target::parse(b"X\0"), Err(Malformed::Field("kind of target")));
    }
}
