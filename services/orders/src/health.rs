//! Health, answered from what a probe last saw: asking never needs a connection, so a full database
//! does not make every instance look dead and get restarted.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use sqlx::{PgConnection, Row};
use tokio::sync::watch;
use weir_tower::Stats;

use crate::database;
use crate::optimised::outbox::Breaker;
use crate::settings::{Code, Settings};

/// Probes that must fail in a row before we are not ready: one slow answer is no outage.
const FAILURES_TO_UNREADY: u32 = 3;
/// A statement or transaction is long from here.
const LONG_S: i64 = 30;
/// More of them than this is an issue.
const LONG_MANY: i64 = 5;
/// Per cent of the usable connections from which the limit is near.
const NEAR_PERCENT: i64 = 80;

/// What is known of the service's health.
#[derive(Clone, Default)]
pub(crate) struct Health {
    known: Arc<Mutex<Known>>,
    breaker: Arc<OnceLock<Arc<Breaker>>>,
    requests: Arc<Stats>,
}

#[derive(Default)]
struct Known {
    seen: Option<Seen>,
    failures: u32,
    error: Option<String>,
    stopping: bool,
}

/// One look at the server, in one statement.
#[derive(Debug, Clone, Serialize)]
struct Seen {
    connections: i64,
    usable: i64,
    active: i64,
    idle_in_transaction: i64,
    long: i64,
    sees_others: bool,
    outbox_waiting: i64,
    outbox_dead: i64,
    orders_version: i64,
}

/// All client connections of the server, for the limit is the server's; the probe itself left out;
/// long is a running statement by its start, and an idle transaction by the transaction's.
const LOOK: &str = "
SELECT count(*) AS connections,
    current_setting('max_connections')::int8
        - current_setting('superuser_reserved_connections')::int8
        - coalesce(current_setting('reserved_connections', true)::int8, 0) AS usable,
    count(*) FILTER (WHERE state = 'active' AND pid <> pg_backend_pid()) AS active,
    count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
    count(*) FILTER (WHERE pid <> pg_backend_pid() AND CASE
        WHEN state = 'active' THEN query_start
        WHEN state LIKE 'idle in transaction%' THEN xact_start
    END < clock_timestamp() - $1 * interval '1 second') AS long,
    coalesce(pg_has_role(current_user, 'pg_read_all_stats', 'usage'), false) AS sees_others
FROM pg_stat_activity WHERE backend_type = 'client backend'";
/// A sequence that was never asked has its first value as its last one: the first change would look
/// like none.
const LOOK_AT_OUTBOX: &str = "
SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM orders_version) AS version
FROM outbox WHERE state IN ('waiting', 'dead')";

impl Health {
    /// Nothing seen yet. `requests` is what the request layer counts.
    pub(crate) fn new(requests: Arc<Stats>) -> Self {
        Self { requests, ..Self::default() }
    }

    /// From here on an open breaker is an issue.
    pub(crate) fn watch(&self, breaker: Arc<Breaker>) {
        // Set once, at the start; a second one would be the same.
        let _ = self.breaker.set(breaker);
    }

    /// Looks at the server every `probe_every_ms` over one held connection until `stop` turns true.
    pub(crate) async fn probe(
        self,
        settings: Arc<Settings>,
        mut stop: watch::Receiver<bool>,
        mut on_version: impl FnMut(u64),
    ) {
        let every = Duration::from_millis(settings.probe_every_ms);
        let mut held = None;
        while !*stop.borrow() {
            let limit = Duration::from_millis(settings.connect_limit_ms);
            let looked = tokio::time::timeout(limit, look(&mut held, &settings)).await;
            let looked =
                looked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {limit:?}")));
            if let Ok(seen) = &looked {
                on_version(u64::try_from(seen.orders_version).unwrap_or(0));
            } else {
                held = None;
            }
            self.learn(looked);
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// From here on we are not ready: others should get the requests.
    pub(crate) fn stopping(&self) {
        self.known().stopping = true;
    }

    fn learn(&self, looked: anyhow::Result<Seen>) {
        let mut known = self.known();
        match looked {
            Ok(seen) => {
                *known = Known { seen: Some(seen), stopping: known.stopping, ..Known::default() };
            }
            Err(error) => {
                known.failures += 1;
                known.error = Some(format!("{error:#}"));
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /health/live`: the process answers.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

/// `GET /health/ready`: we should get requests.
pub(crate) async fn ready(State(health): State<Health>) -> Response {
    let known = health.known();
    if known.stopping {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if known.seen.is_none() || known.failures >= FAILURES_TO_UNREADY {
        return (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n").into_response();
    }
    "ready\n".into_response()
}

/// `GET /health`: the story's four answers, and what they rest on.
pub(crate) async fn full(State(health): State<Health>) -> Response {
    let counts = health.requests.snapshot();
    let breaker_open = health.breaker.get().is_some_and(|breaker| breaker.is_open());
    let known = health.known();
    let issues = issues(&known, breaker_open);
    let seen = known.seen.as_ref();
    let body = json!({
        "healthy": issues.is_empty(),
        "connection_usage": seen.map(|seen| format!("{}/{}", seen.connections, seen.usable)),
        "active_connections": seen.map(|seen| seen.active),
        "issues": issues,
        "seen": seen,
        "notifications_paused": breaker_open,
        "requests": {
            "all": counts.requests,
            "checkouts": counts.checkouts,
            "taken_back": counts.taken_back,
            "outside_calls_warned": counts.outside_warned,
            "outside_calls_refused": counts.outside_refused,
        },
    });
    let status = if issues.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(body)).into_response()
}

fn issues(known: &Known, breaker_open: bool) -> Vec<String> {
    let mut issues = Vec::new();
    if breaker_open {
        issues.push(
            "the receiver fails: notifications wait, and a trial is made now and then".into(),
        );
    }
    if let Some(error) = &known.error {
        issues.push(format!("the last {} looks at the database failed: {error}", known.failures));
    }
    let Some(seen) = &known.seen else {
        issues.push("the database has not been seen yet".to_owned());
        return issues;
    };
    if seen.connections * 100 >= seen.usable * NEAR_PERCENT {
        let Seen { connections, usable, .. } = seen;
        issues.push(format!("{connections} of {usable} usable connections are taken"));
    }
    if seen.long > LONG_MANY {
        let long = seen.long;
        issues.push(format!("{long} statements or transactions are older than {LONG_S} s"));
    }
    if !seen.sees_others {
        issues.push("other roles' sessions are hidden: GRANT pg_read_all_stats to our role".into());
    }
    if seen.outbox_dead > 0 {
        let dead = seen.outbox_dead;
        issues.push(format!("{dead} notifications are dead; see /notifications/dead"));
    }
    issues
}

async fn look(held: &mut Option<PgConnection>, settings: &Settings) -> anyhow::Result<Seen> {
    let connection = match held {
        Some(connection) => connection,
        None => held.insert(database::connect(settings).await?),
    };
    let row = sqlx::query(LOOK).bind(LONG_S).fetch_one(&mut *connection).await?;
    let mut seen = Seen {
        connections: row.try_get("connections")?,
        usable: row.try_get("usable")?,
        active: row.try_get("active")?,
        idle_in_transaction: row.try_get("idle_in_transaction")?,
        long: row.try_get("long")?,
        sees_others: row.try_get("sees_others")?,
        outbox_waiting: 0,
        outbox_dead: 0,
        orders_version: 0,
    };
    if settings.code == Code::Optimised {
        let row = sqlx::query(LOOK_AT_OUTBOX).fetch_one(&mut *connection).await?;
        seen.outbox_waiting = row.try_get("waiting")?;
        seen.outbox_dead = row.try_get("dead")?;
        seen.orders_version = row.try_get("version")?;
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            connections: 10,
            usable: 97,
            active: 1,
            idle_in_transaction: 0,
            long: 5,
            sees_others: true,
            outbox_waiting: 0,
            outbox_dead: 0,
            orders_version: 0,
        }
    }

    fn issues_of(change: impl FnOnce(&mut Seen)) -> Vec<String> {
        let mut seen = seen();
        change(&mut seen);
        issues(&Known { seen: Some(seen), ..Known::default() }, false)
    }

    #[test]
    fn each_issue_is_told_and_nothing_else() {
        assert!(issues_of(|_| {}).is_empty());
        assert!(issues_of(|seen| seen.connections = 78)[0].starts_with("78 of 97"));
        assert!(issues_of(|seen| seen.connections = 77).is_empty());
        assert!(issues_of(|seen| seen.long = 6)[0].starts_with("6 statements"));
        assert!(issues_of(|seen| seen.sees_others = false)[0].contains("GRANT"));
        assert!(issues_of(|seen| seen.outbox_dead = 1)[0].contains("dead"));
        let paused = issues(&Known { seen: Some(seen()), ..Known::default() }, true);
        assert!(paused[0].starts_with("the receiver fails") && paused.len() == 1);
    }

    #[tokio::test]
    async fn one_failed_look_is_no_outage_and_three_are() {
        let health = Health::default();
        assert_eq!(ready(State(health.clone())).await.status(), 503, "nothing seen yet");
        health.learn(Ok(seen()));
        for expected in [200, 200, 503] {
            health.learn(Err(anyhow::anyhow!("down")));
            assert_eq!(ready(State(health.clone())).await.status(), expected);
        }
        health.learn(Ok(seen()));
        assert_eq!(ready(State(health.clone())).await.status(), 200);
        health.stopping();
        assert_eq!(ready(State(health.clone())).await.status(), 503);
    }
}
