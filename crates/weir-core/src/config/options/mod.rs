//! The configuration as it is written. The doc comments here *are* the reference: the page, the
//! schema and the sample file under `docs/using` are made from them, and so are the defaults.
//!
//! A comment ends with ``Example: `…` `` where the default is not example enough.

mod access;
mod class;
mod guard;
mod healing;
mod incident;
mod ledger;
mod operation;
mod part;
mod pool;
mod secret;

use std::collections::BTreeMap;

pub use access::{
    AuthOptions, ClientTlsOptions, HttpOptions, ListenOptions, ServerTlsOptions, TlsOptions,
    UserOptions,
};
pub use class::ClassOptions;
pub use guard::GuardOptions;
pub use healing::HealingOptions;
pub use incident::{AlertOptions, IncidentOptions};
pub use ledger::{LedgerOptions, OtlpOptions};
pub use operation::{
    ConsoleOptions, LimitOptions, LogOptions, SessionOptions, TimeoutOptions, WorkerOptions,
};
pub use part::Part;
pub use pool::{DatabaseOptions, PoolOptions};
pub use secret::UpstreamUrl;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that can be configured. Every key is optional except one database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Directory for what must outlive the process: history, incidents, learnt baselines. Made
    /// when it is missing. Without it nothing is kept over a restart.
    /// Example: `"/var/lib/weir"`
    pub state_dir: Option<String>,
    /// Where clients connect.
    pub listen: ListenOptions,
    /// Health, metrics and the API.
    pub http: HttpOptions,
    /// The threads that relay between clients and servers.
    pub workers: WorkerOptions,
    /// Encryption on both sides. Weir uses its own TLS library, so there are no cipher lists.
    pub tls: TlsOptions,
    /// How clients prove who they are.
    pub auth: AuthOptions,
    /// What every pool is like. There is one pool for each pair of database and user; a database
    /// or a user can differ in the keys listed there.
    pub pool: PoolOptions,
    /// Bounds on clients and what they hold. Reaching one is an ERROR for that client, counted.
    pub limits: LimitOptions,
    /// Time limits. `"off"` is no limit.
    pub timeouts: TimeoutOptions,
    /// What is said to clients and remembered for them.
    pub session: SessionOptions,
    /// The log on standard error.
    pub log: LogOptions,
    /// The console: a database of Weir's own on the listening port, for `SHOW POOLS`, `PAUSE`
    /// and the like.
    pub console: ConsoleOptions,
    /// The guard: it looks at each PostgreSQL over a connection of its own, which it holds so that
    /// it sees when nobody else can connect, and says why connections run out.
    pub guard: GuardOptions,
    /// Healing: what is done while clients wait for slots, to whom, and how far. Each step is in
    /// one of three modes: `"observe"` records what would have been done, `"warn"` logs it too,
    /// `"enforce"` does it. Nothing is ended unless somebody waits.
    pub healing: HealingOptions,
    /// The ledger: where the time of server connections goes, and what is kept of it.
    pub ledger: LedgerOptions,
    /// Metrics sent to an OpenTelemetry collector, the same as on `/metrics`.
    pub otlp: OtlpOptions,
    /// Incidents: what opens and closes one, and how it is told.
    pub incident: IncidentOptions,
    /// The slots one PostgreSQL can give us, by `"host:port"` (or socket directory and port):
    /// its `max_connections` less the reserved ones and less what others use. Pools that could not
    /// fit are a problem of the configuration.
    /// Example: `{ "10.0.0.5:5432" = 90 }`
    pub budgets: BTreeMap<String, u32>,
    /// Databases by the name clients ask for; `"*"` serves every name without an entry.
    pub databases: BTreeMap<String, DatabaseOptions>,
    /// Classes by a name of your choice: how transactions are served that belong together. Without
    /// an entry each route, application or kind of transaction is a class of its own.
    pub classes: BTreeMap<String, ClassOptions>,
    /// Who is told of incidents, by a name of your choice. The log is always told. `weir alert
    /// test` sends everybody a message.
    pub alerts: BTreeMap<String, AlertOptions>,
    /// Users by name.
    pub users: BTreeMap<String, UserOptions>,
}

impl Options {
    /// The options as a file, every default written out and every secret as `***`.
    ///
    /// # Errors
    /// A message, should an option have no form in TOML.
    pub fn to_toml(&self) -> Result<String, String> {
        toml::to_string(self).map_err(|error| error.to_string())
    }
}
