//! Which messages of the server pass without another look, by the reply that is due.

use weir_wire::frame::backend;

use crate::session::server::Reply;

/// The messages that a reply is plainly made of, in one number: one is looked up for each message
/// of the extended protocol. From bit 0 on: a bit for each tag ([`bit`]) of its parts, which pass
/// as they come; from bit 8 on the same for its end, or that of one command of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain(u16);

/// More of it follows such an end.
const GOES_ON: u16 = 1 << 15;

/// We give it, so the server says nothing to it.
const OURS: u16 = 1 << 7;

impl Plain {
    const fn new(parts: u8, ends: u8) -> Self {
        Self(parts as u16 | (ends as u16) << 8)
    }

    /// A tag of this bit is a part of it.
    #[inline]
    pub(super) const fn has_part(self, bit: u8) -> bool {
        self.0 & bit as u16 != 0
    }

    /// A tag of this bit ends it, or one command of it.
    #[inline]
    pub(super) const fn ends_with(self, bit: u8) -> bool {
        self.0 & (bit as u16) << 8 != 0
    }

    /// More of it follows such an end.
    #[inline]
    pub(super) const fn goes_on(self) -> bool {
        self.0 & GOES_ON != 0
    }

    /// We give it, or nobody does.
    #[inline]
    pub(super) const fn is_ours(self) -> bool {
        self.0 & OURS != 0
    }
}

/// The end of a command, whose tag is to be looked at.
pub(super) const COMMAND: u8 = 1 << 1;

const ROW: u8 = 1;
const DESCRIPTION: u8 = 1 << 2;
const NO_DATA: u8 = 1 << 3;
const PARSED: u8 = 1 << 4;
const BOUND: u8 = 1 << 5;
const CLOSED: u8 = 1 << 6;

/// For each tag its bit; none for those that never pass plainly.
const BITS: [u8; 256] = {
    let mut bits = [0; 256];
    bits[backend::DATA_ROW as usize] = ROW;
    bits[backend::COPY_DATA as usize] = ROW;
    bits[backend::COMMAND_COMPLETE as usize] = COMMAND;
    bits[backend::ROW_DESCRIPTION as usize] = DESCRIPTION;
    bits[backend::NO_DATA as usize] = NO_DATA;
    bits[backend::PARSE_COMPLETE as usize] = PARSED;
    bits[backend::BIND_COMPLETE as usize] = BOUND;
    bits[backend::CLOSE_COMPLETE as usize] = CLOSED;
    bits
};

/// The bit of a tag.
#[inline]
pub(super) const fn bit(tag: u8) -> u8 {
    BITS[tag as usize]
}

impl Reply {
    /// The messages that it is plainly made of.
    #[inline]
    pub(super) const fn plain(&self) -> Plain {
        match self {
            Self::Query => Plain(Plain::new(ROW | DESCRIPTION, COMMAND).0 | GOES_ON),
            Self::Execute => Plain::new(ROW, COMMAND),
            Self::Parse { undo: false, .. } => Plain::new(0, PARSED),
            Self::Bind => Plain::new(0, BOUND),
            Self::Close => Plain::new(0, CLOSED),
            Self::Describe => Plain::new(0, DESCRIPTION | NO_DATA),
            Self::LocalParse | Self::LocalClose | Self::CopyEnd => Plain(OURS),
            Self::Parse { undo: true, .. } | Self::Refused(_) | Self::Ready | Self::Hidden(_) => {
                Plain(0)
            }
        }
    }
}

const _: () = assert!((ROW | COMMAND | DESCRIPTION | NO_DATA | PARSED | BOUND | CLOSED) >> 7 == 0);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::server::{Hidden, Slot};

    #[test]
    fn what_we_give_is_what_the_server_says_nothing_to() {
        for reply in [
            Reply::Query,
            Reply::Parse { slot: Slot::Unnamed, undo: false },
            Reply::Parse { slot: Slot::Unnamed, undo: true },
            Reply::LocalParse,
            Reply::Bind,
            Reply::Describe,
            Reply::Execute,
            Reply::Close,
            Reply::LocalClose,
            Reply::Ready,
            Reply::CopyEnd,
            Reply::Hidden(Hidden::Begin),
        ] {
            assert_eq!(reply.plain().is_ours(), reply.is_local(), "{reply:?}");
        }
    }
}
