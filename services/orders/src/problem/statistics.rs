//! `GET /orders/statistics` as the story had it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use weir_tower::tagged;

use crate::error::ApiError;
use crate::money::Money;
use crate::problem::{Shared, on_worker};

/// KEPT: every order since a fixed date with all columns of its user and product, sorted though
/// the order is never used; no limit on rows or time; nothing is cached.
const WIDE_JOIN: &str = "
SELECT o.id, o.user_id, o.product_id, o.quantity, o.status, o.created_at,
    u.id, u.email, u.name, u.city, u.created_at,
    p.id, p.sku, p.name, p.description, p.price,
    sum(i.price)::text AS total_amount, count(i.id) AS item_count
FROM orders o
    JOIN users u ON u.id = o.user_id
    JOIN products p ON p.id = o.product_id
    LEFT JOIN order_items i ON i.order_id = o.id
WHERE o.created_at >= '2024-01-01'
GROUP BY o.id, u.id, p.id
ORDER BY o.created_at DESC";

/// Rows between two pauses of the modelled interpreter.
const ROWS_PER_PAUSE: usize = 1_000;

#[derive(Debug, Default, Serialize)]
pub(super) struct UserTotals {
    total_orders: u64,
    total_amount: Money,
}

struct OrderRow {
    user_id: i64,
    total_amount: Money,
}

pub(super) async fn handle(
    State(shared): State<Shared>,
) -> Result<Json<BTreeMap<i64, UserTotals>>, ApiError> {
    let pause = Duration::from_micros(shared.settings.interpreter_us_per_row)
        .saturating_mul(u32::try_from(ROWS_PER_PAUSE).unwrap_or(u32::MAX));
    on_worker(shared.workers, async move |mut worker| {
        let fetched = fetch(worker.connection().await?).await;
        if fetched.is_err() {
            worker.discard().await;
        }
        // KEPT: the sums are made here, row by row, with the connection held all the while.
        Ok(Json(add_up(&fetched?, pause).await))
    })
    .await
}

/// Fetches all rows before the first is looked at, as a client-side cursor does. Only the columns
/// that are read are kept, to spare the machine that runs the replay.
async fn fetch(connection: &mut PgConnection) -> Result<Vec<OrderRow>, sqlx::Error> {
    let mut rows = sqlx::raw_sql(tagged(WIDE_JOIN)).fetch(connection);
    let mut orders = Vec::new();
    while let Some(row) = rows.try_next().await? {
        orders.push(read(&row)?);
    }
    Ok(orders)
}

fn read(row: &PgRow) -> Result<OrderRow, sqlx::Error> {
    let amount: Option<&str> = row.try_get("total_amount")?;
    let total_amount = amount
        .map_or(Ok(Money::default()), str::parse)
        .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    Ok(OrderRow { user_id: row.try_get("user_id")?, total_amount })
}

async fn add_up(orders: &[OrderRow], pause: Duration) -> BTreeMap<i64, UserTotals> {
    let mut statistics: BTreeMap<i64, UserTotals> = BTreeMap::new();
    for rows in orders.chunks(ROWS_PER_PAUSE) {
        for order in rows {
            let totals = statistics.entry(order.user_id).or_default();
            totals.total_orders += 1;
            totals.total_amount += order.total_amount;
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    statistics
}
