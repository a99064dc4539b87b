//! Options about bounds, time limits and the surroundings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::choices::{DriverChoice, LogFormat, LogLevel};
use crate::config::settings::{ClientLimits, Console, Log, Timeouts, Workers};
use crate::config::units::{ByteSize, TimeLimit};

/// The threads that relay between clients and servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerOptions {
    /// Worker threads. Each pool belongs to one, so more than the pools is of no use. One does
    /// tens of thousands of transactions a second.
    #[schemars(range(min = 1, max = 64))]
    pub count: u16,
    /// Threads that accept clients, do TLS and check passwords. More shortens a login storm.
    #[schemars(range(min = 1, max = 64))]
    pub login_threads: u16,
    /// The event loop: `"uring"` (io_uring, Linux 6.1 and later, where the machine allows it),
    /// `"epoll"`, or `"auto"`: io_uring if it can be had. The log says which runs.
    pub driver: DriverChoice,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        let Workers { count, login_threads, driver } = Workers::default();
        Self { count, login_threads, driver }
    }
}

/// Bounds on clients and what they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitOptions {
    /// Client connections in all; one more is refused at login. Each needs a file descriptor, and
    /// so does each server connection.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub clients_max: u32,
    /// Client connections of one user; 0 is no limit.
    pub clients_per_user_max: u32,
    /// Client connections of one database; 0 is no limit.
    pub clients_per_database_max: u32,
    /// Client connections from one address; 0 is no limit. Unix sockets count as one address.
    pub clients_per_address_max: u32,
    /// Server connections of one user over all its pools; 0 is no limit.
    pub servers_per_user_max: u32,
    /// Server connections of one database over all its pools; 0 is no limit.
    pub servers_per_database_max: u32,
    /// Clients that wait in one pool; one more gets an ERROR at once.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub queue_max: u32,
    /// Named prepared statements one client may hold at once. One more ends its connection. 0
    /// allows none.
    #[schemars(range(max = 1_000_000))]
    pub prepared_per_client_max: u32,
    /// Prepared statements kept on one server connection; the least recently used is closed for
    /// the next. Each costs PostgreSQL memory for its plan.
    #[schemars(range(min = 1, max = 100_000))]
    pub prepared_per_server_max: u32,
    /// Server connections of one pool that clients may pin at once in transaction mode (with
    /// session advisory locks, temporary tables, WITH HOLD cursors). The client of one more is
    /// told and disconnected. Without it, half of the pool's size.
    /// Example: `5`
    #[schemars(range(min = 1, max = 10_000))]
    pub pins_max: Option<u32>,
    /// The longest message a client may send; a longer one closes its connection (`54000`).
    /// Messages stream through, so this is no measure of memory.
    pub message_size_max: ByteSize,
}

impl Default for LimitOptions {
    fn default() -> Self {
        let limits = ClientLimits::default();
        Self {
            clients_max: limits.clients_max,
            clients_per_user_max: limits.clients_per_user_max.unwrap_or(0),
            clients_per_database_max: limits.clients_per_database_max.unwrap_or(0),
            clients_per_address_max: limits.clients_per_address_max.unwrap_or(0),
            servers_per_user_max: limits.servers_per_user_max.unwrap_or(0),
            servers_per_database_max: limits.servers_per_database_max.unwrap_or(0),
            queue_max: limits.queue_max,
            prepared_per_client_max: limits.prepared_per_client_max,
            prepared_per_server_max: limits.prepared_per_server_max,
            pins_max: limits.pins_max,
            message_size_max: ByteSize(limits.message_bytes_max),
        }
    }
}

/// Time limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutOptions {
    /// The longest a statement may run; then it is cancelled and the client gets an ERROR.
    pub statement: TimeLimit,
    /// The longest a transaction may last; then it is rolled back and its slot freed.
    pub transaction: TimeLimit,
    /// The longest a client may be silent inside a transaction; then it is rolled back and its
    /// slot freed.
    pub idle_transaction: TimeLimit,
    /// The longest a client may be silent outside a transaction; then it is disconnected. Keep it
    /// longer than the idle time of the pools in your applications.
    pub client_idle: TimeLimit,
    /// The longest a login may take, from accept to ready.
    pub client_login: TimeLimit,
    /// The longest a cancel request waits for a connection to the server; then it is dropped.
    pub cancel_wait: TimeLimit,
    /// How long a graceful stop waits for open transactions; then their clients are disconnected.
    pub shutdown_wait: TimeLimit,
}

impl Default for TimeoutOptions {
    fn default() -> Self {
        let timeouts = Timeouts::default();
        Self {
            statement: TimeLimit(timeouts.statement),
            transaction: TimeLimit(timeouts.transaction),
            idle_transaction: TimeLimit(timeouts.idle_transaction),
            client_idle: TimeLimit(timeouts.client_idle),
            client_login: TimeLimit(timeouts.client_login),
            cancel_wait: TimeLimit(timeouts.cancel_wait),
            shutdown_wait: TimeLimit(timeouts.shutdown_wait),
        }
    }
}

/// What is said to clients and remembered for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SessionOptions {
    /// Startup parameters that clients may send and that are dropped. Others that cannot be
    /// tracked refuse the login, because ignoring them could change what statements mean.
    /// Example: `["extra_float_digits", "options"]`
    pub ignore_startup_parameters: Vec<String>,
    /// A notice each client gets after its login.
    /// Example: `"through weir"`
    pub login_notice: Option<String>,
    /// A client that has waited this long for a slot gets a notice that it waits, with the number
    /// of clients ahead of it.
    pub wait_notice_after: TimeLimit,
}

impl Default for SessionOptions {
    fn default() -> Self {
        let session = crate::config::settings::SessionSettings::default();
        Self {
            ignore_startup_parameters: session.ignore_startup_parameters,
            login_notice: session.login_notice,
            wait_notice_after: TimeLimit(session.wait_notice_after),
        }
    }
}

/// The log on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// `"text"` to read, `"json"` to collect.
    pub format: LogFormat,
    /// The least severe event that is written.
    pub level: LogLevel,
    /// Whether each login is written.
    pub connections: bool,
    /// Whether each goodbye is written, with its reason.
    pub disconnections: bool,
    /// Whether errors that do not come from PostgreSQL are written: refused logins and waits, time
    /// limits, lost servers, broken protocol.
    pub pooler_errors: bool,
    /// How often totals are written, a line for each pool: transactions, queries and bytes each
    /// second, mean times of transactions, queries and waits, clients and how many of them wait.
    pub stats_every: TimeLimit,
}

impl Default for LogOptions {
    fn default() -> Self {
        let log = Log::default();
        Self {
            format: log.format,
            level: log.level,
            connections: log.connections,
            disconnections: log.disconnections,
            pooler_errors: log.pooler_errors,
            stats_every: TimeLimit(log.stats_every),
        }
    }
}

/// The console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleOptions {
    /// Database names under which the console answers; `[databases]` must not use them. An empty
    /// list switches it off.
    pub databases: Vec<String>,
    /// Users who may do everything there: PAUSE, KILL, RELOAD, SHUTDOWN.
    /// Example: `["dba"]`
    pub admin_users: Vec<String>,
    /// Users who may read there.
    /// Example: `["monitoring"]`
    pub stats_users: Vec<String>,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        let Console { databases, admin_users, stats_users } = Console::default();
        Self { databases, admin_users, stats_users }
    }
}
