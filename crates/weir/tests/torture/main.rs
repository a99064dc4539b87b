//! The proxy under rough treatment, with real sockets and a real server: clients that vanish, lie,
//! stall and cancel; servers that die, freeze and restart.
//!
//! `WEIR_TORTURE_SECONDS` makes the random test longer, `WEIR_TORTURE_SEED` repeats a run.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the seed and the log of a failure")]

mod actor;
mod bad_input;
mod books;
mod cancels;
mod chance;
mod client;
mod console;
mod databases;
mod evictions;
mod faults;
mod frames;
mod large;
mod limits;
mod mixed;
mod reload;
mod reuse;
mod slow;
mod stage;
mod tls;
mod vanish;
