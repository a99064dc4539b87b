//! What servers send, authentication and errors apart.

use crate::frame::{Body, Malformed};
use crate::startup::ProtocolVersion;

/// A command is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandComplete<'a> {
    /// What was done, such as `INSERT 0 5`.
    pub tag: &'a [u8],
}

impl<'a> CommandComplete<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the tag does not end with the body.
    #[inline]
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let tag = body.string("command tag")?;
        body.end()?;
        Ok(Self { tag })
    }
}

/// Whether a server is inside a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionStatus {
    /// Not in a transaction.
    Idle,
    /// In a transaction.
    InTransaction,
    /// In a transaction that has failed and waits for its end.
    Failed,
}

impl TransactionStatus {
    /// Reads the byte on the wire.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'I' => Some(Self::Idle),
            b'T' => Some(Self::InTransaction),
            b'E' => Some(Self::Failed),
            _ => None,
        }
    }

    /// The byte on the wire.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::InTransaction => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The server waits for the next command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadyForQuery {
    /// Whether it is inside a transaction.
    pub status: TransactionStatus,
}

impl ReadyForQuery {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is not one known byte.
    #[inline]
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let byte = body.byte("transaction status")?;
        body.end()?;
        let status = TransactionStatus::from_byte(byte);
        Ok(Self { status: status.ok_or(Malformed::Field("transaction status"))? })
    }
}

/// The value of a parameter that the server reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// Name of the parameter, such as `client_encoding`.
    pub name: &'a [u8],
    /// Its value now.
    pub value: &'a [u8],
}

impl<'a> ParameterStatus<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is not two strings.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let name = body.string("parameter name")?;
        let value = body.string("parameter value")?;
        body.end()?;
        Ok(Self { name, value })
    }
}

/// What a cancel request must show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    /// Process id of the backend.
    pub pid: i32,
    /// The secret: 4 bytes in version 3.0, 4 to 256 in 3.2.
    pub key: &'a [u8],
}

impl<'a> BackendKeyData<'a> {
    /// Shortest key, in bytes.
    pub const KEY_LEN_MIN: usize = 4;
    /// Longest key, in bytes.
    pub const KEY_LEN_MAX: usize = 256;

    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the key is shorter than 4 or longer than 256 bytes.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let pid = body.int32("process id")?;
        let key = body.rest();
        match key.len() {
            Self::KEY_LEN_MIN..=Self::KEY_LEN_MAX => Ok(Self { pid, key }),
            _ => Err(Malformed::Field("length of the cancel key")),
        }
    }
}

/// A notification from LISTEN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotificationResponse<'a> {
    /// Process id of the backend that sent it.
    pub pid: i32,
    /// The channel.
    pub channel: &'a [u8],
    /// The payload, often empty.
    pub payload: &'a [u8],
}

impl<'a> NotificationResponse<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is short or long.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let pid = body.int32("process id")?;
        let channel = body.string("channel")?;
        let payload = body.string("payload")?;
        body.end()?;
        Ok(Self { pid, channel, payload })
    }
}

/// The start of COPY, in, out or both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyResponse<'a> {
    /// Whether the data as a whole is binary.
    pub binary: bool,
    /// A format code for each column, two big-endian bytes each, without their count.
    pub formats: &'a [u8],
}

impl<'a> CopyResponse<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when the body is short or long, or the format is neither 0 nor 1.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let binary = match body.byte("copy format")? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::Field("copy format")),
        };
        let count = body.int16("number of columns")?.cast_unsigned();
        let formats = body.take(usize::from(count) * 2, "column formats")?;
        body.end()?;
        Ok(Self { binary, formats })
    }
}

/// The server speaks a lower version or does not know some options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The newest version the server speaks within the asked major version.
    pub version: ProtocolVersion,
    options: &'a [u8],
}

impl<'a> NegotiateProtocolVersion<'a> {
    /// Reads the body.
    ///
    /// # Errors
    /// [`Malformed`] when there are fewer or more options than it says.
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut body = Body::new(body);
        let version = body.int32("protocol version")?.cast_unsigned();
        let count = body.int32("number of options")?;
        let options = body.rest();
        // A count that lies runs out of bytes, so this loop is bounded by the body.
        for _ in 0..count {
            body.string("option")?;
        }
        body.end()?;
        Ok(Self { version: ProtocolVersion::from_code(version), options })
    }

    /// Names of the options that the server does not know.
    pub fn options(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut options = Body::new(self.options);
        std::iter::from_fn(move || options.string("option").ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_key_has_4_to_256_bytes() {
        for (len, ok) in [(0, false), (3, false), (4, true), (256, true), (257, false)] {
            let mut body = vec![0, 0, 0, 7];
            body.resize(4 + len, 1);
            let view = BackendKeyData::parse(&body);
            assert_eq!(view.is_ok(), ok, "{len}");
            assert!(view.is_err() || view.is_ok_and(|v| v.pid == 7 && v.key.len() == len));
        }
    }

    #[test]
    fn ready_for_query_is_one_known_byte() {
        let ready = ReadyForQuery { status: TransactionStatus::Failed };
        assert_eq!(ReadyForQuery::parse(b"E"), Ok(ready));
        assert_eq!(ReadyForQuery::parse(b"x"), Err(Malformed::Field("transaction status")));
        assert_eq!(ReadyForQuery::parse(b"II"), Err(Malformed::Trailing(1)));
    }

    #[test]
    fn a_negotiation_lists_as_many_options_as_it_says() {
        let body = b"\0\x03\0\x02\0\0\0\x02_pq_.a\0_pq_.b\0";
        let view = NegotiateProtocolVersion::parse(body).unwrap();
        assert_eq!(view.version, ProtocolVersion::V3_2);
        assert_eq!(view.options().collect::<Vec<_>>(), [&b"_pq_.a"[..], b"_pq_.b"]);
        let lie = NegotiateProtocolVersion::parse(b"\0\x03\0\x02\x7f\xff\xff\xff_pq_.a\0");
        assert_eq!(lie, Err(Malformed::Truncated("option")));
    }
}
