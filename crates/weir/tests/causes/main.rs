//! A library of staged causes: each is brought about on a real server, beside or behind the proxy,
//! and must be the first finding; innocent work must raise none. To add one, write a line in a list
//! of [`stage::Stage`]s.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod alone;
mod deaf;
mod floods;
mod innocent;
mod mistakes;
mod mixed;
mod outage;
mod proxied;
mod scene;
mod stage;
mod versions;
