//! When an incident opens, ends, and how much of it is kept. Written in `[incident]`.

use std::time::Duration;

use crate::diagnosis::Severity;

/// What decides over incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// A finding from this severity on opens one. A refusal always does.
    pub open_at: Severity,
    /// Without trouble for so long, it is watched only.
    pub calm: Duration,
    /// Watched for so long without trouble, it is closed.
    pub quiet: Duration,
    /// Trouble within this time after closing opens the same incident again.
    pub reopen: Duration,
    /// `calm` and `quiet` double with each relapse, to this at most.
    pub relapse_max: Duration,
    /// So long the message about an opening waits for its cause to be found.
    pub name_wait: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            open_at: Severity::Critical,
            calm: Duration::from_secs(5),
            quiet: Duration::from_secs(60),
            reopen: Duration::from_secs(600),
            relapse_max: Duration::from_secs(600),
            name_wait: Duration::from_secs(3),
        }
    }
}
