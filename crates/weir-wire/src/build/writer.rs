//! The one place where lengths are written.

use thiserror::Error;

use crate::frame::{HEADER_LEN, LENGTH_MAX, zero_at};

/// A message that the protocol cannot carry. Our fault or our peer's data's; nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The message, or a list in it, would be longer than PostgreSQL accepts.
    #[error("{0} is too long for a message")]
    TooLong(&'static str),
    /// A string holds a zero byte, which would end it early.
    #[error("{0} holds a zero byte")]
    ZeroByte(&'static str),
    /// A value that the field cannot hold.
    #[error("{0} does not fit its field")]
    Field(&'static str),
}

/// Appends the fields of one message.
pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    #[inline]
    pub(super) fn byte(&mut self, value: u8) {
        self.out.push(value);
    }

    #[inline]
    pub(super) fn int16(&mut self, value: i16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(super) fn int32(&mut self, value: i32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn uint32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A string and its terminating zero.
    #[inline]
    pub(super) fn string(&mut self, text: &[u8], field: &'static str) -> Result<(), BuildError> {
        if zero_at(text).is_some() {
            return Err(BuildError::ZeroByte(field));
        }
        self.bytes(text);
        self.byte(0);
        Ok(())
    }

    /// A 16-bit count.
    pub(super) fn count(&mut self, count: usize, field: &'static str) -> Result<(), BuildError> {
        let count = u16::try_from(count).map_err(|_| BuildError::TooLong(field))?;
        self.bytes(&count.to_be_bytes());
        Ok(())
    }

    /// A 32-bit length and as many bytes.
    pub(super) fn sized(&mut self, bytes: &[u8], field: &'static str) -> Result<(), BuildError> {
        let len = i32::try_from(bytes.len()).map_err(|_| BuildError::TooLong(field))?;
        self.int32(len);
        self.bytes(bytes);
        Ok(())
    }

    /// Leaves room for a 16-bit count, writes a list, and fills the count in.
    pub(super) fn counted(
        &mut self,
        field: &'static str,
        list: impl FnOnce(&mut Self) -> Result<usize, BuildError>,
    ) -> Result<(), BuildError> {
        let at = self.out.len();
        self.int16(0);
        let count = list(self)?;
        let count = u16::try_from(count).map_err(|_| BuildError::TooLong(field))?;
        self.out[at..at + 2].copy_from_slice(&count.to_be_bytes());
        Ok(())
    }
}

/// How a message begins and how long it may be.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) name: &'static str,
    /// `None` for the packets of a connection's start, which have no tag.
    pub(super) tag: Option<u8>,
    /// The highest length field.
    pub(super) length_max: u32,
    /// Bytes of the body that the caller sends after what is written here.
    pub(super) follows: usize,
}

impl Shape {
    /// A message with a tag, of up to [`LENGTH_MAX`], written whole.
    pub(super) const fn tagged(name: &'static str, tag: u8) -> Self {
        Self { name, tag: Some(tag), length_max: LENGTH_MAX, follows: 0 }
    }

    /// Appends the message whose body `fill` writes. On an error `out` is as it was.
    pub(super) fn write(
        self,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Writer<'_>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let start = out.len();
        let result = self.try_write(out, fill);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// Appends a message with a tag whose body is `strings`, each with the name of its field: what
    /// [`Self::write`] does, with room made once.
    #[inline]
    pub(super) fn write_strings<const COUNT: usize>(
        self,
        out: &mut Vec<u8>,
        strings: [(&[u8], &'static str); COUNT],
    ) -> Result<(), BuildError> {
        let mut body_len = self.follows;
        for (text, field) in strings {
            if zero_at(text).is_some() {
                return Err(BuildError::ZeroByte(field));
            }
            body_len = body_len.saturating_add(text.len() + 1);
        }
        let length = u32::try_from(body_len.saturating_add(4)).ok();
        let length = length.filter(|&length| length <= self.length_max);
        let length = length.ok_or(BuildError::TooLong(self.name))?;
        out.reserve(HEADER_LEN + body_len - self.follows);
        out.extend(self.tag);
        out.extend_from_slice(&length.to_be_bytes());
        for (text, _) in strings {
            out.extend_from_slice(text);
            out.push(0);
        }
        Ok(())
    }

    fn try_write(
        self,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Writer<'_>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        out.extend(self.tag);
        let at = out.len();
        out.extend_from_slice(&[0; 4]);
        fill(&mut Writer { out })?;
        let length = (out.len() - at).checked_add(self.follows);
        let length = length.and_then(|length| u32::try_from(length).ok());
        let length = length.filter(|&length| length <= self.length_max);
        let length = length.ok_or(BuildError::TooLong(self.name))?;
        out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// Appends a message without a body.
pub(super) fn empty(out: &mut Vec<u8>, tag: u8) {
    out.extend_from_slice(&[tag, 0, 0, 0, 4]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_message_leaves_no_trace() {
        let mut out = b"before".to_vec();
        let shape = Shape { length_max: 8, ..Shape::tagged("Test", b't') };
        let result = shape.write(&mut out, |w| {
            w.bytes(b"12345");
            Ok(())
        });
        assert_eq!(result, Err(BuildError::TooLong("Test")));
        let result = shape.write(&mut out, |w| w.string(b"a\0b", "name"));
        assert_eq!(result, Err(BuildError::ZeroByte("name")));
        assert_eq!(out, b"before");
    }

    #[test]
    fn the_length_counts_itself_and_what_follows() {
        let mut out = Vec::new();
        let shape = Shape { follows: 10, ..Shape::tagged("Test", b't') };
        shape.write(&mut out, |w| w.string(b"a", "name")).unwrap();
        assert_eq!(out, b"t\0\0\0\x10a\0");
        let endless = Shape { follows: usize::MAX, ..shape };
        let result = endless.write(&mut out, |_| Ok(()));
        assert_eq!(result, Err(BuildError::TooLong("Test")));
    }

    #[test]
    fn a_list_beyond_16_bits_is_refused() {
        let mut out = Vec::new();
        let shape = Shape::tagged("Test", b't');
        let result = shape.write(&mut out, |w| w.counted("list", |_| Ok(65_536)));
        assert_eq!(result, Err(BuildError::TooLong("list")));
        shape.write(&mut out, |w| w.counted("list", |_| Ok(65_535))).unwrap();
        assert_eq!(out, b"t\0\0\0\x06\xff\xff");
    }
}
