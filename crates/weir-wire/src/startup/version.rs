//! The protocol version: major in the high 16 bits, minor in the low ones.

use std::fmt;

/// A protocol version as the startup packet carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion(u32);

impl ProtocolVersion {
    /// Version 3.0, spoken since PostgreSQL 7.4.
    pub const V3_0: Self = Self::new(3, 0);
    /// Version 3.2, since PostgreSQL 18: cancel keys of up to 256 bytes.
    pub const V3_2: Self = Self::new(3, 2);

    /// Puts a version together.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self(((major as u32) << 16) | minor as u32)
    }

    /// Takes the number a startup packet holds.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        Self(code)
    }

    /// The number a startup packet holds.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }

    /// The major version; only 3 is spoken.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.0 >> 16
    }

    /// The minor version.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.0 & 0xffff
    }

    /// The version we speak with a peer that asked for this one; `None` when there is none.
    ///
    /// The highest we know that is not above what was asked: 3.2, else 3.0. Version 3.1 never
    /// existed, so it becomes 3.0, and a version from the future (or libpq's 3.9999, which tests
    /// this very path) becomes 3.2. When the answer differs from the question the peer must be
    /// told with `NegotiateProtocolVersion`.
    #[must_use]
    pub const fn negotiated(self) -> Option<Self> {
        match (self.major(), self.minor()) {
            (3, 0 | 1) => Some(Self::V3_0),
            (3, _) => Some(Self::V3_2),
            (_, _) => None,
        }
    }

    /// Bytes a cancel key may have in this version: exactly 4 before 3.2, then 4 to 256.
    #[must_use]
    pub const fn cancel_key_len_max(self) -> usize {
        if self.0 < Self::V3_2.0 { 4 } else { 256 }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major(), self.minor())
    }
}

impl fmt::Debug for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProtocolVersion({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spoken_version_is_never_above_the_asked_one() {
        let check = |major, minor, expected| {
            assert_eq!(ProtocolVersion::new(major, minor).negotiated(), expected);
        };
        check(3, 0, Some(ProtocolVersion::V3_0));
        check(3, 1, Some(ProtocolVersion::V3_0));
        check(3, 2, Some(ProtocolVersion::V3_2));
        check(3, 9999, Some(ProtocolVersion::V3_2));
        check(2, 0, None);
        check(4, 0, None);
    }

    #[test]
    fn long_cancel_keys_came_with_3_2() {
        assert_eq!(ProtocolVersion::V3_0.cancel_key_len_max(), 4);
        assert_eq!(ProtocolVersion::V3_2.cancel_key_len_max(), 256);
    }

    #[test]
    fn a_version_prints_as_people_write_it() {
        assert_eq!(ProtocolVersion::from_code(196_610).to_string(), "3.2");
        assert_eq!(ProtocolVersion::V3_0.code(), 196_608);
    }
}
