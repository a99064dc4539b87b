//! Settings that contradict each other or the server. A start with one of these is refused.

use crate::optimised::outbox::WINDOW_MAX;
use crate::settings::{Code, Settings};

/// What the server said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    /// `max_connections`.
    pub(crate) connections_max: i64,
    /// Slots kept for superusers and, from version 16, for `pg_use_reserved_connections`.
    pub(crate) connections_reserved: i64,
    /// As our role gets them, in milliseconds; 0 is none.
    pub(crate) limits: ServerLimitsMs,
}

/// PostgreSQL's own limits for a session, in milliseconds; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerLimitsMs {
    pub(crate) statement_timeout: i64,
    pub(crate) lock_timeout: i64,
    pub(crate) idle_in_transaction_session_timeout: i64,
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
    let mut found = nothing(settings);
    found.extend(unlimited(settings));
    found.extend(limits_out_of_order(settings));
    found.extend(pauses_out_of_order(settings));
    let s = settings;
    if !(2..=WINDOW_MAX).contains(&s.outbox_breaker_calls) {
        let calls = s.outbox_breaker_calls;
        found.push(format!("outbox_breaker_calls {calls} is not from 2 to {WINDOW_MAX}"));
    }
    if s.code == Code::Optimised && !s.listen.ip().is_loopback() && s.report_token.is_empty() {
        found.push(format!(
            "listen {} is not loopback and report_token is empty: anybody could read the totals \
             of all users; set report_token",
            s.listen
        ));
    }
    found
}

/// What must be something.
fn nothing(s: &Settings) -> Vec<String> {
    let values = [
        ("pool_connections", u64::from(s.pool_connections)),
        ("outbox_workers", u64::from(s.outbox_workers)),
        ("outbox_connections", u64::from(s.outbox_connections)),
        ("outbox_in_flight", u64::from(s.outbox_in_flight)),
        ("outbox_call_limit_ms", s.outbox_call_limit_ms),
        ("outbox_poll_ms", s.outbox_poll_ms),
        ("outbox_attempts_max", u64::from(s.outbox_attempts_max)),
        ("processes", s.processes as u64),
        ("threads", s.threads as u64),
        ("backlog", s.backlog as u64),
        ("problem_call_limit_ms", s.problem_call_limit_ms),
        ("bulk_batch", s.bulk_batch as u64),
        ("body_bytes_max", s.body_bytes_max as u64),
        ("body_limit_ms", s.body_limit_ms),
        ("acquire_limit_ms", s.acquire_limit_ms),
        ("connection_age_s", s.connection_age_s),
        ("idempotency_keep_h", u64::from(s.idempotency_keep_h)),
        ("quantity_max", s.quantity_max.max(0).unsigned_abs()),
        ("statistics_users_max", s.statistics_users_max.max(0).unsigned_abs()),
        ("probe_every_ms", s.probe_every_ms),
    ];
    let none = values.into_iter().filter(|(_, value)| *value == 0);
    none.map(|(name, _)| format!("{name} is not above 0: nothing could be served; raise it"))
        .collect()
}

/// To PostgreSQL 0 is no limit at all.
fn unlimited(s: &Settings) -> Vec<String> {
    let limits = [
        ("statement_limit_ms", s.statement_limit_ms),
        ("lock_limit_ms", s.lock_limit_ms),
        ("idle_transaction_limit_ms", s.idle_transaction_limit_ms),
    ];
    let none = limits.into_iter().filter(|(_, limit_ms)| *limit_ms == 0);
    none.map(|(name, _)| {
        format!("{name} is 0, which is no limit: one statement could last for ever; set one")
    })
    .collect()
}

fn limits_out_of_order(s: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    if s.lock_limit_ms >= s.statement_limit_ms {
        found.push(format!(
            "lock_limit_ms {} is not below statement_limit_ms {}: a wait for a lock would be \
             reported as a slow statement; lower it",
            s.lock_limit_ms, s.statement_limit_ms
        ));
    }
    if s.acquire_limit_ms > s.connect_limit_ms {
        found.push(format!(
            "acquire_limit_ms {} is above connect_limit_ms {}: a request would wait longer for the \
             pool than the pool for the server; lower it",
            s.acquire_limit_ms, s.connect_limit_ms
        ));
    }
    if s.outbox_lease_ms < 2 * s.outbox_call_limit_ms {
        found.push(format!(
            "outbox_lease_ms {} is below twice outbox_call_limit_ms {}: a notification would be \
             sent again while its first call is still under way; raise the lease",
            s.outbox_lease_ms, s.outbox_call_limit_ms
        ));
    }
    if s.bulk_batch > s.bulk_items_max {
        found.push(format!(
            "bulk_batch {} is above bulk_items_max {}: no batch could be full; lower it",
            s.bulk_batch, s.bulk_items_max
        ));
    }
    found
}

fn pauses_out_of_order(s: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in [
        ("outbox_pause_min_ms", s.outbox_pause_min_ms),
        ("outbox_breaker_pause_ms", s.outbox_breaker_pause_ms),
    ] {
        if value > s.outbox_pause_max_ms {
            found.push(format!(
                "{name} {value} is above outbox_pause_max_ms {}: the first pause would be longer \
                 than the longest; lower it",
                s.outbox_pause_max_ms
            ));
        }
    }
    if s.statistics_pause_ms > s.statistics_fresh_s.saturating_mul(1_000) {
        found.push(format!(
            "statistics_pause_ms {} is above statistics_fresh_s {}: statistics too old to be fresh \
             could not be made anew; lower it",
            s.statistics_pause_ms, s.statistics_fresh_s
        ));
    }
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
    let has = server.limits;
    for (setting, wanted, name, has_ms) in [
        (
            "statement_limit_ms",
            settings.statement_limit_ms,
            "statement_timeout",
            has.statement_timeout,
        ),
        ("lock_limit_ms", settings.lock_limit_ms, "lock_timeout", has.lock_timeout),
        (
            "idle_transaction_limit_ms",
            settings.idle_transaction_limit_ms,
            "idle_in_transaction_session_timeout",
            has.idle_in_transaction_session_timeout,
        ),
    ] {
        if i64::try_from(wanted) != Ok(has_ms) {
            found.push(format!(
                "{setting} is {wanted}, and the server has {name} {has_ms} ms for our role: with \
                 server_limits = role, run ALTER ROLE … SET {name} = '{wanted}ms'"
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerFacts = ServerFacts {
        connections_max: 100,
        connections_reserved: 3,
        limits: ServerLimitsMs {
            statement_timeout: 30_000,
            lock_timeout: 5_000,
            idle_in_transaction_session_timeout: 10_000,
        },
    };

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
            ("connection_age_s", "0"),
            ("quantity_max", "-1"),
            ("lock_limit_ms", "0"),
            ("idle_transaction_limit_ms", "0"),
            ("outbox_breaker_calls", "65"),
            ("outbox_pause_min_ms", "60001"),
            ("outbox_breaker_pause_ms", "60001"),
            ("statistics_pause_ms", "900001"),
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
    fn the_role_must_have_each_limit() {
        for (name, change) in [
            ("statement_timeout", (|l| l.statement_timeout = 0) as fn(&mut ServerLimitsMs)),
            ("lock_timeout", |l| l.lock_timeout = 6_000),
            ("idle_in_transaction_session_timeout", |l| l.idle_in_transaction_session_timeout = 0),
        ] {
            let mut server = SERVER;
            change(&mut server.limits);
            let found = with_server(&Settings::default(), server);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(&format!("SET {name} = '")), "{found:?}");
        }
    }
}
