//! How the sessions of one pool treat their clients.

use std::sync::Arc;
use std::time::Duration;

pub use crate::config::choices::{PoolMode, ServerReset};

/// How the sessions of one pool treat their clients. A span of `None` means no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// When a server connection goes back.
    pub mode: PoolMode,
    /// Answer a bare BEGIN ourselves and take a slot with the first real statement.
    pub deferred_begin: bool,
    /// How server connections are cleaned.
    pub reset: ServerReset,
    /// Run before the `DISCARD ALL` that cleans after a lease, or after a client that left session
    /// mode; empty for nothing.
    pub reset_query: Arc<str>,
    /// What tells whether a server connection lives; may be the empty query.
    pub check_query: Arc<str>,
    /// The longest message a client may send, its header included, in bytes.
    pub message_bytes_max: u64,
    /// Named prepared statements a client may keep, 0 to 100,000.
    pub client_statements_max: u32,
    /// Statements kept prepared on one server connection, 1 to 10,000.
    pub server_statements_max: u32,
    /// How long one statement may run on the server.
    pub statement_timeout: Option<Duration>,
    /// How long a transaction may last, from its first statement.
    pub transaction_timeout: Option<Duration>,
    /// How long a transaction may wait for its client.
    pub idle_transaction_timeout: Option<Duration>,
    /// How long a client may do nothing outside a transaction.
    pub client_idle_timeout: Option<Duration>,
    /// How many clients of a pool may keep a server connection beyond their transaction because
    /// their session state needs it.
    pub pins_max: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            mode: PoolMode::Transaction,
            deferred_begin: true,
            reset: ServerReset::Smart,
            reset_query: Arc::from(""),
            check_query: Arc::from(""),
            message_bytes_max: 1 << 30,
            client_statements_max: 10_000,
            server_statements_max: 200,
            statement_timeout: None,
            transaction_timeout: None,
            idle_transaction_timeout: None,
            client_idle_timeout: None,
            pins_max: 16,
        }
    }
}
