//! What each path answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use weir_core::config::settings::Secret;
use weir_core::config::units::TimeSpan;
use weir_core::console::metrics;
use weir_core::diagnosis::health::{Answer, Status};
use weir_core::incident::Wall;
use weir_core::ledger::{OFF, OFF_HINT};

use super::{Shown, healing, incidents};
use crate::history::{self, Known};
use crate::proxy::console::{Gathered, NoAnswer, VERSION};
use crate::proxy::mail::Detail;

/// The routes. `/healthz` and `/readyz` tell nothing that needs protection and ask for no token, so
/// that probes need none.
pub(super) fn router(shown: Shown, token: Option<Secret>) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics_text))
        .route("/api/v1/health", get(health))
        .route("/api/v1/ledger", get(ledger))
        .merge(healing::router())
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/incidents/{id}", get(incidents::one))
        .route("/api/v1/incidents/{id}/report", get(incidents::report))
        .route("/api/v1/ledger/history", get(ledger_history))
        .layer(middleware::from_fn_with_state(token.map(Arc::new), check_token));
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .merge(guarded)
        .fallback(not_found)
        .with_state(shown)
}

/// The process serves: whoever reads this is proof of it.
async fn healthz() -> Response {
    reply(StatusCode::OK, &json!({ "status": "ok", "version": VERSION }))
}

/// Whether clients should be sent here: every worker answers, and the process is not stopping.
async fn readyz(State(Shown { house, lookout, .. }): State<Shown>) -> Response {
    let why = if house.stopping.load(Ordering::Relaxed) {
        Some("stopping".to_owned())
    } else {
        Gathered::new(&house, Detail::Pools).await.err().map(|stuck| stuck.to_string())
    };
    let all = lookout.all();
    let servers = all.iter().map(|one| (one.server.clone(), json!(one.status)));
    let servers: Value = servers.collect::<serde_json::Map<_, _>>().into();
    match why {
        None => reply(StatusCode::OK, &json!({ "status": "ready", "servers": servers })),
        Some(why) => {
            let body = json!({ "status": "not ready", "reason": why, "servers": servers });
            reply(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}

/// The full answer, from what was last sampled: it waits for no server. 503 when it is
/// critical or nothing is known, so that a look at the code is enough.
async fn health(State(shown): State<Shown>) -> Response {
    let answer = Answer::of(shown.lookout.all());
    let code = match answer.status {
        Status::Ok | Status::Warning => StatusCode::OK,
        Status::Critical | Status::Unknown => StatusCode::SERVICE_UNAVAILABLE,
    };
    reply(code, &json!(answer))
}

async fn metrics_text(State(Shown { house, .. }): State<Shown>) -> Response {
    match Gathered::new(&house, Detail::Ledger).await {
        Ok(gathered) => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            ([(CONTENT_TYPE, kind)], metrics(&gathered.view())).into_response()
        }
        Err(stuck) => not_ready(stuck),
    }
}

/// Who has the server connections, who waits, what the time goes into, and whether the healer acts.
async fn ledger(State(Shown { house, .. }): State<Shown>) -> Response {
    if !house.ledger {
        return reply(StatusCode::NOT_FOUND, &json!({ "error": format!("{OFF}. {OFF_HINT}") }));
    }
    match Gathered::new(&house, Detail::Ledger).await {
        Ok(all) => {
            let healing = &all.view().snapshot.healing;
            let mut picture = json!(all.ledger());
            picture["healing"] = json!({
                "frozen_workers": healing.frozen,
                "stopped_workers": healing.breakers,
            });
            reply(StatusCode::OK, &picture)
        }
        Err(stuck) => not_ready(stuck),
    }
}

/// What is kept of the time from `since` to `until` ago.
async fn ledger_history(State(shown): State<Shown>, request: Request<Body>) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let (since, until) = match (ago(query, "since", "1h"), ago(query, "until", "0s")) {
        (Ok(since), Ok(until)) => (since, until),
        (Err(why), _) | (_, Err(why)) => {
            return reply(StatusCode::BAD_REQUEST, &json!({ "error": why }));
        }
    };
    let kept = shown.house.ledger;
    let read = tokio::task::spawn_blocking(move || shown.history.read(since, until)).await;
    match read {
        Ok(Known { stretches, in_memory, unread }) => {
            let unread = unread.map(|why| why.to_string());
            let unread = unread.or_else(|| (!kept).then(|| OFF.to_owned()));
            let body = json!({ "stretches": stretches, "in_memory": in_memory, "error": unread });
            reply(StatusCode::OK, &body)
        }
        Err(_) => reply(StatusCode::SERVICE_UNAVAILABLE, &json!({ "error": "stopping" })),
    }
}

/// The moment that a parameter names by how long ago it was.
fn ago(query: &str, name: &str, usual: &str) -> Result<Wall, String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let value = pairs.find(|(key, _)| *key == name).map_or(usual, |(_, value)| value);
    let span = TimeSpan::try_from(value.to_owned()).map_err(|why| format!("{name}: {why}"))?;
    Ok(history::before(history::wall(), span.0))
}

pub(super) fn not_ready(stuck: NoAnswer) -> Response {
    let body = json!({ "status": "not ready", "reason": stuck.to_string() });
    reply(StatusCode::SERVICE_UNAVAILABLE, &body)
}

async fn not_found() -> Response {
    let paths = [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/health",
        "/api/v1/ledger",
        "/api/v1/actions",
        "/api/v1/actions/summary",
        "/api/v1/caps",
        "/api/v1/quarantine",
        "/api/v1/incidents",
        "/api/v1/incidents/{id}",
        "/api/v1/incidents/{id}/report?format=html|md&lang=en|zh",
        "/api/v1/ledger/history",
        "POST /api/v1/healing/{exempt|cap|evict|quarantine|freeze|unfreeze}",
    ];
    reply(StatusCode::NOT_FOUND, &json!({ "error": "there is nothing here", "paths": paths }))
}

pub(super) fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], format!("{body}\n")).into_response()
}

async fn check_token(
    State(token): State<Option<Arc<Secret>>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    if token.is_none_or(|token| carries(request.headers(), &token)) {
        return next.run(request).await;
    }
    let body = json!({ "error": "this needs the header Authorization: Bearer with http.token" });
    let mut refused = reply(StatusCode::UNAUTHORIZED, &body);
    if let Ok(scheme) = "Bearer".parse() {
        refused.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    }
    refused
}

/// Whether a request carries this token. The comparison takes as long for any wrong one.
fn carries(headers: &HeaderMap, token: &Secret) -> bool {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let (given, token) = (given.trim().as_bytes(), token.reveal().as_bytes());
    let differ = given.iter().zip(token).fold(0, |differ, (a, b)| differ | (a ^ b));
    given.len() == token.len() && differ == 0
}
