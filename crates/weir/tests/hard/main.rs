//! An incident is open, and something else breaks: PostgreSQL hangs or restarts, Weir is killed,
//! the disk is full.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod disk;
mod killed;
mod server;
mod stage;
