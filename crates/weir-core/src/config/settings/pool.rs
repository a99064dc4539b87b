//! Databases, their pools, and the limits around them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{AuthQuery, Secret, UpstreamHost, UserOverrides};
use crate::config::choices::{Dispatch, HostBalance, PoolMode, Rotation, ServerReset};

/// One `[databases.NAME]` entry, the `[pool]` defaults filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Where PostgreSQL listens; at least one.
    pub hosts: Vec<UpstreamHost>,
    /// How several hosts are used.
    pub host_balance: HostBalance,
    /// The database's name on the server; `None` means the name the client asked for.
    pub dbname: Option<String>,
    /// Who logs in to the server.
    pub login: ServerLogin,
    /// How unknown users' secrets are fetched; `None` when they are not.
    pub auth_query: Option<AuthQuery>,
    /// What its pools are like, before a user's overrides.
    pub pool: Pool,
    /// Server connections over all of its pools; `None` is no limit.
    pub servers_max: Option<u32>,
    /// Client connections; `None` is no limit.
    pub clients_max: Option<u32>,
    /// Run once on each new server connection.
    pub connect_query: Option<String>,
    /// Startup parameters sent to the server, `application_name` among them.
    pub parameters: BTreeMap<String, String>,
}

/// Who logs in to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerLogin {
    /// The client's own user: one pool for each user.
    AsClient,
    /// Always this user, whoever the client is.
    Fixed {
        /// The user.
        user: String,
        /// Its password; `None` where the server asks for none.
        password: Option<Secret>,
    },
}

/// What a pool is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// When server connections go back.
    pub mode: PoolMode,
    /// Slots: server connections at most, at least 1.
    pub size: u32,
    /// Workers that serve it, at most as many as there are; at least 1.
    pub workers: u32,
    /// Server connections kept open even when nobody needs them, at most `size`.
    pub size_min: u32,
    /// Slots more when a client has waited for `reserve_after`.
    pub reserve_size: u32,
    /// See `reserve_size`.
    pub reserve_after: Duration,
    /// Longest wait for a slot; then the client gets an ERROR.
    pub query_wait_timeout: Option<Duration>,
    /// A server connection older than this is closed when it is released.
    pub server_lifetime: Option<Duration>,
    /// A server connection idle for longer than this is closed.
    pub server_idle_timeout: Option<Duration>,
    /// A pool without clients and server connections for this long is forgotten.
    pub forget_after: Option<Duration>,
    /// Run before a server connection is handed out that was idle for `check_delay`; an empty
    /// text is the empty query; `None` checks nothing.
    pub check_query: Option<String>,
    /// See `check_query`.
    pub check_delay: Duration,
    /// Time for a server connection to be opened and logged in.
    pub connect_timeout: Duration,
    /// Time for a released server connection to be of use again.
    pub settle_timeout: Duration,
    /// First pause after a failed connect; doubles up to `retry_max`.
    pub retry_min: Duration,
    /// Longest pause between connects.
    pub retry_max: Duration,
    /// Connects under way at once, at least 1; one while the server is failing.
    pub connects_max: u32,
    /// In which order waiting clients get slots.
    pub dispatch: Dispatch,
    /// Which idle server connection is handed out next.
    pub rotation: Rotation,
    /// Whether a bare BEGIN waits for its first statement before it takes a slot.
    pub deferred_begin: bool,
    /// When a released server connection is cleaned.
    pub server_reset: ServerReset,
    /// Run before the `DISCARD ALL` of each reset; empty for nothing.
    pub reset_query: String,
    /// Whether a session-mode server connection is closed when RECONNECT or a new address makes
    /// it stale, without waiting for its client to leave.
    pub server_fast_close: bool,
    /// Whether the client's address is added to the application name it sends.
    pub application_name_add_host: bool,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            mode: PoolMode::Transaction,
            size: 20,
            workers: 1,
            size_min: 0,
            reserve_size: 0,
            reserve_after: Duration::from_secs(5),
            query_wait_timeout: Some(Duration::from_secs(120)),
            server_lifetime: Some(Duration::from_secs(3600)),
            server_idle_timeout: Some(Duration::from_secs(600)),
            forget_after: Some(Duration::from_secs(3600)),
            check_query: Some(String::new()),
            check_delay: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(15),
            settle_timeout: Duration::from_secs(10),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(1),
            connects_max: 4,
            dispatch: Dispatch::Fair,
            rotation: Rotation::Lifo,
            deferred_begin: true,
            server_reset: ServerReset::Smart,
            reset_query: String::new(),
            server_fast_close: false,
            application_name_add_host: false,
        }
    }
}

/// What the pool of one database and one user is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolPlan {
    /// The database's name on the server.
    pub dbname: String,
    /// The database's entry.
    pub database: Database,
    /// The pool, the user's overrides applied.
    pub pool: Pool,
    /// Server connections over all pools of the user; `None` is no limit.
    pub user_servers_max: Option<u32>,
}

impl PoolPlan {
    /// The plan for `name` as the client wrote it, from its entry, the general limits and the
    /// user's overrides.
    #[must_use]
    pub fn new(
        name: &str,
        entry: &Database,
        limits: &ClientLimits,
        overrides: Option<&UserOverrides>,
    ) -> Self {
        let mut pool = entry.pool.clone();
        let mut user_servers_max = limits.servers_per_user_max;
        if let Some(user) = overrides {
            pool.mode = user.pool_mode.unwrap_or(pool.mode);
            pool.size = user.pool_size.unwrap_or(pool.size);
            pool.size_min = pool.size_min.min(pool.size);
            pool.reserve_size = user.reserve_size.unwrap_or(pool.reserve_size);
            pool.query_wait_timeout = user.query_wait_timeout.unwrap_or(pool.query_wait_timeout);
            user_servers_max = user.servers_max.unwrap_or(user_servers_max);
        }
        let dbname = entry.dbname.clone().unwrap_or_else(|| name.to_owned());
        Self { dbname, database: entry.clone(), pool, user_servers_max }
    }
}

/// Bounds on clients and on what they hold. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLimits {
    /// Client connections in all.
    pub clients_max: u32,
    /// Client connections of one user, unless the user says otherwise.
    pub clients_per_user_max: Option<u32>,
    /// Client connections of one database, unless the database says otherwise.
    pub clients_per_database_max: Option<u32>,
    /// Client connections from one address; unix sockets count as one address.
    pub clients_per_address_max: Option<u32>,
    /// Server connections of one user over all pools, unless the user says otherwise.
    pub servers_per_user_max: Option<u32>,
    /// Server connections of one database over all pools, unless the database says otherwise.
    pub servers_per_database_max: Option<u32>,
    /// Clients waiting in one pool; the next is refused at once.
    pub queue_max: u32,
    /// Named prepared statements of one client; 0 leaves named statements to session mode.
    pub prepared_per_client_max: u32,
    /// Prepared statements kept on one server connection; the least recently used goes first.
    pub prepared_per_server_max: u32,
    /// Server connections of one pool that may be pinned at once; `None` is half its slots. See
    /// [`ClientLimits::pins_for`].
    pub pins_max: Option<u32>,
    /// The longest message accepted from a client, in bytes.
    pub message_bytes_max: u64,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            clients_max: 10_000,
            clients_per_user_max: None,
            clients_per_database_max: None,
            clients_per_address_max: None,
            servers_per_user_max: None,
            servers_per_database_max: None,
            queue_max: 10_000,
            prepared_per_client_max: 1_000,
            prepared_per_server_max: 200,
            pins_max: None,
            message_bytes_max: 1 << 30,
        }
    }
}

impl ClientLimits {
    /// Server connections that may be pinned at once in a pool of `size` slots: at least 1.
    #[must_use]
    pub fn pins_for(&self, size: u32) -> u32 {
        self.pins_max.unwrap_or(size / 2).clamp(1, size.max(1))
    }
}

/// Time limits. `None` is no limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// One statement on the server; then it is cancelled.
    pub statement: Option<Duration>,
    /// One transaction; then it is rolled back.
    pub transaction: Option<Duration>,
    /// Silence of the client inside a transaction; then it is rolled back.
    pub idle_transaction: Option<Duration>,
    /// Silence of the client outside a transaction; then it is disconnected.
    pub client_idle: Option<Duration>,
    /// From accept to the end of the login.
    pub client_login: Option<Duration>,
    /// A cancel request waiting for a connection to the server; then it is dropped.
    pub cancel_wait: Option<Duration>,
    /// Graceful stop: how long open transactions may run on.
    pub shutdown_wait: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            statement: None,
            transaction: None,
            idle_transaction: None,
            client_idle: None,
            client_login: Some(Duration::from_secs(60)),
            cancel_wait: Some(Duration::from_secs(10)),
            shutdown_wait: Some(Duration::from_secs(30)),
        }
    }
}
