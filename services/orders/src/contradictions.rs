//! Settings that contradict each other or the server. A start with one of these is refused.

use crate::settings::{Code, Settings};

/// What the server said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    /// `max_connections`.
    pub(crate) connections_max: i64,
    /// Slots kept for superusers and, from version 16, for `pg_use_reserved_connections`.
    pub(crate) connections_reserved: i64,
    /// `statement_timeout` as our role gets it, in milliseconds; 0 is none.
    pub(crate) statement_timeout_ms: i64,
}

impl ServerFacts {
    /// Slots an ordinary role can get.
    #[must_use]
    pub(crate) fn usable(&self) -> i64 {
        self.connections_max - self.connections_reserved
    }
}

/// Contradictions inside the settings, each as a sentence that says what to change.
#[must_use]
pub(crate) fn in_settings(settings: &Settings) -> Vec<String> {
    let s = settings;
    let mut found = Vec::new();
    let mut rule = |broken: bool, sentence: String| {
        if broken {
            found.push(sentence);
        }
    };
    for (name, value) in [
        ("pool_connections", u64::from(s.pool_connections)),
        ("outbox_workers", u64::from(s.outbox_workers)),
        ("outbox_connections", u64::from(s.outbox_connections)),
        ("outbox_in_flight", u64::from(s.outbox_in_flight)),
        ("processes", s.processes as u64),
        ("threads", s.threads as u64),
        ("bulk_batch", s.bulk_batch as u64),
        ("probe_every_ms", s.probe_every_ms),
    ] {
        rule(value == 0, format!("{name} is 0: nothing could be served; set at least 1"));
    }
    rule(
        s.lock_limit_ms >= s.statement_limit_ms,
        format!(
            "lock_limit_ms {} is not below statement_limit_ms {}: a wait for a lock would be \
             reported as a slow statement; lower it",
            s.lock_limit_ms, s.statement_limit_ms
        ),
    );
    rule(
        s.acquire_limit_ms > s.connect_limit_ms,
        format!(
            "acquire_limit_ms {} is above connect_limit_ms {}: a request would wait longer for the \
             pool than the pool for the server; lower it",
            s.acquire_limit_ms, s.connect_limit_ms
        ),
    );
    rule(
        s.outbox_lease_ms < 2 * s.outbox_call_limit_ms,
        format!(
            "outbox_lease_ms {} is below twice outbox_call_limit_ms {}: a notification would be \
             sent again while its first call is still under way; raise the lease",
            s.outbox_lease_ms, s.outbox_call_limit_ms
        ),
    );
    rule(
        s.bulk_batch > s.bulk_items_max,
        format!(
            "bulk_batch {} is above bulk_items_max {}: no batch could be full; lower it",
            s.bulk_batch, s.bulk_items_max
        ),
    );
    rule(
        s.code == Code::Optimised && !s.listen.ip().is_loopback() && s.report_token.is_empty(),
        format!(
            "listen {} is not loopback and report_token is empty: anybody could read the totals \
             of all users; set report_token",
            s.listen
        ),
    );
    found
}

/// Contradictions between the settings and the server.
///
/// The problem version is let through: more worker threads than the server has slots is what the
/// story ran with.
#[must_use]
pub(crate) fn with_server(settings: &Settings, server: ServerFacts) -> Vec<String> {
    if settings.code == Code::Problem {
        return Vec::new();
    }
    let mut found = Vec::new();
    let wanted = i64::try_from(settings.connections_max()).unwrap_or(i64::MAX);
    if wanted > server.usable() {
        found.push(format!(
            "pool_connections {} + outbox_connections {} + 1 for the health probe is {wanted}, and \
             the server has {} usable connections (max_connections {} less {} reserved); lower the \
             pools or raise the server",
            settings.pool_connections,
            settings.outbox_connections,
            server.usable(),
            server.connections_max,
            server.connections_reserved
        ));
    }
    let limit = i64::try_from(settings.statement_limit_ms).unwrap_or(i64::MAX);
    if server.statement_timeout_ms != limit {
        found.push(format!(
            "statement_limit_ms is {limit}, and the server has statement_timeout {} ms for our \
             role: with server_limits = role, run ALTER ROLE … SET statement_timeout = '{limit}ms'",
            server.statement_timeout_ms
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerFacts =
        ServerFacts { connections_max: 100, connections_reserved: 3, statement_timeout_ms: 30000 };

    fn with(name: &str, value: &str) -> Settings {
        let mut settings = Settings::default();
        settings.set(name, value).unwrap();
        settings
    }

    #[test]
    fn the_defaults_contradict_nothing() {
        assert_eq!(in_settings(&Settings::default()), Vec::<String>::new());
        assert_eq!(with_server(&Settings::default(), SERVER), Vec::<String>::new());
    }

    #[test]
    fn each_contradiction_names_its_setting() {
        for (name, value) in [
            ("pool_connections", "0"),
            ("lock_limit_ms", "30000"),
            ("acquire_limit_ms", "10001"),
            ("outbox_lease_ms", "9999"),
            ("bulk_batch", "2001"),
            ("listen", "0.0.0.0:80"),
        ] {
            let found = in_settings(&with(name, value));
            assert_eq!(found.len(), 1, "{name} {found:?}");
            assert!(found[0].starts_with(name), "{found:?}");
        }
    }

    #[test]
    fn the_pools_must_fit_the_server() {
        let found = with_server(&with("pool_connections", "95"), SERVER);
        assert!(found[0].contains("is 98, and the server has 97 usable"), "{found:?}");
        assert!(with_server(&with("pool_connections", "94"), SERVER).is_empty());
        assert!(with_server(&with("code", "problem"), SERVER).is_empty(), "as the story ran");
    }

    #[test]
    fn the_role_must_have_the_limit() {
        let server = ServerFacts { statement_timeout_ms: 0, ..SERVER };
        assert!(with_server(&Settings::default(), server)[0].contains("ALTER ROLE"));
    }
}
