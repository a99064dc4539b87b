//! Which messages of the server pass without another look, by the reply that is due.

use weir_wire::frame::backend;

use crate::session::server::Reply;

/// The messages that a reply is plainly made of: a bit for each of a few tags ([`bit`]).
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain {
    /// Parts of it, which pass as they come.
    pub(super) parts: u8,
    /// The end of it, or of one command of it.
    pub(super) ends: u8,
    /// More of it follows such an end.
    pub(super) goes_on: bool,
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
        let (parts, ends) = match self {
            Self::Query => (ROW | DESCRIPTION, COMMAND),
            Self::Execute => (ROW, COMMAND),
            Self::Parse { undo: false, .. } => (0, PARSED),
            Self::Bind => (0, BOUND),
            Self::Close => (0, CLOSED),
            Self::Describe => (0, DESCRIPTION | NO_DATA),
            Self::Parse { undo: true, .. }
            | Self::LocalParse
            | Self::Refused(_)
            | Self::LocalClose
            | Self::Ready
            | Self::CopyEnd
            | Self::Hidden(_) => (0, 0),
        };
        Plain { parts, ends, goes_on: matches!(self, Self::Query) }
    }
}
