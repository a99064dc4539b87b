//! `settings-invalid-option`: a connection option that the driver refuses.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-invalid-option",
        summary: "the PostgreSQL driver refuses an unknown option, and the site cannot connect",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-invalid-option"),
    },
    check,
};

/// What libpq 17, psycopg and Django's backend accept in `OPTIONS`.
const KNOWN: [&str; 62] = [
    "application_name",
    "assume_role",
    "async",
    "autocommit",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "connection_factory",
    "context",
    "cursor_factory",
    "database",
    "dbname",
    "dsn",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "isolation_level",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "passfile",
    "password",
    "pool",
    "port",
    "prepare_threshold",
    "replication",
    "require_auth",
    "requirepeer",
    "row_factory",
    "server_side_binding",
    "service",
    "servicefile",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
    "oauth_issuer",
    "oauth_client_id",
    "oauth_scope",
    "scram_client_key",
];

/// Options of other drivers and databases, with what to write instead.
const FOREIGN: [(&str, &str); 9] = [
    ("command_timeout", "it is asyncpg's; write `\"options\": \"-c statement_timeout=30000\"`"),
    (
        "statement_timeout",
        "write `\"options\": \"-c statement_timeout=30000\"`, or set it on the role",
    ),
    ("lock_timeout", "write `\"options\": \"-c lock_timeout=5000\"`, or set it on the role"),
    (
        "idle_in_transaction_session_timeout",
        "write it as `-c` in `\"options\"`, or set it on the role",
    ),
    ("timeout", "it is SQLite's; write `connect_timeout`"),
    ("charset", "it is MySQL's; PostgreSQL takes `client_encoding`"),
    ("init_command", "it is MySQL's; set parameters with `\"options\"` or on the role"),
    ("read_timeout", "it is MySQL's; write `\"options\": \"-c statement_timeout=30000\"`"),
    (
        "MAX_CONNS",
        "it is of a pooling backend; with Django 5.1 write `\"pool\": {\"max_size\": …}`",
    ),
];

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in &settings.databases {
        if !shared::is_postgresql(context, database) {
            continue;
        }
        for option in &database.options {
            if KNOWN.contains(&option.key) {
                continue;
            }
            let foreign = FOREIGN.iter().find(|(key, _)| *key == option.key);
            let help = foreign.map_or_else(
                || "check the spelling against libpq's parameter key words".to_owned(),
                |(_, help)| (*help).to_owned(),
            );
            let message = format!(
                "the PostgreSQL driver does not know the option `{}`, so no connection opens",
                option.key
            );
            let level = if is_setting(option.key) {
                format!("move `{}` out of `OPTIONS`, one level up", option.key)
            } else {
                help
            };
            sink.push(Draft::new(option.span, message, level));
        }
    }
}

fn is_setting(key: &str) -> bool {
    shared::DATABASE_KEYS.contains(&key)
}
