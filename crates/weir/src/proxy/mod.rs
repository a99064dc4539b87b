//! The data plane: login threads that accept, authenticate and dial; workers that relay.
//!
//! A *login thread* (tokio) does everything that is slow or cryptographic: TLS, SCRAM, startup
//! packets, dialling servers. A finished connection moves to the *worker* that owns its pool and
//! stays there. They talk only through [`mail`].

pub mod mail;
pub mod target;
