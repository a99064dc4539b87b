//! What is asked of a server: SQL text, for PostgreSQL 13 to 18.
//!
//! Each question is one simple query of several statements, so it is one round trip and one
//! transaction. `pg_blocking_pids` looks into the lock table and is called only for sessions that
//! wait for a lock. Of sessions that are hidden from its role, a server shows only that they are
//! there, with role and database: those that do not replicate are taken for clients'. Statements of
//! idle sessions are not fetched: an idle session has none.

use std::time::Duration;

use crate::config::limits;

/// The application name of every guard, by which guards know each other.
pub const APPLICATION: &str = "weir-guard";

/// Characters of a statement that are fetched.
const TEXT_CHARS_MAX: u32 = 2_000;

/// Asks for [`super::Facts`] of a server of this major version. The server gives up after `limit`.
#[must_use]
pub fn facts(major: u32, limit: Duration) -> String {
    let reserved = if major >= 16 {
        "current_setting('reserved_connections'), \
         pg_has_role(current_user, 'pg_use_reserved_connections', 'USAGE')"
    } else {
        "'0', false"
    };
    format!(
        "{}SELECT current_setting('server_version_num'), pg_is_in_recovery(), \
         current_setting('max_connections'), current_setting('superuser_reserved_connections'), \
         {reserved}, current_setting('is_superuser') = 'on', \
         pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), \
         (SELECT reset_val FROM pg_settings WHERE name = 'statement_timeout'), \
         (SELECT reset_val FROM pg_settings WHERE name = 'idle_in_transaction_session_timeout'); \
         SELECT 'database', datname, datconnlimit FROM pg_database WHERE datconnlimit >= 0 \
         UNION ALL \
         SELECT 'role', rolname, rolconnlimit FROM pg_roles WHERE rolconnlimit >= 0",
        own_limit(limit)
    )
}

/// Asks for [`super::Sample`]. The server gives up after `limit`.
#[must_use]
pub fn sample(major: u32, limit: Duration) -> String {
    let (query_id, sessions) =
        if major >= 14 { ("query_id", "sum(sessions)") } else { ("NULL", "NULL") };
    format!(
        "{}SELECT pid, coalesce(backend_type, 'client backend'), coalesce(datname, ''), coalesce(usename, ''), \
         coalesce(application_name, ''), coalesce(host(client_addr), ''), \
         coalesce(state, ''), coalesce(wait_event_type, ''), coalesce(wait_event, ''), \
         extract(epoch FROM clock_timestamp() - backend_start), \
         extract(epoch FROM clock_timestamp() - xact_start), \
         extract(epoch FROM clock_timestamp() - query_start), \
         extract(epoch FROM clock_timestamp() - state_change), \
         backend_xid IS NOT NULL, \
         CASE WHEN wait_event_type = 'Lock' \
         THEN array_to_string(pg_blocking_pids(pid), ',') END, \
         {query_id}, CASE WHEN state <> 'idle' THEN left(query, {TEXT_CHARS_MAX}) END \
         FROM pg_stat_activity \
         WHERE backend_type IN ('client backend', 'walsender', 'autovacuum worker', \
         'parallel worker') \
         OR backend_type IS NULL AND datid IS NOT NULL AND usesysid IS NOT NULL \
         AND pid NOT IN (SELECT pid FROM pg_stat_get_wal_senders()) LIMIT {}; \
         SELECT sum(xact_commit + xact_rollback), {sessions}, sum(deadlocks), \
         sum(tup_returned) \
         FROM pg_stat_database",
        own_limit(limit),
        limits::GUARD_SESSIONS,
    )
}

/// The limit holds for this transaction only, so that the role's own settings can be read.
fn own_limit(limit: Duration) -> String {
    format!("SET LOCAL statement_timeout = {}; ", limit.as_millis().max(1))
}
