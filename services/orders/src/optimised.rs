//! The endpoints in their right form.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use sqlx::postgres::PgConnection;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::Notify;
use weir_tower::{Checkout, Holds, tagged};

use crate::database;
use crate::error::ApiError;
use crate::settings::Settings;

mod bulk;
mod cache;
mod catalogue;
pub(crate) mod outbox;
pub(crate) mod statistics;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) pool: PgPool,
    pub(crate) settings: Arc<Settings>,
    /// Tells the notification workers that there is something to send.
    pub(crate) outbox_filled: Arc<Notify>,
    /// Keeps them from a receiver that is down.
    pub(crate) breaker: Arc<outbox::Breaker>,
    /// How often orders have changed, as far as this process knows.
    pub(crate) orders_version: Arc<AtomicU64>,
    statistics: Arc<statistics::Statistics>,
}

impl Shared {
    pub(crate) fn new(settings: Arc<Settings>) -> anyhow::Result<Self> {
        let pool = database::pool(&settings, settings.pool_connections)?;
        let fresh = Duration::from_secs(settings.statistics_fresh_s);
        let pause = Duration::from_millis(settings.statistics_pause_ms);
        Ok(Self {
            pool,
            outbox_filled: Arc::default(),
            breaker: Arc::new(outbox::Breaker::new(&settings)),
            orders_version: Arc::default(),
            statistics: Arc::new(statistics::Statistics::new(fresh, pause)),
            settings,
        })
    }

    /// A transaction that belongs to the request.
    async fn begin(&self) -> Result<Checkout<Transaction<'static, Postgres>>, sqlx::Error> {
        let transaction = self.pool.begin_with(tagged("BEGIN")).await?;
        Ok(Checkout::new(transaction, Holds::Transaction))
    }

    /// A connection that belongs to the request, for one statement.
    async fn connection(
        &self,
    ) -> Result<Checkout<sqlx::pool::PoolConnection<Postgres>>, sqlx::Error> {
        Ok(Checkout::new(self.pool.acquire().await?, Holds::Connection))
    }

    /// Learns a version; an older one changes nothing.
    pub(crate) fn learn_version(&self, version: u64) {
        self.orders_version.fetch_max(version, Ordering::SeqCst);
    }
}

/// The routes of the optimised version.
pub(crate) fn router(shared: Shared) -> Router {
    Router::new()
        .route("/orders/statistics", get(statistics::handle))
        .route("/orders/bulk", post(bulk::handle))
        .route("/products/{id}", get(catalogue::product))
        .route("/users/{id}/orders", get(catalogue::users_orders))
        .route("/notifications/dead", get(outbox::list_dead))
        .with_state(shared)
}

/// Commits, and lets the connection go.
async fn commit(held: Checkout<Transaction<'static, Postgres>>) -> Result<(), ApiError> {
    Ok(held.finish(Transaction::commit).await??)
}

/// Tells everybody that orders changed. Called after the commit: a reader that sees the new
/// version sees the new orders too. A crash in between is bounded by the cache's age limit.
async fn bump_version(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let next: i64 = sqlx::query_scalar(tagged("SELECT nextval('orders_version')"))
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(next).unwrap_or(0))
}
