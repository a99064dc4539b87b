//! The fields of ErrorResponse and NoticeResponse.

use crate::error::SqlState;
use crate::frame::{Body, Malformed};

/// Codes of the fields. Source: PostgreSQL documentation, "Error and Notice Message Fields".
pub mod field {
    /// Severity, perhaps translated.
    pub const SEVERITY: u8 = b'S';
    /// Severity, never translated.
    pub const SEVERITY_RAW: u8 = b'V';
    /// SQLSTATE code.
    pub const CODE: u8 = b'C';
    /// The message.
    pub const MESSAGE: u8 = b'M';
    /// Facts behind it.
    pub const DETAIL: u8 = b'D';
    /// What to do.
    pub const HINT: u8 = b'H';
    /// Where in the query, in characters from 1.
    pub const POSITION: u8 = b'P';
    /// The context: a stack of calls.
    pub const WHERE: u8 = b'W';
    /// Name of the schema concerned.
    pub const SCHEMA: u8 = b's';
    /// Name of the table concerned.
    pub const TABLE: u8 = b't';
    /// Name of the column concerned.
    pub const COLUMN: u8 = b'c';
    /// Name of the constraint concerned.
    pub const CONSTRAINT: u8 = b'n';
    /// Source routine in the server that reported it.
    pub const ROUTINE: u8 = b'R';
}

/// An error or notice as a server sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorFields<'a> {
    body: &'a [u8],
}

impl<'a> ErrorFields<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when a field does not end, or the body does not end with a zero.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let view = Self { body };
        let mut body = Body::new(body);
        while body.byte("field code")? != 0 {
            body.string("field value")?;
        }
        body.end()?;
        Ok(view)
    }

    /// All fields in their order.
    #[must_use]
    pub fn iter(&self) -> FieldIter<'a> {
        FieldIter { body: Body::new(self.body) }
    }

    /// The first field with this code; see [`field`].
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&'a [u8]> {
        self.iter().find(|&(found, _)| found == code).map(|(_, value)| value)
    }

    /// The SQLSTATE; `None` when it is missing or not one.
    #[must_use]
    pub fn sqlstate(&self) -> Option<SqlState> {
        self.get(field::CODE).and_then(SqlState::parse)
    }

    /// The severity, in English where the server (9.6 and newer) says it in English.
    #[must_use]
    pub fn severity(&self) -> Option<&'a [u8]> {
        self.get(field::SEVERITY_RAW).or_else(|| self.get(field::SEVERITY))
    }

    /// Whether the server closes the connection after this.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self.severity(), Some(b"FATAL" | b"PANIC"))
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Option<&'a [u8]> {
        self.get(field::MESSAGE)
    }

    /// Facts behind it.
    #[must_use]
    pub fn detail(&self) -> Option<&'a [u8]> {
        self.get(field::DETAIL)
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'a [u8]> {
        self.get(field::HINT)
    }

    /// Where in the query, in characters from 1.
    #[must_use]
    pub fn position(&self) -> Option<u32> {
        str::from_utf8(self.get(field::POSITION)?).ok()?.parse().ok()
    }
}

impl<'a> IntoIterator for ErrorFields<'a> {
    type Item = (u8, &'a [u8]);
    type IntoIter = FieldIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The fields of an [`ErrorFields`], each a code and a value.
#[derive(Debug, Clone)]
pub struct FieldIter<'a> {
    body: Body<'a>,
}

impl<'a> Iterator for FieldIter<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let code = self.body.byte("field code").ok().filter(|&code| code != 0)?;
        Some((code, self.body.string("field value").ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"SFEHLER\0VERROR\0C42P01\0Mno such table\0P15\0Hlook again\0\0";

    #[test]
    fn fields_are_found_by_code() {
        let fields = ErrorFields::parse(BODY).unwrap();
        assert_eq!(fields.severity(), Some(&b"ERROR"[..]));
        assert_eq!(fields.sqlstate(), SqlState::parse(b"42P01"));
        assert_eq!(fields.message(), Some(&b"no such table"[..]));
        assert_eq!((fields.detail(), fields.hint()), (None, Some(&b"look again"[..])));
        assert_eq!(fields.position(), Some(15));
        assert!(!fields.is_fatal());
        assert_eq!(fields.iter().count(), 6);
    }

    #[test]
    fn a_translated_severity_serves_when_there_is_no_other() {
        assert!(ErrorFields::parse(b"SFATAL\0C57P01\0\0").unwrap().is_fatal());
        assert!(ErrorFields::parse(b"SFATAL\0VPANIC\0\0").unwrap().is_fatal());
    }

    #[test]
    fn a_body_without_its_last_zero_is_refused() {
        for end in 0..BODY.len() {
            assert!(ErrorFields::parse(&BODY[..end]).is_err(), "{end}");
        }
        assert_eq!(ErrorFields::parse(b"\0M"), Err(Malformed::Trailing(1)));
        assert!(ErrorFields::parse(b"\0").unwrap().iter().next().is_none());
    }
}
