//! The data plane: login threads that accept, authenticate and dial; workers that relay.
//!
//! A *login thread* (tokio) does everything that is slow or cryptographic: TLS, SCRAM, startup
//! packets, dialling servers. A finished connection moves to the *worker* that owns its pool and
//! stays there. They talk only through [`mail`]. A worker that is alone accepts clients itself and
//! logs in those for whom nobody has to be waited for.

pub mod admission;
pub mod auth;
pub mod chance;
pub mod conn;
pub mod console;
mod defer;
pub mod dial;
pub mod directory;
pub mod door;
pub mod driver;
pub mod endpoint;
pub mod listen;
pub mod lobby;
pub mod login;
pub mod mail;
pub mod names;
pub mod refusal;
pub mod scram_keys;
pub mod shares;
pub mod shelf;
pub mod slab;
pub mod socket;
mod stream;
pub mod target;
pub mod threads;
pub mod tls;
pub mod worker;

#[cfg(test)]
mod tests;
