//! The resolved configuration: complete, checked, in plain types. What the proxy reads.
//!
//! `Option<Duration>` is a time limit: `None` means no limit. Counts written as `Option<u32>` are
//! limits too. Nothing here depends on how it was written: file, `pgbouncer.ini` or flags.

mod auth;
mod classes;
mod guard;
mod healing;
mod incident;
mod ledger;
mod net;
mod pool;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use auth::{Auth, AuthQuery, Secret, User, UserOverrides, UserSecret};
pub use classes::{ClassEntry, Classes};
pub use guard::Guard;
pub use healing::Healing;
pub use incident::{Incidents, Receiver};
pub use ledger::{History, Otlp};
pub use net::{ClientTls, Http, Keepalive, Listen, ListenAddress, ServerTls, UpstreamHost};
pub use pool::{ClientLimits, Database, Pool, PoolPlan, ServerLogin, Timeouts};

use super::choices::{DriverChoice, LogFormat, LogLevel};

/// Everything the proxy was told, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where clients connect.
    pub listen: Listen,
    /// Where health, metrics and the API are served; `None` serves none.
    pub http: Option<Http>,
    /// The threads that relay.
    pub workers: Workers,
    /// TLS towards clients.
    pub client_tls: ClientTls,
    /// TLS towards PostgreSQL.
    pub server_tls: ServerTls,
    /// How clients prove who they are.
    pub auth: Auth,
    /// Known users by name, those of `auth.file` included.
    pub users: BTreeMap<String, User>,
    /// Databases by the name clients use.
    pub databases: BTreeMap<String, Database>,
    /// What serves a database that has no entry of its own (`[databases."*"]`).
    pub wildcard: Option<Database>,
    /// The slots a PostgreSQL can give us, over all pools, where that is stated.
    pub budgets: BTreeMap<UpstreamHost, u32>,
    /// Classes that operators named.
    pub classes: Arc<Classes>,
    /// How long an address found by name is used before it is looked up again.
    pub dns_ttl: Duration,
    /// Bounds on clients and what they hold.
    pub limits: ClientLimits,
    /// Time limits, before a user's overrides.
    pub timeouts: Timeouts,
    /// What is said to and tracked for client sessions.
    pub session: SessionSettings,
    /// The log on standard error.
    pub log: Log,
    /// The console database.
    pub console: Console,
    /// The guard that watches the servers.
    pub guard: Guard,
    /// The healing ladder.
    pub healing: Healing,
    /// The ledger is kept.
    pub ledger: bool,
    /// Its history.
    pub history: History,
    /// The export of metrics.
    pub otlp: Otlp,
    /// Incidents.
    pub incidents: Incidents,
    /// Who is told of them, by name.
    pub receivers: BTreeMap<String, Receiver>,
    /// Directory for what outlives the process; `None` keeps nothing.
    pub state_dir: Option<String>,
}

impl Default for Settings {
    /// The settings of an empty file, which serve no database.
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            http: Some(Http::default()),
            workers: Workers::default(),
            client_tls: ClientTls::default(),
            server_tls: ServerTls::default(),
            auth: Auth::default(),
            users: BTreeMap::new(),
            databases: BTreeMap::new(),
            wildcard: None,
            budgets: BTreeMap::new(),
            classes: Arc::default(),
            dns_ttl: Duration::from_secs(15),
            limits: ClientLimits::default(),
            timeouts: Timeouts::default(),
            session: SessionSettings::default(),
            log: Log::default(),
            console: Console::default(),
            guard: Guard::default(),
            healing: Healing::default(),
            ledger: true,
            history: History::default(),
            otlp: Otlp::default(),
            incidents: Incidents::default(),
            receivers: BTreeMap::new(),
            state_dir: None,
        }
    }
}

impl Settings {
    /// The database a client asked for: its own entry, else the wildcard's.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.get(name).or(self.wildcard.as_ref())
    }

    /// What the pool of this database and user is made of, the user's overrides applied; `None`
    /// when no entry serves the database.
    #[must_use]
    pub fn plan(&self, database: &str, user: &str) -> Option<PoolPlan> {
        let entry = self.database(database)?;
        let overrides = self.users.get(user).map(|user| &user.overrides);
        Some(PoolPlan::new(database, entry, &self.limits, overrides))
    }

    /// The time limits for sessions of this user.
    #[must_use]
    pub fn timeouts_for(&self, user: &str) -> Timeouts {
        match self.users.get(user) {
            Some(user) => user.overrides.timeouts_over(&self.timeouts),
            None => self.timeouts.clone(),
        }
    }
}

/// The threads that relay between clients and servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workers {
    /// Worker threads, 1 to 64. Each pool belongs to one of them.
    pub count: u16,
    /// Threads that accept, do TLS and log in, 1 to 64.
    pub login_threads: u16,
    /// The event loop they run on.
    pub driver: DriverChoice,
}

impl Default for Workers {
    fn default() -> Self {
        Self { count: 1, login_threads: 2, driver: DriverChoice::Auto }
    }
}

/// What is said to and tracked for client sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSettings {
    /// Startup parameters that are accepted and dropped, lower case.
    pub ignore_startup_parameters: Vec<String>,
    /// A notice sent to each client after its login.
    pub login_notice: Option<String>,
    /// A waiting client gets a notice after this long.
    pub wait_notice_after: Option<Duration>,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            ignore_startup_parameters: Vec::new(),
            login_notice: None,
            wait_notice_after: Some(Duration::from_secs(5)),
        }
    }
}

/// The log on standard error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Text or JSON.
    pub format: LogFormat,
    /// The least severe event written.
    pub level: LogLevel,
    /// Whether each login is written.
    pub connections: bool,
    /// Whether each goodbye is written, with its reason.
    pub disconnections: bool,
    /// Whether errors that the proxy itself sends to clients are written.
    pub pooler_errors: bool,
    /// How often totals are written; `None` never.
    pub stats_every: Option<Duration>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: LogLevel::Info,
            connections: true,
            disconnections: true,
            pooler_errors: true,
            stats_every: Some(Duration::from_secs(60)),
        }
    }
}

/// The console: a database of our own on the listening port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Names under which it answers.
    pub databases: Vec<String>,
    /// Users who may do everything there.
    pub admin_users: Vec<String>,
    /// Users who may only read there.
    pub stats_users: Vec<String>,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            databases: vec!["weir".into(), "pgbouncer".into()],
            admin_users: Vec::new(),
            stats_users: Vec::new(),
        }
    }
}

impl Console {
    /// Whether this database name means the console.
    #[must_use]
    pub fn answers_to(&self, database: &str) -> bool {
        self.databases.iter().any(|name| name == database)
    }
}
