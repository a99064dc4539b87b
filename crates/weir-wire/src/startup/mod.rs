//! The start of a connection, before messages have tags.
//!
//! Source: PostgreSQL documentation, "Message Formats" and "Protocol Flow: Start-up";
//! `ProcessStartupPacket` for what the documentation leaves open.

mod options;
mod packet;
mod params;
mod version;

use thiserror::Error;

use crate::error::SqlState;

pub use options::split_options;
pub use packet::FirstPacket;
pub use params::{Replication, Setting, Startup};
pub use version::ProtocolVersion;

/// Bytes after the length field that PostgreSQL accepts in a first packet
/// (`MAX_STARTUP_PACKET_LENGTH`).
pub const PACKET_LEN_MAX: usize = 10_000;

/// Request code of a cancellation, in the place of a version.
pub const CANCEL_CODE: u32 = 80_877_102;

/// Request code that asks for TLS.
pub const SSL_CODE: u32 = 80_877_103;

/// Request code that asks for GSSAPI encryption.
pub const GSS_CODE: u32 = 80_877_104;

/// A first packet that cannot be served. The client's fault; the connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartupError {
    /// The length field does not fit the request, or is beyond 10,000 bytes.
    #[error("invalid length of startup packet: {0}")]
    Length(u32),
    /// A name without a value, no terminator, or bytes after it.
    #[error("invalid startup packet layout: expected terminator as last byte")]
    Layout,
    /// A major version other than 3.
    #[error("unsupported frontend protocol {0}: server supports 3.0 to 3.2")]
    Version(ProtocolVersion),
    /// There is no `user`, or it is empty.
    #[error("no PostgreSQL user name specified in startup packet")]
    MissingUser,
    /// `user` or `database` is there twice, so that two readers could take different ones.
    #[error("parameter \"{0}\" specified twice in startup packet")]
    Duplicate(&'static str),
    /// `replication` is neither a boolean nor `database`.
    #[error("invalid value for parameter \"replication\"; valid values are: false, true, database")]
    Replication,
    /// `options` holds something other than `-c name=value` and `--name=value`.
    #[error("unsupported startup option \"{0}\"; use -c name=value or --name=value")]
    Option(String),
}

impl StartupError {
    /// The code that goes with it, as PostgreSQL gives it.
    #[must_use]
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Length(_) | Self::Layout | Self::Duplicate(_) => SqlState::PROTOCOL_VIOLATION,
            Self::Version(_) => SqlState::FEATURE_NOT_SUPPORTED,
            Self::MissingUser => SqlState::INVALID_AUTHORIZATION,
            Self::Replication => SqlState::INVALID_PARAMETER_VALUE,
            Self::Option(_) => SqlState::SYNTAX_ERROR,
        }
    }
}
