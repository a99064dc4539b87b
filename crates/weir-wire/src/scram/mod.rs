//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, as server and as client.
//!
//! Each role is a chain of types: a step takes the state by value and gives the next one, so an
//! exchange out of order does not compile. Chance is an argument ([`Nonce`]), and the one slow
//! step, PBKDF2, is a call of its own ([`SaltedPassword::derive`]) whose result may be kept.
//!
//! ```text
//! client  Client::select → first → ClientFirst::challenge → Challenged::answer → Answered::finish
//! server  Server::new → client_first → ServerChallenged::client_final → Accepted
//! ```
//!
//! Source: RFC 5802, RFC 7677; RFC 5929 for `tls-server-end-point`; PostgreSQL's `auth-scram.c`
//! and `fe-auth-scram.c` where they differ: user names are ignored, since the startup packet
//! names the user, and passwords that SASLprep refuses are used as they are.

mod binding;
mod client;
mod grammar;
mod keys;
mod saslprep;
mod server;
mod verifier;

use thiserror::Error;

use crate::error::SqlState;

pub use binding::Mechanism;
pub use client::{Answered, Challenged, Client, ClientFirst};
pub use grammar::Nonce;
pub use keys::{ClientKey, Iterations, Keys, SaltedPassword, ServerKey};
pub use server::{Accepted, Server, ServerChallenged};
pub use verifier::Verifier;

/// The most iterations that our client does for a server. A server that asks for more, by mistake
/// or to keep us busy, is refused. PostgreSQL's default is 4,096.
pub const ITERATIONS_ACCEPTED_MAX: u32 = 1_000_000;

/// The longest SCRAM message that either role reads, in bytes (`PG_MAX_SASL_MESSAGE_LENGTH`).
pub const MESSAGE_LEN_MAX: usize = 1024;

/// An exchange that failed. The connection ends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScramError {
    /// The peer's message is not what the RFC says; the field that is wrong.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// The peer wants something that PostgreSQL does not do either.
    #[error("SCRAM {0} is not supported")]
    Unsupported(&'static str),
    /// The server offers no mechanism that we know.
    #[error("server offers no SCRAM mechanism that we know")]
    NoMechanism,
    /// The mechanism and the message disagree on channel binding.
    #[error("SCRAM mechanism and message disagree on channel binding")]
    BindingFlag,
    /// The client believes that we cannot bind channels, but we offered it: someone in the middle
    /// took the offer away.
    #[error("SCRAM channel binding negotiation error: the offer did not reach the client")]
    Downgrade,
    /// The client is bound to another TLS channel: someone is in the middle.
    #[error("SCRAM channel binding check failed")]
    Binding,
    /// The nonce of the answer is not that of the question.
    #[error("SCRAM nonce mismatch")]
    Nonce,
    /// The server asks for more than [`ITERATIONS_ACCEPTED_MAX`] iterations.
    #[error("server asks for {0} SCRAM iterations; at most {ITERATIONS_ACCEPTED_MAX} are accepted")]
    Iterations(u32),
    /// The client does not know the password.
    #[error("SCRAM proof does not match")]
    Proof,
    /// The server does not know our password's verifier: it is not who it claims to be.
    #[error("SCRAM server signature does not match")]
    ServerSignature,
    /// The server refused, with this word of its own.
    #[error("server refused SCRAM authentication: {0}")]
    Refused(String),
}

impl ScramError {
    /// The code that goes with it, as PostgreSQL gives it.
    #[must_use]
    pub const fn sqlstate(&self) -> SqlState {
        match self {
            Self::Malformed(_) | Self::BindingFlag | Self::Nonce => SqlState::PROTOCOL_VIOLATION,
            Self::Unsupported(_) | Self::NoMechanism => SqlState::FEATURE_NOT_SUPPORTED,
            Self::Downgrade | Self::Binding => SqlState::INVALID_AUTHORIZATION,
            Self::Proof => SqlState::INVALID_PASSWORD,
            Self::Iterations(_) | Self::ServerSignature | Self::Refused(_) => {
                SqlState::CONNECTION_REJECTED
            }
        }
    }
}
