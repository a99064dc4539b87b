//! The guard: who it asks as, how often, and what it makes of the answers.

use std::time::Duration;

use super::auth::Secret;
use crate::diagnosis::Thresholds;

/// The guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Whether there is one.
    pub enabled: bool,
    /// The role it logs in as; `None` takes the one that the pools of the server use.
    pub user: Option<String>,
    /// That role's password, where the server asks for one.
    pub password: Option<Secret>,
    /// The database it connects to; `None` takes one of the server's that are served.
    pub database: Option<String>,
    /// The time from one sample to the next.
    pub interval: Duration,
    /// How long a question may take, and a login.
    pub timeout: Duration,
    /// What counts as long, many, near.
    pub thresholds: Thresholds,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            enabled: true,
            user: None,
            password: None,
            database: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            thresholds: Thresholds::default(),
        }
    }
}
