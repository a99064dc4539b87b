//! What is kept of the ledger, and to whom its metrics are sent.

use std::time::Duration;

use super::Secret;
use crate::alert::WebAddress;

/// The ledger's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// How long its stretches are.
    pub every: Duration,
    /// How long they are kept.
    pub keep: Duration,
    /// How large its file may become, bytes.
    pub bytes_max: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            keep: Duration::from_secs(30 * 86_400),
            bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// The export of metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otlp {
    /// The collector; `None` exports nothing.
    pub address: Option<WebAddress>,
    /// The time from one export to the next.
    pub every: Duration,
    /// How long one may take.
    pub timeout: Duration,
    /// What the collector calls this installation.
    pub instance: String,
    /// A bearer token.
    pub token: Option<Secret>,
    /// File with the issuers that are believed; `None` believes the operating system's.
    pub ca: Option<String>,
}

impl Default for Otlp {
    fn default() -> Self {
        Self {
            address: None,
            every: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            instance: "weir".into(),
            token: None,
            ca: None,
        }
    }
}
