//! The grammar of the messages: comma-separated `letter=value`. Source: RFC 5802 section 7.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{MESSAGE_LEN_MAX, ScramError};

/// One side's share of an exchange's nonce: printable ASCII without commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// Makes a nonce of 24 characters from 18 random bytes, as PostgreSQL does. They must come
    /// from a cryptographic source and never twice.
    #[must_use]
    pub fn from_random(bytes: &[u8; 18]) -> Self {
        Self(STANDARD.encode(bytes))
    }

    /// Takes a nonce as text; `None` unless it is 1 to 256 printable characters without a comma.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        (text.len() <= 256 && is_nonce(text.as_bytes())).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn is_nonce(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| b.is_ascii_graphic() && b != b',')
}

/// Reads the attributes of a message from left to right.
pub(super) struct Attributes<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { rest: Some(message) }
    }

    /// What has not been read yet, without the comma before it.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest.unwrap_or_default()
    }

    /// The bytes up to the next comma or the end; `None` after the last.
    pub(super) fn part(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let end = rest.iter().position(|&b| b == b',');
        self.rest = end.map(|end| &rest[end + 1..]);
        Some(&rest[..end.unwrap_or(rest.len())])
    }

    /// The value of the next attribute, which must be `key`.
    pub(super) fn value(&mut self, key: u8, field: &'static str) -> Result<&'a [u8], ScramError> {
        match self.part() {
            Some([found, b'=', value @ ..]) if *found == key => Ok(value),
            Some([b'm', b'=', ..]) => Err(ScramError::Unsupported("mandatory extension")),
            Some(_) | None => Err(ScramError::Malformed(field)),
        }
    }

    /// Passes over optional extensions, which a server must ignore.
    pub(super) fn skip_extensions(&mut self) -> Result<(), ScramError> {
        while let Some(part) = self.part() {
            let [key, b'=', ..] = part else { return Err(ScramError::Malformed("extension")) };
            if !key.is_ascii_alphabetic() {
                return Err(ScramError::Malformed("extension"));
            }
        }
        Ok(())
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), ScramError> {
        self.rest.map_or(Ok(()), |_| Err(ScramError::Malformed("end of message")))
    }
}

/// Refuses a message that is too long to be looked at, or holds a zero byte.
pub(super) fn check_message(message: &[u8]) -> Result<(), ScramError> {
    if message.len() > MESSAGE_LEN_MAX {
        return Err(ScramError::Malformed("length"));
    }
    if message.contains(&0) { Err(ScramError::Malformed("zero byte")) } else { Ok(()) }
}

pub(super) fn decode(text: &[u8], field: &'static str) -> Result<Vec<u8>, ScramError> {
    STANDARD.decode(text).map_err(|_| ScramError::Malformed(field))
}

/// Decodes exactly one SHA-256 value.
pub(super) fn decode_hash(text: &[u8], field: &'static str) -> Result<[u8; 32], ScramError> {
    // Text of 44 letters is 33 bytes, or 32 with a letter that pads.
    let mut bytes = [0; 33];
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(32) => Ok(std::array::from_fn(|at| bytes[at])),
        Ok(_) | Err(_) => Err(ScramError::Malformed(field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_in_order_and_end() {
        let mut attributes = Attributes::new(b"n=,r=abc");
        assert_eq!(attributes.value(b'n', "user"), Ok(&b""[..]));
        assert_eq!(attributes.rest(), b"r=abc");
        assert!(attributes.end().is_err());
        assert_eq!(attributes.value(b'r', "nonce"), Ok(&b"abc"[..]));
        assert_eq!(attributes.end(), Ok(()));
        assert_eq!(attributes.value(b's', "salt"), Err(ScramError::Malformed("salt")));
    }

    #[test]
    fn a_trailing_comma_is_not_an_end() {
        let mut attributes = Attributes::new(b"r=abc,");
        assert_eq!(attributes.value(b'r', "nonce"), Ok(&b"abc"[..]));
        assert!(attributes.end().is_err());
        assert!(attributes.skip_extensions().is_err());
    }

    #[test]
    fn a_nonce_is_printable_and_has_no_comma() {
        assert!(Nonce::from_text("rOprNGfwEbeRWgbNEkqO").is_some());
        for wrong in ["", "a,b", "a b", "é", "a\0"] {
            assert!(Nonce::from_text(wrong).is_none(), "{wrong}");
        }
        assert_eq!(Nonce::from_random(&[0xff; 18]).as_str(), "/".repeat(24));
    }
}
