//! `POST /orders/bulk`, optimised: a true result for each item, in batches, repeatable.
//!
//! 200 when every item was done, 207 when some were, 422 when none could be; in each case the body
//! has one result for each item, with a status code of its own. 503 when the database gave out in
//! the middle: the results say which items are done, and the same request with the same
//! `Idempotency-Key` does the rest.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::body;
use crate::error::{ApiError, is_passing, retry_after};
use crate::optimised::{Shared, bump_version};

mod batch;
mod outcome;
mod parse;

use batch::{Batch, Claim};
use outcome::Outcome;
use parse::Item;

/// Bytes of an idempotency key.
const KEY_BYTES_MAX: usize = 128;

pub(super) async fn handle(
    State(shared): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let given = idempotency_key(&headers)?;
    let settings = &shared.settings;
    let bytes = body::read(body, settings).await?;
    let read = parse::items(&bytes, settings)?;
    let key = given.unwrap_or_else(crate::request_id::new_id);
    let claim = Claim { key, body_hash: parse::fingerprint(&bytes) };
    let outcomes = process(&shared, &claim, read).await?;
    Ok(answer(&claim.key, &outcomes))
}

/// Puts the items through in batches. Items refused while reading never come near a batch.
async fn process(
    shared: &Shared,
    claim: &Claim,
    read: Vec<Result<Item, Outcome>>,
) -> Result<Vec<Outcome>, ApiError> {
    let mut outcomes: Vec<Option<Outcome>> = vec![None; read.len()];
    let mut items = Vec::with_capacity(read.len());
    for (index, item) in read.into_iter().enumerate() {
        match item {
            Ok(item) => items.push(item),
            Err(refused) => outcomes[index] = Some(refused),
        }
    }
    for (number, items) in items.chunks(shared.settings.bulk_batch).enumerate() {
        let batch = Batch { number, items };
        let done = match batch.run(shared, claim).await {
            Ok(done) => done,
            // What is committed is committed: the rest is told apart, not thrown away.
            Err(batch::Failed::Database(error)) if is_passing(&error) || number > 0 => {
                tracing::error!(%error, number, "a batch failed");
                break;
            }
            Err(failed) => return Err(failed.into()),
        };
        for (item, outcome) in items.iter().zip(done) {
            outcomes[item.index] = Some(outcome);
        }
    }
    let outcomes: Vec<_> =
        outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(Outcome::not_done)).collect();
    if outcomes.iter().any(Outcome::is_done) {
        announce(shared).await;
    }
    Ok(outcomes)
}

/// After the commit: wakes the notification workers, and makes the statistics stale. Neither is
/// needed for the request to be right, so a failure is only logged.
async fn announce(shared: &Shared) {
    shared.outbox_filled.notify_waiters();
    let bumped = async {
        let mut held = shared.connection().await?;
        let version = match held.borrow() {
            Ok(mut connection) => bump_version(&mut connection).await?,
            Err(_) => return Ok(()),
        };
        shared.learn_version(version);
        Ok::<_, sqlx::Error>(())
    };
    if let Err(error) = bumped.await {
        tracing::warn!(%error, "cannot tell that orders changed; statistics are stale until they age");
    }
}

fn answer(key: &str, outcomes: &[Outcome]) -> Response {
    let count = |which: fn(&Outcome) -> bool| outcomes.iter().filter(|o| which(o)).count();
    let (done, not_done) = (count(Outcome::is_done), count(Outcome::is_not_done));
    let status = if not_done > 0 {
        StatusCode::SERVICE_UNAVAILABLE
    } else if done == outcomes.len() {
        StatusCode::OK
    } else if done > 0 {
        StatusCode::MULTI_STATUS
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let items: Vec<Value> =
        outcomes.iter().enumerate().map(|(index, outcome)| outcome.shown(index)).collect();
    let body = json!({
        "idempotency_key": key,
        "done": done,
        "refused": outcomes.len() - done - not_done,
        "not_done": not_done,
        "items": items,
    });
    (status, retry_after(status), Json(body)).into_response()
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    let fits = !key.is_empty() && key.len() <= KEY_BYTES_MAX;
    if fits && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(key.to_owned()));
    }
    let message = format!("Idempotency-Key must be 1 to {KEY_BYTES_MAX} visible ASCII characters");
    Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_idempotency_key", message))
}
