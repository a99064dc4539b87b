//! Pools: who gets which server connection, and when one is opened, checked or closed.
//!
//! [`Pools`] decides, a worker thread performs. Inputs are method calls that carry the time,
//! outputs are [`Effect`]s; there is no I/O, no clock and no chance but a seed in here. The rules
//! and the states of a server connection are in `docs/inside/pool.md`.

mod admin;
mod budget;
mod chance;
mod dial;
mod effect;
pub mod lending;
mod one;
mod pools;
mod serve;
mod server;
mod settings;
mod slots;
mod upkeep;
mod view;

#[cfg(test)]
mod tests;

pub use crate::dispatch::Claim;
pub use chance::Chance;
pub use effect::{Checkout, CloseReason, Counts, DialError, Effect, Fault, Refusal, Release};
pub use one::Mode;
pub use pools::Pools;
pub use server::State;
pub use settings::{Backoff, PoolSettings, Rotation};
pub use view::{BudgetView, PoolView, Pressure, ServerView, WaiterView};
