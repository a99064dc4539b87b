//! Rules of the project that the compiler does not hold: each test names every breach.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod bounds;
mod code;
mod crates;
mod pages;
mod source;
mod text;
