//! One batch: one short transaction, one statement for all its items.

use axum::http::StatusCode;
use sqlx::{PgConnection, Row};
use weir_tower::tagged;

use super::outcome::Outcome;
use super::parse::Item;
use crate::error::ApiError;
use crate::optimised::{Shared, commit};

/// What makes a repeat of a request known as one.
pub(super) struct Claim {
    pub(super) key: String,
    pub(super) body_hash: String,
}

/// Some items of a request.
pub(super) struct Batch<'a> {
    pub(super) number: usize,
    pub(super) items: &'a [Item],
}

/// Why a batch was not done.
pub(super) enum Failed {
    /// The key was used for another body.
    OtherBody,
    /// The database.
    Database(sqlx::Error),
    /// Anything else, already as the client is to see it.
    Answer(ApiError),
}

/// Taken before any work: a second request with the key waits here for the first to commit, and
/// then finds its results.
const CLAIM: &str = "
INSERT INTO bulk_batches (key, batch, body_hash) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const EARLIER: &str = "SELECT body_hash, results FROM bulk_batches WHERE key = $1 AND batch = $2";
const REMEMBER: &str = "UPDATE bulk_batches SET results = $3 WHERE key = $1 AND batch = $2";

/// The whole batch. Items of one user and product are added up first, for an upsert may touch a
/// row once; they are written in order of their keys, so that two batches cannot wait for each
/// other. The unique index of pending orders makes the merge safe: whoever comes second waits for
/// the first, and adds to what it wrote.
const WRITE: &str = "
WITH input AS (
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int8[], $5::text[])
        AS t (item, user_id, product_id, quantity, ref)
), known AS MATERIALIZED (
    SELECT i.*, u.email, p.price
    FROM input i
        JOIN users u ON u.id = i.user_id
        JOIN products p ON p.id = i.product_id
    FOR KEY SHARE OF u, p
), written AS (
    INSERT INTO orders AS o (user_id, product_id, quantity, status)
    SELECT user_id, product_id, sum(quantity)::int8, 'pending' FROM known
    GROUP BY user_id, product_id ORDER BY user_id, product_id
    ON CONFLICT (user_id, product_id) WHERE status = 'pending'
    DO UPDATE SET quantity = o.quantity + EXCLUDED.quantity
    RETURNING o.id, o.user_id, o.product_id, o.xmax = 0 AS is_new
), lines AS (
    INSERT INTO order_items (order_id, product_id, quantity, price)
    SELECT w.id, k.product_id, k.quantity, k.price * k.quantity
    FROM known k JOIN written w USING (user_id, product_id)
), notifications AS (
    INSERT INTO outbox (delivery_key, payload)
    SELECT $6 || ':' || k.item, jsonb_build_object(
        'version', 1, 'email', k.email, 'ref', coalesce(k.ref, $6 || ':' || k.item))
    FROM known k
)
SELECT i.item, i.user_id, i.product_id, w.id AS order_id, p.id IS NOT NULL AS has_product,
    u.id IS NOT NULL AS has_user,
    w.is_new AND row_number() OVER (PARTITION BY w.id ORDER BY i.item) = 1 AS is_new
FROM input i
    LEFT JOIN written w ON w.user_id = i.user_id AND w.product_id = i.product_id
    LEFT JOIN users u ON u.id = i.user_id
    LEFT JOIN products p ON p.id = i.product_id
ORDER BY i.item";

impl Batch<'_> {
    /// Does the batch, or answers what it answered when it was done before.
    pub(super) async fn run(&self, shared: &Shared, claim: &Claim) -> Result<Vec<Outcome>, Failed> {
        let mut held = shared.begin().await?;
        let outcomes = {
            let mut transaction = held.borrow().map_err(|taken| Failed::Answer(taken.into()))?;
            if self.claim(&mut transaction, claim).await? {
                let outcomes = self.write(&mut transaction, &claim.key).await?;
                self.remember(&mut transaction, claim, &outcomes).await?;
                outcomes
            } else {
                self.earlier(&mut transaction, claim).await?
            }
        };
        commit(held).await.map_err(Failed::Answer)?;
        Ok(outcomes)
    }

    async fn claim(&self, connection: &mut PgConnection, claim: &Claim) -> Result<bool, Failed> {
        let claimed = sqlx::query(tagged(CLAIM))
            .bind(&claim.key)
            .bind(self.number())
            .bind(&claim.body_hash)
            .execute(connection)
            .await?;
        Ok(claimed.rows_affected() == 1)
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        key: &str,
    ) -> Result<Vec<Outcome>, sqlx::Error> {
        let column = |of: fn(&Item) -> i64| self.items.iter().map(of).collect::<Vec<_>>();
        let index = |item: &Item| i64::try_from(item.index).unwrap_or(i64::MAX);
        let references: Vec<_> = self.items.iter().map(|item| item.reference.clone()).collect();
        let rows = sqlx::query(tagged(WRITE))
            .bind(column(index))
            .bind(column(|item| item.user_id))
            .bind(column(|item| item.product_id))
            .bind(column(|item| item.quantity))
            .bind(references)
            .bind(key)
            .fetch_all(connection)
            .await?;
        rows.iter().map(outcome).collect()
    }

    async fn remember(
        &self,
        connection: &mut PgConnection,
        claim: &Claim,
        outcomes: &[Outcome],
    ) -> Result<(), sqlx::Error> {
        sqlx::query(tagged(REMEMBER))
            .bind(&claim.key)
            .bind(self.number())
            .bind(sqlx::types::Json(outcomes))
            .execute(connection)
            .await?;
        Ok(())
    }

    async fn earlier(
        &self,
        connection: &mut PgConnection,
        claim: &Claim,
    ) -> Result<Vec<Outcome>, Failed> {
        let row = sqlx::query(tagged(EARLIER))
            .bind(&claim.key)
            .bind(self.number())
            .fetch_one(connection)
            .await?;
        let hash: String = row.try_get("body_hash")?;
        if hash != claim.body_hash {
            return Err(Failed::OtherBody);
        }
        let results: sqlx::types::Json<Vec<Outcome>> = row.try_get("results")?;
        Ok(results.0)
    }

    fn number(&self) -> i32 {
        i32::try_from(self.number).unwrap_or(i32::MAX)
    }
}

fn outcome(row: &sqlx::postgres::PgRow) -> Result<Outcome, sqlx::Error> {
    let order_id: Option<i64> = row.try_get("order_id")?;
    let is_new: Option<bool> = row.try_get("is_new")?;
    Ok(match order_id {
        Some(order_id) if is_new == Some(true) => Outcome::Created { order_id },
        Some(order_id) => Outcome::Merged { order_id },
        // Also when both are missing: the user comes first.
        None if !row.try_get::<bool, _>("has_product")? && row.try_get("has_user")? => {
            Outcome::unknown_product(row.try_get("product_id")?)
        }
        None => Outcome::unknown_user(row.try_get("user_id")?),
    })
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failed> for ApiError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Database(error) => error.into(),
            Failed::Answer(answer) => answer,
            Failed::OtherBody => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "key_reused",
                "this Idempotency-Key was used for another body; take a new one",
            ),
        }
    }
}
