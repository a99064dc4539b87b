//! Options of the guard.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::settings::{Guard, Secret};
use crate::config::units::TimeSpan;

/// The guard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuardOptions {
    /// Whether there is a guard. It holds one connection to each PostgreSQL.
    pub enabled: bool,
    /// The role it logs in as. It needs `pg_monitor`, and `pg_use_reserved_connections` (PostgreSQL
    /// 16) to come in when the server is full. Without it, the role that the pools of the server
    /// use, where that is always the same; else the one of `auth.user`.
    /// Example: `"weir_guard"`
    pub user: Option<String>,
    /// The password of `user`. Without it, the one in `[users]` or `auth.file`.
    /// Example: `"secret"`
    pub password: Option<Secret>,
    /// The environment variable that holds the password of `user`.
    /// Example: `"WEIR_GUARD_PASSWORD"`
    pub password_env: Option<String>,
    /// The file that holds the password of `user`.
    /// Example: `"/run/secrets/weir-guard"`
    pub password_file: Option<String>,
    /// The database it connects to; it sees all of them from any. Without it, one that is served.
    /// Example: `"postgres"`
    pub database: Option<String>,
    /// The time from one sample to the next.
    pub interval: TimeSpan,
    /// How long the server may take to answer a question, and for a login.
    pub timeout: TimeSpan,
    /// Connections used, of those that ordinary roles can open, from which the limit is near:
    /// percent.
    #[schemars(range(min = 1, max = 100))]
    pub near_percent: u8,
    /// The same, from which it is critical.
    #[schemars(range(min = 1, max = 100))]
    pub full_percent: u8,
    /// A statement that runs longer is long. Idle sessions run nothing.
    pub long_statement: TimeSpan,
    /// More long statements than this at once are a finding by themselves.
    pub long_statements_max: u32,
    /// A statement that runs longer is slow. That is nothing by itself, until those of one route
    /// take half of connections that are scarce.
    pub slow_statement: TimeSpan,
    /// A transaction that waits longer for its application counts while connections are scarce.
    pub idle_transaction: TimeSpan,
    /// The same while there are plenty.
    pub idle_transaction_calm: TimeSpan,
    /// A transaction, or a connection, of which nothing was heard for longer is forgotten.
    pub forgotten: TimeSpan,
    /// A statement that waits longer for a lock makes a lock chain.
    pub lock_wait: TimeSpan,
    /// A statement whose client does not read for longer has a slow reader.
    pub slow_reader: TimeSpan,
    /// A client that waits longer for a slot waits too long.
    pub slot_wait: TimeSpan,
    /// New connections a second, or cancel requests a second, from which it is a storm.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub storm_per_second: u32,
    /// A rate or time that is so many times the usual is inflated.
    #[schemars(range(min = 2, max = 1_000))]
    pub inflated_times: u32,
    /// A server that takes longer to answer the guard is slow.
    pub slow_answer: TimeSpan,
    /// A server that has not answered for longer is down.
    pub silence: TimeSpan,
    /// Application names whose long work is no fault. `*` at the end stands for anything.
    pub exempt_applications: Vec<String>,
    /// Roles whose long work is no fault.
    /// Example: `["migrations"]`
    pub exempt_users: Vec<String>,
}

impl Default for GuardOptions {
    fn default() -> Self {
        let guard = Guard::default();
        let limits = guard.thresholds;
        Self {
            enabled: guard.enabled,
            user: guard.user,
            password: None,
            password_env: None,
            password_file: None,
            database: guard.database,
            interval: TimeSpan(guard.interval),
            timeout: TimeSpan(guard.timeout),
            near_percent: limits.near_percent,
            full_percent: limits.full_percent,
            long_statement: TimeSpan(limits.long_statement),
            long_statements_max: limits.long_statements_max,
            slow_statement: TimeSpan(limits.slow_statement),
            idle_transaction: TimeSpan(limits.idle_transaction),
            idle_transaction_calm: TimeSpan(limits.idle_transaction_calm),
            forgotten: TimeSpan(limits.forgotten),
            lock_wait: TimeSpan(limits.lock_wait),
            slow_reader: TimeSpan(limits.slow_reader),
            slot_wait: TimeSpan(limits.slot_wait),
            storm_per_second: limits.storm_per_second,
            inflated_times: limits.inflated_times,
            slow_answer: TimeSpan(limits.slow_answer),
            silence: TimeSpan(limits.silence),
            exempt_applications: limits.exempt_applications,
            exempt_users: limits.exempt_users,
        }
    }
}
