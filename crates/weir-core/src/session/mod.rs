//! One client's conversation: what it may do, what it needs, what is sent where.
//!
//! [`Session`] is one client. It is sans-io, in quinn's grammar:
//!
//! - `client_bytes` and `server_bytes` take what was read, and answer with how much of it they
//!   took and what they [`Ask`] of the worker; what is to be sent is left in two [`Outbox`]es, as
//!   ranges of the input wherever possible. Bytes not taken are offered again, with more behind
//!   them, or after what was asked for has been done.
//! - `ServerState::lend` and `refused` answer [`Ask::Checkout`].
//! - `client_gone`, `evict` and `check` make a session finish by itself what a server connection
//!   still needs (roll back, discard, answer a check) before another client may have it.
//!
//! | the session has | client sends | it |
//! | --- | --- | --- |
//! | no server connection | bare BEGIN | answers by itself; the transaction is *deferred* |
//! | no server connection | COMMIT, ROLLBACK, Sync, Close | answers by itself where it can |
//! | no server connection | anything else | asks for a checkout |
//! | a server connection | anything | relays, with names of prepared statements translated |
//! | an evicted transaction | anything but its end | answers with the reason, as PostgreSQL does in a failed transaction |
//!
//! A server connection goes back when `ReadyForQuery` says that no transaction is open, nothing
//! else is under way, and the client has left no session state that only this connection has.
//!
//! Differs from PostgreSQL, on purpose or because it cannot be otherwise:
//!
//! - A pipeline that is sent while another one is under way sees the names as that one leaves them
//!   if it succeeds. If it fails, a Parse of a name that it would have closed is let pass, and a
//!   Parse of one that it would have prepared is refused. The same holds for DEALLOCATE and DISCARD
//!   ALL behind a query that has failed meanwhile.
//! - RESET inside a transaction goes to the login's value; what the client asked for in its startup
//!   packet comes back with the next transaction.
//! - A name prepared by SQL and one prepared by protocol do not collide.
//! - In a failed transaction a statement cannot be prepared on a server connection that does not
//!   have it: Bind gives the failed transaction's error.

mod abandon;
mod calm;
mod client;
mod due;
mod effects;
mod encoding;
mod ending;
mod evict;
mod extended;
mod failed;
mod finish;
mod foresee;
mod greeting;
mod hash;
mod inquiry;
mod leave;
mod marks;
mod names;
mod outbox;
mod overrides;
mod plain;
mod replies;
mod samples;
mod schema;
mod server;
mod settings;
mod simple;
mod state;
mod statements;
#[cfg(test)]
mod tests;
mod work;

pub(crate) use hash::NumberHash;

pub use evict::{Evicted, Spared};
pub use greeting::{Welcome, canonical_parameter};
pub use outbox::Outbox;
pub use overrides::{Change, Override, OverrideBook, OverrideSet, Value};
pub use server::{Activity, ServerState};
pub use settings::{PoolMode, ServerReset, SessionSettings};
pub use state::{Ask, CloseReason, Context, Fault, Notice, Pins, Session, Shared, Step, Tally};
pub use statements::{Prepared, Statement, StatementId, Statements};
