//! Floor 0: the PostgreSQL protocol (versions 3.0 and 3.2) as bytes.
//!
//! Bytes go in, borrowed views come out, and the other way round. There is no socket, clock, file
//! or chance here, and framing allocates nothing. Every length is checked before it is believed:
//! a message that lies is a [`frame::Malformed`], which the proxy answers with `08P01` and a
//! closed connection.

#![forbid(unsafe_code)]

pub mod build;
pub mod error;
pub mod frame;
pub mod md5;
pub mod message;
pub mod scram;
pub mod sql;
pub mod startup;
