//! Options about databases and their pools.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::UpstreamUrl;
use crate::config::choices::{Dispatch, HostBalance, PoolMode, Rotation, ServerReset};
use crate::config::settings::{Pool, Secret, Settings};
use crate::config::units::{TimeLimit, TimeSpan};

/// What every pool is like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolOptions {
    /// When a server connection goes back to its pool.
    pub mode: PoolMode,
    /// Slots of each pool: the server connections it opens at most. More is rarely faster: a
    /// PostgreSQL is busy with two or three for each of its cores.
    #[schemars(range(min = 1, max = 10_000))]
    pub size: u32,
    /// Workers that serve each pool, at most `workers.count`. One does tens of thousands of
    /// transactions a second; more share the slots and lend them to each other. Pools that exist
    /// stay as they are.
    #[schemars(range(min = 1, max = 64))]
    pub workers: u32,
    /// Server connections each used pool keeps open even when they are idle; spares the first
    /// client after a quiet time the wait for a login.
    #[schemars(range(max = 10_000))]
    pub size_min: u32,
    /// Extra slots for clients that have waited for `reserve_after`.
    #[schemars(range(max = 10_000))]
    pub reserve_size: u32,
    /// How long a client waits before the extra slots are used.
    pub reserve_after: TimeSpan,
    /// The longest a client waits for a slot; then it gets an ERROR (`53300`) and stays
    /// connected. `"off"` lets it wait for ever.
    pub query_wait_timeout: TimeLimit,
    /// A server connection older than this is closed when it is released; frees what PostgreSQL's
    /// process has gathered. `"off"` keeps it.
    pub server_lifetime: TimeLimit,
    /// A server connection that nobody used for this long is closed, down to `size_min`.
    pub server_idle_timeout: TimeLimit,
    /// A pool without clients and server connections for this long is forgotten.
    pub forget_after: TimeLimit,
    /// Statement sent before an idle server connection is handed out, to see whether it lives.
    /// `""` sends the empty query, which costs the least; `"off"` sends nothing.
    pub check_query: String,
    /// How long a server connection must have been idle for the check to be worth it.
    pub check_delay: TimeSpan,
    /// How long opening a server connection and logging in may take, each host.
    pub connect_timeout: TimeSpan,
    /// How long a server connection may take to be of use again after its client's transaction was
    /// evicted, or its client left: a ROLLBACK, a cancel under way. Then it is closed, and its slot
    /// is free for another one. A PostgreSQL that hangs keeps slots no longer than this.
    pub settle_timeout: TimeSpan,
    /// Pause after the first failed connect. It doubles with each further one.
    pub retry_min: TimeSpan,
    /// The longest pause between connects, and so the longest it takes to notice that the server
    /// is back.
    pub retry_max: TimeSpan,
    /// Server connections one pool opens at the same time. More fills a cold pool faster, and
    /// loads the server with logins. While the server is failing it is always one.
    #[schemars(range(min = 1, max = 32))]
    pub connects_max: u32,
    /// In which order waiting clients get slots: `"fair"` or `"fifo"`. Fair dispatch is that of
    /// arrival until clients wait long; then one slow route cannot starve the others.
    pub dispatch: Dispatch,
    /// Which idle server connection is used next: `"lifo"` (the one used last),
    /// `"round-robin"` (the one unused for longest), `"every-transaction"` (a client gets another
    /// one each time, to find code that depends on its connection) or `"random:SEED"`.
    pub rotation: Rotation,
    /// Whether a bare BEGIN is answered at once and takes a slot only with the first statement.
    /// Spares slot time where a framework opens a transaction for every request.
    pub deferred_begin: bool,
    /// When a released server connection is cleaned.
    pub server_reset: ServerReset,
    /// A statement of yours that is run before the `DISCARD ALL` which cleans a server connection
    /// wholly: when a client leaves in session mode, and where `server_reset` asks for it. When it
    /// fails, the connection is closed. `""` runs nothing.
    /// Example: `"SELECT app.forget_tenant()"`
    pub reset_query: String,
    /// Whether a session's server connection is closed at once when it has become stale (new
    /// address, RECONNECT), instead of when its client leaves.
    pub server_fast_close: bool,
    /// Whether the client's address and port are added to the `application_name` it sends, so
    /// that `pg_stat_activity` shows them. It changes with every client: one more SET each time.
    pub application_name_add_host: bool,
    /// How long the addresses of a host name are used before it is looked up again.
    pub dns_ttl: TimeSpan,
}

impl Default for PoolOptions {
    fn default() -> Self {
        let pool = Pool::default();
        Self {
            mode: pool.mode,
            size: pool.size,
            workers: pool.workers,
            size_min: pool.size_min,
            reserve_size: pool.reserve_size,
            reserve_after: TimeSpan(pool.reserve_after),
            query_wait_timeout: TimeLimit(pool.query_wait_timeout),
            server_lifetime: TimeLimit(pool.server_lifetime),
            server_idle_timeout: TimeLimit(pool.server_idle_timeout),
            forget_after: TimeLimit(pool.forget_after),
            check_query: pool.check_query.unwrap_or_else(|| "off".into()),
            check_delay: TimeSpan(pool.check_delay),
            connect_timeout: TimeSpan(pool.connect_timeout),
            settle_timeout: TimeSpan(pool.settle_timeout),
            retry_min: TimeSpan(pool.retry_min),
            retry_max: TimeSpan(pool.retry_max),
            connects_max: pool.connects_max,
            dispatch: pool.dispatch,
            rotation: pool.rotation,
            deferred_begin: pool.deferred_begin,
            server_reset: pool.server_reset,
            reset_query: pool.reset_query,
            server_fast_close: pool.server_fast_close,
            application_name_add_host: pool.application_name_add_host,
            dns_ttl: TimeSpan(Settings::default().dns_ttl),
        }
    }
}

/// One database. What is left out of the pool keys is the value in `[pool]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseOptions {
    /// Where it is, as one URL: `postgres://user:password@host:port/dbname`, each part optional,
    /// special characters written as `%40`. Several hosts are separated by commas. The keys below
    /// say the same in parts; use one or the other for each part.
    /// Example: `"postgres://app@10.0.0.5:5432/shop"`
    pub upstream: Option<UpstreamUrl>,
    /// Host name, address, or directory of the unix socket; several separated by commas.
    /// Without it and without `upstream`: `127.0.0.1`.
    /// Example: `"10.0.0.5"`
    pub host: Option<String>,
    /// Port of PostgreSQL; 5432 without it.
    /// Example: `5433`
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
    /// How several hosts are used; `"round-robin"` without it.
    /// Example: `"first-up"`
    pub host_balance: Option<HostBalance>,
    /// The database's name in PostgreSQL; without it, the name of the entry, and for `"*"` the
    /// name the client asked for.
    /// Example: `"shop_production"`
    pub dbname: Option<String>,
    /// The user that logs in to PostgreSQL, for every client. Without it each client's own user
    /// does, in a pool of its own.
    /// Example: `"app"`
    pub user: Option<String>,
    /// The password of `user`.
    /// Example: `"secret"`
    pub password: Option<Secret>,
    /// The environment variable that holds the password of `user`.
    /// Example: `"SHOP_PASSWORD"`
    pub password_env: Option<String>,
    /// The file that holds the password of `user`.
    /// Example: `"/run/secrets/shop"`
    pub password_file: Option<String>,
    /// When server connections go back.
    /// Example: `"session"`
    pub pool_mode: Option<PoolMode>,
    /// Slots of each of its pools.
    /// Example: `40`
    #[schemars(range(min = 1, max = 10_000))]
    pub pool_size: Option<u32>,
    /// Workers that serve each of its pools.
    /// Example: `2`
    #[schemars(range(min = 1, max = 64))]
    pub pool_workers: Option<u32>,
    /// Server connections each of its pools keeps open. With `user` given they are opened at
    /// start.
    /// Example: `5`
    #[schemars(range(max = 10_000))]
    pub pool_size_min: Option<u32>,
    /// Extra slots of each of its pools.
    /// Example: `5`
    #[schemars(range(max = 10_000))]
    pub reserve_size: Option<u32>,
    /// Server connections over all of its pools; 0 is no limit.
    /// Example: `60`
    pub servers_max: Option<u32>,
    /// Client connections; 0 is no limit.
    /// Example: `1000`
    pub clients_max: Option<u32>,
    /// Longest wait for a slot.
    /// Example: `"10s"`
    pub query_wait_timeout: Option<TimeLimit>,
    /// Age at which a server connection is closed.
    /// Example: `"30min"`
    pub server_lifetime: Option<TimeLimit>,
    /// Statement run once on each new server connection.
    /// Example: `"SET search_path = shop"`
    pub connect_query: Option<String>,
    /// The `application_name` server connections start with.
    /// Example: `"weir"`
    pub application_name: Option<String>,
    /// Other startup parameters for server connections.
    /// Example: `{ client_encoding = "UTF8", TimeZone = "UTC" }`
    pub parameters: BTreeMap<String, String>,
    /// As `auth.user`, for this database.
    /// Example: `"weir_auth"`
    pub auth_user: Option<String>,
    /// As `auth.query`, for this database.
    /// Example: `"SELECT * FROM weir.secret_of($1)"`
    pub auth_query: Option<String>,
    /// As `auth.database`, for this database.
    /// Example: `"postgres"`
    pub auth_database: Option<String>,
}
