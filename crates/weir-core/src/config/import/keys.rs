//! What becomes of each key of PgBouncer (1.25): its counterpart here, or what happens instead.

use serde_json::{Value, json};

/// What becomes of a key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// It is this setting, its value written so.
    Is(&'static str, Form),
    /// It is part of what [`super::special`] puts together.
    Special(&'static str),
    /// There is none: what happens instead.
    Dropped(&'static str),
}

/// How PgBouncer writes a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A whole number.
    Number,
    /// Seconds, perhaps with decimals.
    Seconds,
    /// Milliseconds.
    Millis,
    /// As `Seconds` or `Millis`, 0 leaving the kernel's value.
    KernelSeconds,
    /// See `KernelSeconds`.
    KernelMillis,
    /// As `Number`, 0 leaving the kernel's value.
    KernelNumber,
    /// A number of bytes.
    Bytes,
    /// 0 or 1, and the other words for them.
    Flag,
    /// Text as it is.
    Text,
    /// A comma-separated list.
    List,
    /// One of these words, each with ours.
    Word(&'static [(&'static str, &'static str)]),
}

use Fate::{Dropped, Is, Special};
use Form::{
    Bytes, Flag, KernelMillis, KernelNumber, KernelSeconds, List, Millis, Number, Seconds, Text,
    Word,
};

const MODES: Form =
    Word(&[("session", "session"), ("transaction", "transaction"), ("statement", "statement")]);
const TLS_MODES: Form = Word(&[
    ("disable", "disable"),
    ("allow", "allow"),
    ("prefer", "prefer"),
    ("require", "require"),
    ("verify-ca", "verify-ca"),
    ("verify-full", "verify-full"),
]);
const TLS_VERSIONS: Form = Word(&[
    ("secure", "1.2"),
    ("default", "1.2"),
    ("all", "1.2"),
    ("tlsv1.2", "1.2"),
    ("tlsv1.3", "1.3"),
    ("tlsv1.2,tlsv1.3", "1.2"),
    ("tlsv1.2:tlsv1.3", "1.2"),
]);
const AUTH_TYPES: Form = Word(&[
    ("trust", "trust"),
    ("any", "trust"),
    ("plain", "password"),
    ("md5", "md5"),
    ("scram-sha-256", "scram"),
    ("cert", "cert"),
    ("hba", "hba"),
]);
const CIPHERS: Fate = Dropped("the TLS library's own choice of ciphers is used");
const NO_SYSLOG: Fate = Dropped("the log goes to standard error; let the service manager carry it");
const NO_BUFFER: Fate = Dropped("buffers grow and shrink by themselves");

/// The keys of `[pgbouncer]`.
pub(super) const GENERAL: &[(&str, Fate)] = &[
    ("admin_users", Is("console.admin_users", List)),
    ("application_name_add_host", Is("pool.application_name_add_host", Flag)),
    ("auth_dbname", Is("auth.database", Text)),
    ("auth_file", Is("auth.file", Text)),
    ("auth_hba_file", Is("auth.hba_file", Text)),
    ("auth_ident_file", Dropped("user name maps are not supported: names must be equal")),
    ("auth_ldap_options", Dropped("LDAP is not supported")),
    ("auth_query", Is("auth.query", Text)),
    ("auth_type", Is("auth.method", AUTH_TYPES)),
    ("auth_user", Is("auth.user", Text)),
    ("autodb_idle_timeout", Is("pool.forget_after", Seconds)),
    ("cancel_wait_timeout", Is("timeouts.cancel_wait", Seconds)),
    ("client_idle_timeout", Is("timeouts.client_idle", Seconds)),
    ("client_login_timeout", Is("timeouts.client_login", Seconds)),
    ("client_tls13_ciphers", CIPHERS),
    ("client_tls_ca_file", Is("tls.client.ca", Text)),
    ("client_tls_cert_file", Is("tls.client.cert", Text)),
    ("client_tls_ciphers", CIPHERS),
    ("client_tls_dheparams", CIPHERS),
    ("client_tls_ecdhcurve", CIPHERS),
    ("client_tls_key_file", Is("tls.client.key", Text)),
    ("client_tls_protocols", Is("tls.client.min_version", TLS_VERSIONS)),
    ("client_tls_sslmode", Is("tls.client.mode", TLS_MODES)),
    ("conffile", Dropped("RELOAD reads the file named on the command line")),
    ("default_pool_size", Is("pool.size", Number)),
    ("disable_pqexec", Dropped("simple queries with several statements stay allowed")),
    ("dns_max_ttl", Is("pool.dns_ttl", Seconds)),
    ("dns_nxdomain_ttl", Dropped("a name that is not found is looked up at the next connect")),
    ("dns_zone_check_period", Dropped("names are looked up again after pool.dns_ttl")),
    ("idle_transaction_timeout", Is("timeouts.idle_transaction", Seconds)),
    ("ignore_startup_parameters", Is("session.ignore_startup_parameters", List)),
    ("job_name", NO_SYSLOG),
    ("listen_addr", Special("listen.addresses")),
    ("listen_backlog", Is("listen.backlog", Number)),
    ("listen_port", Special("listen.addresses")),
    ("log_connections", Is("log.connections", Flag)),
    ("log_disconnections", Is("log.disconnections", Flag)),
    ("log_pooler_errors", Is("log.pooler_errors", Flag)),
    ("log_stats", Special("log.stats_every")),
    ("logfile", NO_SYSLOG),
    ("login_notify_message", Is("session.login_notice", Text)),
    ("max_client_conn", Is("limits.clients_max", Number)),
    ("max_db_client_connections", Is("limits.clients_per_database_max", Number)),
    ("max_db_connections", Is("limits.servers_per_database_max", Number)),
    ("max_packet_size", Is("limits.message_size_max", Bytes)),
    ("max_prepared_statements", Special("limits.prepared_per_server_max")),
    ("max_user_client_connections", Is("limits.clients_per_user_max", Number)),
    ("max_user_connections", Is("limits.servers_per_user_max", Number)),
    ("min_pool_size", Is("pool.size_min", Number)),
    ("peer_id", Dropped("one process with several workers takes the place of peers")),
    ("pidfile", Dropped("the process stays in the foreground; its manager knows its id")),
    ("pkt_buf", NO_BUFFER),
    ("pool_idle_timeout", Is("pool.forget_after", Seconds)),
    ("pool_mode", Is("pool.mode", MODES)),
    ("query_timeout", Is("timeouts.statement", Seconds)),
    ("query_wait_notify", Is("session.wait_notice_after", Seconds)),
    ("query_wait_timeout", Is("pool.query_wait_timeout", Seconds)),
    ("reserve_pool_size", Is("pool.reserve_size", Number)),
    ("reserve_pool_timeout", Is("pool.reserve_after", Seconds)),
    ("resolv_conf", Dropped("the system's resolver is used")),
    ("sbuf_loopcnt", NO_BUFFER),
    ("scram_iterations", Is("auth.scram_iterations", Number)),
    ("server_check_delay", Is("pool.check_delay", Seconds)),
    ("server_check_query", Special("pool.check_query")),
    ("server_connect_timeout", Is("pool.connect_timeout", Seconds)),
    ("server_fast_close", Is("pool.server_fast_close", Flag)),
    ("server_idle_timeout", Is("pool.server_idle_timeout", Seconds)),
    ("server_lifetime", Is("pool.server_lifetime", Seconds)),
    ("server_login_retry", Is("pool.retry_max", Seconds)),
    ("server_reset_query", Special("pool.reset_query")),
    (
        "server_reset_query_always",
        Is("pool.server_reset", Word(&[("0", "smart"), ("1", "always")])),
    ),
    ("server_round_robin", Is("pool.rotation", Word(&[("0", "lifo"), ("1", "round-robin")]))),
    ("server_tls13_ciphers", CIPHERS),
    ("server_tls_ca_file", Is("tls.server.ca", Text)),
    ("server_tls_cert_file", Is("tls.server.cert", Text)),
    ("server_tls_ciphers", CIPHERS),
    ("server_tls_key_file", Is("tls.server.key", Text)),
    ("server_tls_protocols", Is("tls.server.min_version", TLS_VERSIONS)),
    ("server_tls_sslmode", Is("tls.server.mode", TLS_MODES)),
    ("service_name", NO_SYSLOG),
    ("so_reuseport", Is("listen.reuse_port", Flag)),
    ("stats_period", Special("log.stats_every")),
    ("stats_users", Is("console.stats_users", List)),
    ("suspend_timeout", Dropped("there is no SUSPEND; PAUSE waits until transactions have ended")),
    ("syslog", NO_SYSLOG),
    ("syslog_facility", NO_SYSLOG),
    ("syslog_ident", NO_SYSLOG),
    (
        "tcp_defer_accept",
        Dropped("connections are accepted once they have sent something, or after 1 s"),
    ),
    ("tcp_keepalive", Is("listen.keepalive", Flag)),
    ("tcp_keepcnt", Is("listen.keepalive_count", KernelNumber)),
    ("tcp_keepidle", Is("listen.keepalive_idle", KernelSeconds)),
    ("tcp_keepintvl", Is("listen.keepalive_interval", KernelSeconds)),
    ("tcp_socket_buffer", Dropped("the kernel sizes socket buffers")),
    ("tcp_user_timeout", Is("listen.user_timeout", KernelMillis)),
    ("track_extra_parameters", Dropped("whatever a client sets follows it, reported or not")),
    ("transaction_timeout", Is("timeouts.transaction", Seconds)),
    ("unix_socket_dir", Special("listen.addresses")),
    ("unix_socket_group", Is("listen.unix_socket_group", Text)),
    ("unix_socket_mode", Is("listen.unix_socket_mode", Text)),
    ("user", Dropped("start the process as the user it shall run as")),
    ("verbose", Is("log.level", Word(&[("0", "info"), ("1", "debug"), ("2", "trace")]))),
];

/// The keys of an entry of `[databases]`, below `databases.NAME`.
pub(super) const DATABASE: &[(&str, Fate)] = &[
    ("application_name", Is("application_name", Text)),
    ("auth_dbname", Is("auth_database", Text)),
    ("auth_query", Is("auth_query", Text)),
    ("auth_user", Is("auth_user", Text)),
    ("client_encoding", Is("parameters.client_encoding", Text)),
    ("connect_query", Is("connect_query", Text)),
    ("datestyle", Is("parameters.datestyle", Text)),
    ("dbname", Is("dbname", Text)),
    ("host", Is("host", Text)),
    (
        "load_balance_hosts",
        Is("host_balance", Word(&[("disable", "first-up"), ("round-robin", "round-robin")])),
    ),
    ("max_db_client_connections", Is("clients_max", Number)),
    ("max_db_connections", Is("servers_max", Number)),
    ("min_pool_size", Is("pool_size_min", Number)),
    ("password", Is("password", Text)),
    ("pool_mode", Is("pool_mode", MODES)),
    ("pool_size", Is("pool_size", Number)),
    ("port", Is("port", Number)),
    ("query_wait_timeout", Is("query_wait_timeout", Seconds)),
    ("reserve_pool", Is("reserve_size", Number)),
    ("reserve_pool_size", Is("reserve_size", Number)),
    ("server_lifetime", Is("server_lifetime", Seconds)),
    ("timezone", Is("parameters.timezone", Text)),
    ("user", Is("user", Text)),
];

/// The keys of an entry of `[users]`, below `users.NAME`.
pub(super) const USER: &[(&str, Fate)] = &[
    ("client_idle_timeout", Is("client_idle_timeout", Seconds)),
    ("idle_transaction_timeout", Is("idle_transaction_timeout", Seconds)),
    ("max_user_client_connections", Is("clients_max", Number)),
    ("max_user_connections", Is("servers_max", Number)),
    ("pool_mode", Is("pool_mode", MODES)),
    ("pool_size", Is("pool_size", Number)),
    ("query_timeout", Is("statement_timeout", Seconds)),
    ("query_wait_timeout", Is("query_wait_timeout", Seconds)),
    ("reserve_pool_size", Is("reserve_size", Number)),
    ("transaction_timeout", Is("transaction_timeout", Seconds)),
];

/// The value as our options write it; `None` leaves the option alone.
///
/// # Errors
/// A message that says what was expected.
pub(super) fn convert(form: Form, text: &str) -> Result<Option<Value>, String> {
    let value = match form {
        Number => json!(number(text)?),
        Seconds => json!(millis(text, 1000.0)?),
        Millis => json!(millis(text, 1.0)?),
        KernelSeconds | KernelMillis | KernelNumber if text == "0" => return Ok(None),
        KernelSeconds => return convert(Seconds, text),
        KernelMillis => return convert(Millis, text),
        KernelNumber => return convert(Number, text),
        Bytes => json!(format!("{}B", number(text)?)),
        Flag => json!(flag(text)?),
        Text => json!(text),
        List => json!(list(text)),
        Word(words) => {
            // PgBouncer writes its switches as 0 and 1, and takes words for them.
            let plain = match flag(text) {
                Ok(on) if words[0].0 == "0" => if on { "1" } else { "0" }.to_owned(),
                Ok(_) | Err(_) => text.to_ascii_lowercase().replace(' ', ""),
            };
            let found = words.iter().find(|(theirs, _)| *theirs == plain);
            let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            json!(found.ok_or_else(|| format!("`{text}` is not one of {}", known()))?.1)
        }
    };
    Ok(Some(value))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("`{text}` is not a whole number"))
}

/// A time in `unit` milliseconds as our options write it.
fn millis(text: &str, unit: f64) -> Result<String, String> {
    // Enough for a thousand years, and exact in a double.
    const MILLIS_MAX: f64 = 3.2e13;
    let value = text.parse::<f64>().ok().map(|number| (number * unit).round());
    match value.filter(|millis| (0.0..=MILLIS_MAX).contains(millis)) {
        Some(millis) => Ok(format!("{millis:.0}ms")),
        None => Err(format!("`{text}` is not a time")),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "on" | "yes" | "true" | "t" | "y" => Ok(true),
        "0" | "off" | "no" | "false" | "f" | "n" => Ok(false),
        _ => Err(format!("`{text}` is not 0 or 1")),
    }
}

/// The items of a comma-separated list.
pub(super) fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}
