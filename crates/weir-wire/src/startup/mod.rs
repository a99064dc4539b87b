//! The start of a connection, before messages have tags.

mod version;

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
