//! The healing ladder: its rules, and what PostgreSQL is told besides.

use std::time::Duration;

use crate::healing::Rules;

/// The healing ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healing {
    /// Modes, limits, brakes and exemptions.
    pub rules: Rules,
    /// By how much the server's own time limits exceed ours; `None` sets none there.
    pub server_margin: Option<Duration>,
    /// How often the log has the sums of seven days; `None` is never.
    pub summary_every: Option<Duration>,
}

impl Default for Healing {
    fn default() -> Self {
        let week = Duration::from_secs(7 * 86_400);
        Self { rules: Rules::default(), server_margin: None, summary_every: Some(week) }
    }
}
