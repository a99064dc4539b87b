//! The healing ladder: its rules, and what PostgreSQL is told besides.

use std::time::Duration;

use crate::healing::Rules;

/// The healing ladder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Healing {
    /// Modes, limits, brakes and exemptions.
    pub rules: Rules,
    /// By how much the server's own time limits exceed ours; `None` sets none there.
    pub server_margin: Option<Duration>,
}
