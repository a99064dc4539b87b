//! The innocent routes over the pool.

use axum::Json;
use axum::extract::{Path, State};
use weir_tower::tagged;

use crate::catalogue::{OrderView, ProductView};
use crate::error::ApiError;
use crate::optimised::Shared;

pub(super) async fn product(
    State(shared): State<Shared>,
    Path(id): Path<i64>,
) -> Result<Json<ProductView>, ApiError> {
    let mut held = shared.connection().await?;
    let sql = tagged("SELECT id, name, price::text AS price FROM products WHERE id = $1");
    let found = sqlx::query(sql).bind(id).fetch_optional(&mut **held.borrow()?).await?;
    let row = found.ok_or_else(|| ApiError::not_found("product", id))?;
    Ok(Json(ProductView::read(&row)?))
}

pub(super) async fn users_orders(
    State(shared): State<Shared>,
    Path(id): Path<i64>,
) -> Result<Json<Vec<OrderView>>, ApiError> {
    let mut held = shared.connection().await?;
    let sql = tagged(
        "SELECT id, product_id, quantity, status FROM orders WHERE user_id = $1
         ORDER BY created_at DESC, id DESC LIMIT 20",
    );
    let rows = sqlx::query(sql).bind(id).fetch_all(&mut **held.borrow()?).await?;
    Ok(Json(rows.iter().map(OrderView::read).collect::<Result<_, sqlx::Error>>()?))
}
