//! Incidents from outside: a real server, a proxy or `weir watch` before it, and what clients,
//! console, HTTP, disk and receivers get to see.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod dispatch;
mod impact;
mod ladder;
mod reload;
mod stage;
mod watch;
mod wire;
