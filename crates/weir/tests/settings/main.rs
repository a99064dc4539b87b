//! Configuration keys and what they do, seen from outside: a real server, the real program, a file.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bounds;
mod cleaning;
mod files;
mod logging;
mod notices;
mod reload;
mod stage;
