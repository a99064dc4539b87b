//! Options about addresses, encryption and identity.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::choices::{AuthMethod, PoolMode, TlsMode, TlsVersion};
use crate::config::settings::{Auth, Http, Listen, Secret};
use crate::config::units::{TimeLimit, TimeSpan};

/// Where clients connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenOptions {
    /// Every address to listen on: `"host:port"`, `"[::1]:port"`, `"*:port"` for every interface,
    /// or `"unix:/directory"` for a socket named `.s.PGSQL.PORT` with the port of the first TCP
    /// address (6432 without one; `"unix:/directory:PORT"` says otherwise). Port 0 takes a free
    /// one, named in the `ready` line. Anything beyond loopback demands that clients prove who
    /// they are.
    /// Example: `["0.0.0.0:6432", "unix:/run/postgresql"]`
    pub addresses: Vec<String>,
    /// Connections the kernel holds before they are accepted; it caps this at
    /// `net.core.somaxconn`. Too small, and a burst of clients sees refused connections.
    #[schemars(range(min = 1, max = 65_535))]
    pub backlog: u32,
    /// Permission bits of unix sockets, octal as text.
    /// Example: `"0770"`
    pub unix_socket_mode: String,
    /// Group that owns unix sockets. Without it they belong to the group of the process.
    /// Example: `"www-data"`
    pub unix_socket_group: Option<String>,
    /// Whether several processes may listen on one address and share its clients
    /// (`SO_REUSEPORT`). A cancel request may then reach the wrong process and be lost.
    pub reuse_port: bool,
    /// Whether TCP keep-alive finds peers that vanished, for clients and servers alike.
    pub keepalive: bool,
    /// Silence before the first keep-alive probe. Without it the kernel decides (2 hours).
    /// Example: `"1min"`
    pub keepalive_idle: Option<TimeSpan>,
    /// Time between keep-alive probes. Without it the kernel decides (75 s).
    /// Example: `"10s"`
    pub keepalive_interval: Option<TimeSpan>,
    /// Unanswered probes before a connection is dead. Without it the kernel decides (9).
    /// Example: `3`
    #[schemars(range(min = 1, max = 127))]
    pub keepalive_count: Option<u32>,
    /// How long sent data may stay unacknowledged before a connection is dead
    /// (`TCP_USER_TIMEOUT`). Without it the kernel decides.
    /// Example: `"30s"`
    pub user_timeout: Option<TimeSpan>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        let listen = Listen::default();
        Self {
            addresses: listen.addresses.iter().map(ToString::to_string).collect(),
            backlog: listen.backlog,
            unix_socket_mode: format!("{:04o}", listen.unix_socket_mode),
            unix_socket_group: listen.unix_socket_group,
            reuse_port: listen.reuse_port,
            keepalive: listen.keepalive.enabled,
            keepalive_idle: listen.keepalive.idle.map(TimeSpan),
            keepalive_interval: listen.keepalive.interval.map(TimeSpan),
            keepalive_count: listen.keepalive.count,
            user_timeout: listen.keepalive.user_timeout.map(TimeSpan),
        }
    }
}

/// Health, metrics and the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// `"host:port"`, or `"off"` to serve nothing. Beyond loopback a token is demanded.
    pub address: String,
    /// The token requests must carry as `Authorization: Bearer TOKEN`. Without it every request
    /// is answered, on loopback only.
    /// Example: `"a-long-random-text"`
    pub token: Option<Secret>,
    /// The environment variable that holds the token.
    /// Example: `"WEIR_HTTP_TOKEN"`
    pub token_env: Option<String>,
    /// The file that holds the token; blanks and line ends around it are dropped.
    /// Example: `"/run/secrets/weir-token"`
    pub token_file: Option<String>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        let address = Http::default().address.to_string();
        Self { address, token: None, token_env: None, token_file: None }
    }
}

/// Encryption on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TlsOptions {
    /// TLS towards clients.
    pub client: ClientTlsOptions,
    /// TLS towards PostgreSQL.
    pub server: ServerTlsOptions,
}

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClientTlsOptions {
    /// How much is demanded of clients. Everything but `"disable"` needs `cert` and `key`;
    /// `"verify-ca"` and `"verify-full"` demand a client certificate and need `ca`.
    pub mode: TlsMode,
    /// File with our certificate and those that lead to its issuer (PEM).
    /// Example: `"/etc/weir/server.crt"`
    pub cert: Option<String>,
    /// File with the private key of `cert` (PEM).
    /// Example: `"/etc/weir/server.key"`
    pub key: Option<String>,
    /// File with the issuers whose client certificates are believed (PEM).
    /// Example: `"/etc/weir/clients-ca.crt"`
    pub ca: Option<String>,
    /// The oldest TLS version accepted.
    pub min_version: TlsVersion,
}

impl Default for ClientTlsOptions {
    fn default() -> Self {
        let min_version = TlsVersion::default();
        Self { mode: TlsMode::Disable, cert: None, key: None, ca: None, min_version }
    }
}

/// TLS towards PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerTlsOptions {
    /// How much is demanded of the server. Over a network you do not own use `"verify-full"`:
    /// the lesser modes do not notice somebody in between.
    pub mode: TlsMode,
    /// File with the issuers whose server certificates are believed (PEM). Without it, those of
    /// the operating system.
    /// Example: `"/etc/weir/postgres-ca.crt"`
    pub ca: Option<String>,
    /// File with the certificate we show to the server (PEM).
    /// Example: `"/etc/weir/client.crt"`
    pub cert: Option<String>,
    /// File with the private key of `cert` (PEM).
    /// Example: `"/etc/weir/client.key"`
    pub key: Option<String>,
    /// The oldest TLS version accepted.
    pub min_version: TlsVersion,
}

/// How clients prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthOptions {
    /// The method. All but `"trust"` need to know users: from `[users]`, from `file`, or from
    /// PostgreSQL with `user` and `query`. A database whose `upstream` names a user and password
    /// makes that user known.
    pub method: AuthMethod,
    /// File of users in PgBouncer's form: `"user" "password, md5 hash or SCRAM secret"`, a line
    /// each. An entry of `[users]` wins over it.
    /// Example: `"/etc/weir/userlist.txt"`
    pub file: Option<String>,
    /// File of rules for the method `"hba"`, in the form of `pg_hba.conf`.
    /// Example: `"/etc/weir/hba.conf"`
    pub hba_file: Option<String>,
    /// The user that fetches the secrets of users who are not known here. Without it there is no
    /// fetching.
    /// Example: `"weir_auth"`
    pub user: Option<String>,
    /// The password of `user`. Without it, the one in `[users]` or `file`.
    /// Example: `"secret"`
    pub password: Option<Secret>,
    /// The environment variable that holds the password of `user`.
    /// Example: `"WEIR_AUTH_PASSWORD"`
    pub password_env: Option<String>,
    /// The file that holds the password of `user`.
    /// Example: `"/run/secrets/weir-auth"`
    pub password_file: Option<String>,
    /// The statement that fetches a secret: `$1` is the user's name, the answer is one row of
    /// name and secret. Reading `pg_authid` needs a superuser; a function with SECURITY DEFINER
    /// does not.
    pub query: String,
    /// The database the statement runs in. Without it, that of the entry; for `"*"`, `postgres`.
    /// Example: `"postgres"`
    pub database: Option<String>,
    /// Iterations of the SCRAM verifier made from a plain password. More makes guessing slower,
    /// and each login.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub scram_iterations: u32,
    /// Allows `"trust"` on addresses that other machines can reach. Whoever reaches them is then
    /// believed to be anybody.
    pub trust_beyond_loopback: bool,
}

impl Default for AuthOptions {
    fn default() -> Self {
        let auth = Auth::default();
        Self {
            method: auth.method,
            file: None,
            hba_file: None,
            user: None,
            password: None,
            password_env: None,
            password_file: None,
            query:
                "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END \
                    FROM pg_authid WHERE rolname = $1 AND rolcanlogin"
                    .into(),
            database: None,
            scram_iterations: auth.scram_iterations,
            trust_beyond_loopback: false,
        }
    }
}

/// One user. What is left out is the database's or the general value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct UserOptions {
    /// The password, or what PostgreSQL stores of it: `md5…` or `SCRAM-SHA-256$…`. A plain
    /// password serves every method and logs in to servers; a SCRAM secret serves SCRAM.
    /// Example: `"secret"`
    pub password: Option<Secret>,
    /// The environment variable that holds the password.
    /// Example: `"APP_PASSWORD"`
    pub password_env: Option<String>,
    /// The file that holds the password.
    /// Example: `"/run/secrets/app"`
    pub password_file: Option<String>,
    /// When this user's server connections go back.
    /// Example: `"session"`
    pub pool_mode: Option<PoolMode>,
    /// Slots of each of the user's pools.
    /// Example: `5`
    #[schemars(range(min = 1, max = 10_000))]
    pub pool_size: Option<u32>,
    /// Extra slots of each of the user's pools.
    /// Example: `2`
    #[schemars(range(max = 10_000))]
    pub reserve_size: Option<u32>,
    /// Server connections over all of the user's pools; 0 is no limit.
    /// Example: `10`
    pub servers_max: Option<u32>,
    /// Client connections of this user; 0 is no limit.
    /// Example: `100`
    pub clients_max: Option<u32>,
    /// Longest wait for a slot.
    /// Example: `"10s"`
    pub query_wait_timeout: Option<TimeLimit>,
    /// Longest statement.
    /// Example: `"30s"`
    pub statement_timeout: Option<TimeLimit>,
    /// Longest transaction.
    /// Example: `"1min"`
    pub transaction_timeout: Option<TimeLimit>,
    /// Longest silence inside a transaction.
    /// Example: `"10s"`
    pub idle_transaction_timeout: Option<TimeLimit>,
    /// Longest silence outside a transaction.
    /// Example: `"1h"`
    pub client_idle_timeout: Option<TimeLimit>,
}
