//! Message framing: the five-byte header, its limits, and a checked cursor over a body.
//!
//! Protocol: PostgreSQL documentation, "Message Formats". After startup every message is one tag
//! byte, a big-endian length that counts itself but not the tag, and a body.

use thiserror::Error;

/// Bytes of a message header: one tag byte and a four-byte length.
pub const HEADER_LEN: usize = 5;

/// The longest length field PostgreSQL accepts (`PQ_LARGE_MESSAGE_LIMIT`, one byte under 1 GiB).
pub const LENGTH_MAX: u32 = 0x3fff_ffff - 1;

/// The longest length field of a message that carries no user data (`PQ_SMALL_MESSAGE_LIMIT`).
pub const SMALL_LENGTH_MAX: u32 = 10_000;

/// A message that contradicts itself or the protocol. The peer's fault; answered with `08P01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Malformed {
    /// The length field is below four or above the limit for this tag.
    #[error("message '{}' claims a length of {length} bytes", char::from(*.tag))]
    Length {
        /// The tag byte of the message.
        tag: u8,
        /// The length field as it was sent.
        length: u32,
    },
    /// The body ended before a field that must be there.
    #[error("message body ends inside {0}")]
    Truncated(&'static str),
    /// Bytes are left after the last field.
    #[error("message body has {0} bytes after its last field")]
    Trailing(usize),
    /// A string that must be UTF-8 or must hold a known value does not.
    #[error("invalid {0}")]
    Field(&'static str),
    /// A tag that must not appear here.
    #[error("unexpected message '{}'", char::from(*.0))]
    Unexpected(u8),
}

/// A parsed message header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The tag byte; see [`frontend`] and [`backend`].
    pub tag: u8,
    /// Bytes of body that follow the header, 0 to `LENGTH_MAX - 4`.
    pub body_len: u32,
}

impl Header {
    /// Reads the header at the start of `bytes`; `None` when fewer than five bytes are there.
    ///
    /// # Errors
    /// [`Malformed::Length`] when the length field is below four or above [`LENGTH_MAX`].
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(&[tag, a, b, c, d]) = bytes.first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([a, b, c, d]);
        if !(4..=LENGTH_MAX).contains(&length) {
            return Err(Malformed::Length { tag, length });
        }
        Ok(Some(Self { tag, body_len: length - 4 }))
    }

    /// Holds a client's message against the limit that PostgreSQL sets for its tag, so that a
    /// message that must be buffered whole cannot claim a gigabyte.
    ///
    /// # Errors
    /// [`Malformed::Unexpected`] when clients send no such tag, [`Malformed::Length`] when the
    /// length field is above [`frontend::length_max`].
    #[inline]
    pub fn check_frontend(self) -> Result<(), Malformed> {
        if self.body_len < frontend::BODIES_END[usize::from(self.tag)] {
            return Ok(());
        }
        Err(self.refused_from_frontend())
    }

    #[cold]
    fn refused_from_frontend(self) -> Malformed {
        match frontend::length_max(self.tag) {
            Some(_) => Malformed::Length { tag: self.tag, length: self.body_len + 4 },
            None => Malformed::Unexpected(self.tag),
        }
    }

    /// Bytes of the whole message, header included.
    #[inline]
    #[must_use]
    pub fn total_len(self) -> usize {
        HEADER_LEN + self.body_len as usize
    }
}

/// Tags that clients send.
pub mod frontend {
    /// Bind parameters to a prepared statement, making a portal.
    pub const BIND: u8 = b'B';
    /// Close a statement or a portal.
    pub const CLOSE: u8 = b'C';
    /// A piece of COPY data.
    pub const COPY_DATA: u8 = b'd';
    /// The end of COPY data.
    pub const COPY_DONE: u8 = b'c';
    /// COPY given up by the client.
    pub const COPY_FAIL: u8 = b'f';
    /// Describe a statement or a portal.
    pub const DESCRIBE: u8 = b'D';
    /// Execute a portal.
    pub const EXECUTE: u8 = b'E';
    /// Deliver what is pending without ending the pipeline.
    pub const FLUSH: u8 = b'H';
    /// Fast-path function call.
    pub const FUNCTION_CALL: u8 = b'F';
    /// Parse a statement.
    pub const PARSE: u8 = b'P';
    /// Password, SASL or GSS response.
    pub const PASSWORD: u8 = b'p';
    /// Simple query.
    pub const QUERY: u8 = b'Q';
    /// End of an extended-protocol pipeline.
    pub const SYNC: u8 = b'S';
    /// The client says goodbye.
    pub const TERMINATE: u8 = b'X';

    /// The highest length field that PostgreSQL accepts for `tag`; `None` when clients send no
    /// such tag. Source: `SocketBackend` in PostgreSQL's `postgres.c`, and
    /// `PG_MAX_AUTH_TOKEN_LENGTH` for passwords.
    #[must_use]
    pub const fn length_max(tag: u8) -> Option<u32> {
        match tag {
            QUERY | PARSE | BIND | FUNCTION_CALL | COPY_DATA => Some(super::LENGTH_MAX),
            CLOSE | DESCRIBE | EXECUTE | FLUSH | SYNC | TERMINATE | COPY_DONE | COPY_FAIL => {
                Some(super::SMALL_LENGTH_MAX)
            }
            PASSWORD => Some(65_535),
            _ => None,
        }
    }

    /// For each tag the first length of a body that is too much; zero where there is no such tag.
    pub(super) const BODIES_END: [u32; 256] = {
        let mut ends = [0; 256];
        let mut tag = 0_usize;
        while tag < 256 {
            if let Some(length) = length_max(tag.to_le_bytes()[0]) {
                ends[tag] = length - 4 + 1;
            }
            tag += 1;
        }
        ends
    };
}

/// Tags that servers send.
pub mod backend {
    /// Authentication request of any kind.
    pub const AUTHENTICATION: u8 = b'R';
    /// Process id and cancel key.
    pub const BACKEND_KEY_DATA: u8 = b'K';
    /// Bind is done.
    pub const BIND_COMPLETE: u8 = b'2';
    /// Close is done.
    pub const CLOSE_COMPLETE: u8 = b'3';
    /// A command is done; carries its tag.
    pub const COMMAND_COMPLETE: u8 = b'C';
    /// A piece of COPY data.
    pub const COPY_DATA: u8 = b'd';
    /// The end of COPY data.
    pub const COPY_DONE: u8 = b'c';
    /// COPY from the client begins.
    pub const COPY_IN_RESPONSE: u8 = b'G';
    /// COPY to the client begins.
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    /// COPY both ways begins (replication).
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    /// A row.
    pub const DATA_ROW: u8 = b'D';
    /// The query text was empty.
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    /// An error.
    pub const ERROR_RESPONSE: u8 = b'E';
    /// Result of a fast-path function call.
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    /// The server speaks a lower minor version or ignores options.
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    /// The statement returns no rows.
    pub const NO_DATA: u8 = b'n';
    /// A notice.
    pub const NOTICE_RESPONSE: u8 = b'N';
    /// A notification from LISTEN.
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    /// Types of a statement's parameters.
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    /// A parameter's value.
    pub const PARAMETER_STATUS: u8 = b'S';
    /// Parse is done.
    pub const PARSE_COMPLETE: u8 = b'1';
    /// Execute stopped at its row limit.
    pub const PORTAL_SUSPENDED: u8 = b's';
    /// The server waits for the next command.
    pub const READY_FOR_QUERY: u8 = b'Z';
    /// Names and types of the columns.
    pub const ROW_DESCRIPTION: u8 = b'T';
}

/// A checked cursor over a message body. Every read names the field it wanted.
#[derive(Debug, Clone)]
pub struct Body<'a> {
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    /// Starts at the beginning of `body` (the bytes after the header).
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes `count` bytes.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when fewer are left.
    #[inline]
    pub fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Malformed::Truncated(field))?;
        self.rest = tail;
        Ok(head)
    }

    /// Takes one byte.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when none is left.
    #[inline]
    pub fn byte(&mut self, field: &'static str) -> Result<u8, Malformed> {
        Ok(self.take(1, field)?[0])
    }

    /// Takes a big-endian 16-bit number.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when fewer than two bytes are left.
    #[inline]
    pub fn int16(&mut self, field: &'static str) -> Result<i16, Malformed> {
        let bytes = self.take(2, field)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Takes a big-endian 32-bit number.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when fewer than four bytes are left.
    pub fn int32(&mut self, field: &'static str) -> Result<i32, Malformed> {
        let bytes = self.take(4, field)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Takes a zero-terminated string, without its terminator.
    ///
    /// # Errors
    /// [`Malformed::Truncated`] when no terminator is left.
    #[inline]
    pub fn string(&mut self, field: &'static str) -> Result<&'a [u8], Malformed> {
        let end = zero_at(self.rest).ok_or(Malformed::Truncated(field))?;
        let text = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(text)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`Malformed::Trailing`] when bytes are left.
    #[inline]
    pub fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::Trailing(self.rest.len())) }
    }
}

/// Where the first zero byte stands. Most strings are short: a search by the library's would cost
/// more than the string.
///
/// A word at a time, by Mycroft's test, which is exact for the first zero of a word.
#[inline]
pub(crate) fn zero_at(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let zeros = word.wrapping_sub(EACH) & !word & (0x80 * EACH);
        if zeros != 0 {
            return Some(at + zeros.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    for &byte in rest {
        if byte == 0 {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_zero_is_found() {
        for len in 0..20 {
            assert_eq!(zero_at(&vec![1; len]), None);
            for first in 0..len {
                for second in first..len {
                    let mut bytes = vec![1; len];
                    (bytes[first], bytes[second]) = (0, 0);
                    assert_eq!(zero_at(&bytes), Some(first));
                }
            }
        }
    }

    #[test]
    fn a_header_needs_five_bytes() {
        assert_eq!(Header::parse(b"Q\0\0\0"), Ok(None));
        let header = Header::parse(b"Q\0\0\0\x09").unwrap().unwrap();
        assert_eq!((header.tag, header.body_len, header.total_len()), (b'Q', 5, 10));
    }

    #[test]
    fn a_length_that_lies_is_refused() {
        for length in [0_u32, 3, LENGTH_MAX + 1, u32::MAX] {
            let mut bytes = vec![b'Q'];
            bytes.extend(length.to_be_bytes());
            assert_eq!(Header::parse(&bytes), Err(Malformed::Length { tag: b'Q', length }));
        }
    }

    #[test]
    fn a_small_message_cannot_claim_to_be_large() {
        let check = |tag, body_len, ok: bool| {
            assert_eq!(Header { tag, body_len }.check_frontend().is_ok(), ok, "{tag} {body_len}");
        };
        check(frontend::SYNC, 0, true);
        check(frontend::DESCRIBE, SMALL_LENGTH_MAX - 4, true);
        check(frontend::DESCRIBE, SMALL_LENGTH_MAX - 3, false);
        check(frontend::BIND, LENGTH_MAX - 4, true);
        check(backend::READY_FOR_QUERY, 1, false);
    }

    #[test]
    fn a_body_never_reads_past_its_end() {
        let mut body = Body::new(b"ab\0\x00\x05");
        assert_eq!(body.string("name"), Ok(&b"ab"[..]));
        assert_eq!(body.int16("count"), Ok(5));
        assert_eq!(body.byte("flag"), Err(Malformed::Truncated("flag")));
        assert_eq!(Body::new(b"x").end(), Err(Malformed::Trailing(1)));
    }
}
