//! What the healing ladder does, as JSON, and orders to it.
//!
//! `GET` shows what the console's tables show. `POST /api/v1/healing/VERB` takes one JSON object
//! and does what the console's command of that name does.
//!
//! Orders change what clients get, so more is asked of them than of a look: the token where one is
//! configured (an address beyond this machine is not served without); `Content-Type:
//! application/json`, which no form of a web page can send and no script of another origin may;
//! and without a token a `Host` that names this machine, so that a name on the network that is made
//! to point here does not pass for it.

use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, body::Body};
use serde_json::{Value, json};
use weir_core::config::limits::{CONSOLE_COMMAND_BYTES, CONSOLE_ROWS};
use weir_core::console::{HealingRequest, Hit, Topic};

use super::Shown;
use super::routes::{not_ready, reply};
use crate::proxy::console::{Gathered, intervene};

/// The routes.
pub(super) fn router() -> Router<Shown> {
    Router::new()
        .route("/api/v1/actions", get(|state| show(state, Topic::Actions)))
        .route("/api/v1/actions/summary", get(|state| show(state, Topic::ActionsSummary)))
        .route("/api/v1/caps", get(|state| show(state, Topic::Caps)))
        .route("/api/v1/quarantine", get(|state| show(state, Topic::Quarantine)))
        .route("/api/v1/healing/{verb}", post(order))
}

async fn show(State(Shown { house, .. }): State<Shown>, topic: Topic) -> Response {
    match Gathered::new(&house, topic.needs()).await {
        Ok(gathered) => {
            let table = topic.table();
            let rows = table.answer(&gathered.view(), CONSOLE_ROWS).json(&table.headings());
            reply(StatusCode::OK, &json!({ table.name(): rows }))
        }
        Err(stuck) => not_ready(stuck),
    }
}

async fn order(
    State(Shown { house, guarded, .. }): State<Shown>,
    Path(verb): Path<String>,
    request: Request<Body>,
) -> Response {
    if let Err(why) = may_come_from_here(request.headers(), guarded) {
        return wrong(StatusCode::FORBIDDEN, why);
    }
    let Ok(body) = to_bytes(request.into_body(), CONSOLE_COMMAND_BYTES).await else {
        return wrong(StatusCode::PAYLOAD_TOO_LARGE, "the order is too long");
    };
    let asked: HealingRequest = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(error) => return wrong(StatusCode::BAD_REQUEST, &format!("not an order: {error}")),
    };
    let dry_run = asked.dry_run;
    let order = match asked.order(&verb) {
        Ok(order) => order,
        Err(Some(why)) => return wrong(StatusCode::BAD_REQUEST, &why),
        Err(None) => {
            let verbs = "exempt, cap, evict, quarantine, freeze, unfreeze";
            return wrong(StatusCode::NOT_FOUND, &format!("no such order; there are: {verbs}"));
        }
    };
    match intervene(&house, &order, dry_run).await {
        Ok(hits) => {
            let remark = order.remark(dry_run, hits.len());
            let rows = Hit::answer(&hits, CONSOLE_ROWS).json(&Hit::headings());
            reply(StatusCode::OK, &json!({ "done": !dry_run, "hits": rows, "remark": remark }))
        }
        Err(notice) => {
            let body = json!({ "error": notice.message, "hint": notice.hint });
            reply(StatusCode::CONFLICT, &body)
        }
    }
}

/// Whether a program may have sent this, rather than a web page that somebody on this machine
/// looks at.
fn may_come_from_here(headers: &HeaderMap, guarded: bool) -> Result<(), &'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = text(CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err("an order needs the header Content-Type: application/json");
    }
    // A token was checked before.
    if !guarded && !is_this_machine(text(HOST)) {
        return Err("without a token, orders are taken under the name of this machine only");
    }
    Ok(())
}

/// A `Host` that names the loopback: no name that somebody else can point here.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn wrong(status: StatusCode, why: &str) -> Response {
    let body: Value = json!({ "error": why });
    reply(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_the_loopback_are_this_machine() {
        for host in ["localhost", "localhost:8432", "127.0.0.1:80", "[::1]:8432", "127.8.8.8"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "evil.example:8432", "10.0.0.1:80", "localhost.evil.example", "[::2]:1"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
