//! The innocent routes: they did nothing wrong, and fell with the rest.

use axum::Json;
use axum::extract::{Path, State};
use sqlx::AssertSqlSafe;
use weir_tower::tag;

use crate::catalogue::{OrderView, ProductView};
use crate::error::ApiError;
use crate::problem::{Shared, on_worker};

pub(super) async fn product(
    State(shared): State<Shared>,
    Path(id): Path<i64>,
) -> Result<Json<ProductView>, ApiError> {
    on_worker(shared.workers, async move |mut worker| {
        let sql = format!("SELECT id, name, price::text AS price FROM products WHERE id = {id}");
        let connection = worker.connection().await?;
        let found = sqlx::raw_sql(AssertSqlSafe(tag(&sql))).fetch_optional(connection).await;
        if found.is_err() {
            worker.discard().await;
        }
        let row = found?.ok_or_else(|| ApiError::not_found("product", id))?;
        Ok(Json(ProductView::read(&row)?))
    })
    .await
}

pub(super) async fn users_orders(
    State(shared): State<Shared>,
    Path(id): Path<i64>,
) -> Result<Json<Vec<OrderView>>, ApiError> {
    on_worker(shared.workers, async move |mut worker| {
        let sql = format!(
            "SELECT id, product_id, quantity, status FROM orders WHERE user_id = {id} \
             ORDER BY created_at DESC, id DESC LIMIT 20"
        );
        let connection = worker.connection().await?;
        let fetched = sqlx::raw_sql(AssertSqlSafe(tag(&sql))).fetch_all(connection).await;
        if fetched.is_err() {
            worker.discard().await;
        }
        Ok(Json(fetched?.iter().map(OrderView::read).collect::<Result<_, sqlx::Error>>()?))
    })
    .await
}
