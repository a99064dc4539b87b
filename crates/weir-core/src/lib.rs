//! Floor 1: every decision Weir takes, without I/O.
//!
//! Bytes, samples, settings, the time and a seed go in; actions and events come out. The proxy
//! translates sockets into these inputs, the simulator translates a scenario into the same
//! inputs, and both run the same code.

#![forbid(unsafe_code)]

pub mod activity;
pub mod alert;
mod arena;
pub mod config;
pub mod console;
pub mod diagnosis;
pub mod dispatch;
pub mod ids;
pub mod incident;
pub mod ledger;
pub mod pool;
pub mod session;
pub mod sim;
pub mod simulator;
pub mod time;
