//! `GET /orders/statistics`, optimised.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sqlx::Row;
use sqlx::postgres::PgRow;
use weir_tower::tagged;

use crate::error::ApiError;
use crate::money::Money;
use crate::optimised::cache::{Cache, Made};
use crate::optimised::{Shared, commit};

/// Items are added up for each order before orders are added up for each user, so an order of
/// three items counts once. The second key makes the order stable.
const TOTALS: &str = "
SELECT o.user_id, count(*) AS total_orders, coalesce(sum(i.amount), 0)::text AS total_amount
FROM orders o
    LEFT JOIN (SELECT order_id, sum(price) AS amount FROM order_items GROUP BY order_id) i
        ON i.order_id = o.id
WHERE o.created_at >= $1::text::timestamptz
GROUP BY o.user_id
ORDER BY coalesce(sum(i.amount), 0) DESC, o.user_id
LIMIT $2";

/// The cached statistics.
pub(crate) struct Statistics(Arc<Cache<Report, ApiError>>);

#[derive(Debug, Serialize)]
struct Report {
    since: String,
    /// The server's clock when the snapshot was taken.
    as_of: String,
    /// Whether there are more users than are listed.
    truncated: bool,
    users: Vec<UserTotals>,
}

#[derive(Debug, Serialize)]
struct UserTotals {
    user_id: i64,
    total_orders: i64,
    total_amount: Money,
}

impl Statistics {
    pub(crate) fn new(fresh: Duration, pause: Duration) -> Self {
        Self(Arc::new(Cache::new(fresh, pause)))
    }
}

pub(super) async fn handle(
    State(shared): State<Shared>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    authorise(&shared.settings.report_token, &headers)?;
    let version = shared.orders_version.load(Ordering::SeqCst);
    let cache = shared.statistics.0.clone();
    let computation = shared.clone();
    let made = cache.get(version, move || in_context(compute(computation))).await?;
    Ok(answer(&made))
}

/// Computes once before anybody asks: a start with an empty cache would make the first callers wait
/// together. A failure is left to them.
pub(crate) async fn warm(shared: Shared) {
    let version = shared.orders_version.load(Ordering::SeqCst);
    let cache = shared.statistics.0.clone();
    let made = cache.get(version, move || in_context(compute(shared))).await;
    if let Err(error) = made {
        tracing::warn!(message = error.message(), "cannot compute statistics at the start");
    }
}

fn answer(made: &Made<Report>) -> Response {
    let serial = [("x-computation", made.serial.to_string())];
    (serial, Json(&made.value)).into_response()
}

/// The computation is a task of its own; its statements still carry this route.
fn in_context<F>(computation: F) -> impl Future<Output = F::Output> + Send + 'static
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    // A context of its own: the request may end before the computation does.
    let context = weir_tower::RequestContext::new(
        "GET /orders/statistics",
        weir_tower::OutsideCalls::Refuse,
        Arc::default(),
    );
    async move { context.scope(computation).await }
}

async fn compute(shared: Shared) -> Result<Report, ApiError> {
    let settings = &shared.settings;
    let limit = settings.statistics_users_max;
    let mut held = shared.begin().await?;
    let (as_of, rows) = {
        let mut transaction = held.borrow()?;
        // Two hash tables of some 300,000 groups; with the default they would go to disk.
        sqlx::query(tagged("SET LOCAL work_mem = '64MB'")).execute(&mut **transaction).await?;
        let as_of: String =
            sqlx::query_scalar(tagged("SELECT now()::text")).fetch_one(&mut **transaction).await?;
        let rows = sqlx::query(tagged(TOTALS))
            .bind(&settings.statistics_since)
            .bind(limit.saturating_add(1))
            .fetch_all(&mut **transaction)
            .await?;
        (as_of, rows)
    };
    commit(held).await?;
    let mut users = rows.iter().map(UserTotals::read).collect::<Result<Vec<_>, _>>()?;
    let listed = usize::try_from(limit).unwrap_or(0);
    let truncated = users.len() > listed;
    users.truncate(listed);
    Ok(Report { since: settings.statistics_since.clone(), as_of, truncated, users })
}

impl UserTotals {
    fn read(row: &PgRow) -> Result<Self, sqlx::Error> {
        let amount: &str = row.try_get("total_amount")?;
        Ok(Self {
            user_id: row.try_get("user_id")?,
            total_orders: row.try_get("total_orders")?,
            total_amount: amount.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        })
    }
}

fn authorise(token: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    if token.is_empty() || given.is_some_and(|given| same(given.as_bytes(), token.as_bytes())) {
        return Ok(());
    }
    let message = "the statistics need `Authorization: Bearer` with the report token";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "unauthorised", message))
}

/// Compares in a time that depends on the lengths only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |seen, (x, y)| seen | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_asked_for_where_there_is_one() {
        let mut headers = HeaderMap::new();
        assert!(authorise("", &headers).is_ok());
        assert_eq!(authorise("t", &headers).unwrap_err().status(), StatusCode::UNAUTHORIZED);
        headers.insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
        assert!(authorise("t", &headers).is_err());
        headers.insert(header::AUTHORIZATION, "Bearer t".parse().unwrap());
        assert!(authorise("t", &headers).is_ok());
    }
}
