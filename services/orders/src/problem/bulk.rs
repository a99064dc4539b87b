//! `POST /orders/bulk` as the story had it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use weir_tower::{Checkout, Holds, outside_call, tag};

use crate::error::ApiError;
use crate::notify::{Answer, Notifier};
use crate::problem::{Shared, Worker, on_worker};

/// One order of the list. The quantity is 1 where it is not given: the story's code had no such
/// field and counted one.
#[derive(Debug, Deserialize)]
pub(super) struct OrderData {
    user_id: i64,
    product_id: i64,
    #[serde(default = "one")]
    quantity: i64,
    #[serde(default, rename = "ref")]
    reference: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Processed {
    processed: usize,
}

fn one() -> i64 {
    1
}

/// KEPT: the length of the list is not bounded, and the answer says nothing of the single items.
pub(super) async fn handle(
    State(shared): State<Shared>,
    Json(orders): Json<Vec<OrderData>>,
) -> Result<Json<Processed>, ApiError> {
    let Shared { workers, notifier, .. } = shared;
    on_worker(workers, async move |mut worker| {
        let done = process(&mut worker, &notifier, &orders).await;
        if done.is_err() {
            // The end of `atomic()` on an error.
            roll_back(&mut worker).await;
        }
        done.map(|()| Json(Processed { processed: orders.len() }))
    })
    .await
}

/// KEPT: one transaction for the whole list, however long. One bad order undoes all of them, though
/// the customers of those before it have been told.
async fn process(
    worker: &mut Worker,
    notifier: &Notifier,
    orders: &[OrderData],
) -> Result<(), ApiError> {
    let connection = worker.connection().await?;
    run(connection, "BEGIN").await?;
    let _held = Checkout::new((), Holds::Transaction);
    for order in orders {
        let email = process_one(connection, order).await?;
        // KEPT: the call to another company's service is made inside the transaction, with the
        // rows of all items so far locked, and before the commit that would make it true.
        send_notification(notifier, &email, order).await?;
    }
    run(connection, "COMMIT").await
}

/// KEPT: several statements for each item.
async fn process_one(connection: &mut PgConnection, order: &OrderData) -> Result<String, ApiError> {
    let OrderData { user_id, product_id, quantity, .. } = order;
    // Bound by the client, as the story's driver does; all four are integers, so nothing can be
    // smuggled in.
    let user = format!("SELECT id, email, name, city, created_at FROM users WHERE id = {user_id}");
    let found = sqlx::raw_sql(AssertSqlSafe(tag(&user))).fetch_optional(&mut *connection).await?;
    let email: String = match found {
        Some(row) => row.try_get("email")?,
        // KEPT: an unknown user aborts the whole list.
        None => return Err(does_not_exist("User")),
    };
    let pending =
        format!("user_id = {user_id} AND product_id = {product_id} AND status = 'pending'");
    // KEPT: look, then write. Two requests can both see nothing and both create.
    let exists = format!("SELECT 1 AS a FROM orders WHERE {pending} LIMIT 1");
    let exists =
        sqlx::raw_sql(AssertSqlSafe(tag(&exists))).fetch_optional(&mut *connection).await?;
    let write = if exists.is_some() {
        format!("UPDATE orders SET quantity = quantity + {quantity} WHERE {pending} RETURNING id")
    } else {
        format!(
            "INSERT INTO orders (user_id, product_id, quantity, status) \
             VALUES ({user_id}, {product_id}, {quantity}, 'pending') RETURNING id"
        )
    };
    let row = sqlx::raw_sql(AssertSqlSafe(tag(&write))).fetch_one(&mut *connection).await?;
    let order_id: i64 = row.try_get("id")?;
    let line = format!(
        "INSERT INTO order_items (order_id, product_id, quantity, price) \
         SELECT {order_id}, id, {quantity}, price * {quantity} FROM products WHERE id = {product_id}"
    );
    run(connection, &line).await?;
    Ok(email)
}

async fn send_notification(
    notifier: &Notifier,
    email: &str,
    order: &OrderData,
) -> Result<(), ApiError> {
    // In warn mode this says so in the log, and lets it happen.
    outside_call("notification receiver").map_err(|refused| failed(refused.to_string()))?;
    let payload = json!({ "email": email, "ref": order.reference });
    match notifier.post(payload.to_string(), None).await {
        // KEPT: the status is not looked at.
        Answer::Taken | Answer::Refused(_) => Ok(()),
        Answer::TryAgain(why) if why.starts_with("receiver answered") => Ok(()),
        Answer::TryAgain(why) => Err(failed(why)),
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), ApiError> {
    sqlx::raw_sql(AssertSqlSafe(tag(sql))).execute(connection).await?;
    Ok(())
}

async fn roll_back(worker: &mut Worker) {
    let rolled_back = match worker.connection().await {
        Ok(connection) => run(connection, "ROLLBACK").await.is_ok(),
        Err(_) => true,
    };
    if !rolled_back {
        worker.discard().await;
    }
}

fn does_not_exist(what: &str) -> ApiError {
    failed(format!("{what} matching query does not exist."))
}

fn failed(message: String) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", message)
}
