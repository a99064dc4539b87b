//! Rows that have served their time are deleted, a bounded number at a time.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use tokio::sync::watch;

use crate::settings::Settings;

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// Rows of one statement, so that none runs long.
const ROWS_MAX: i64 = 5_000;

const STATEMENTS: [&str; 2] = [
    "DELETE FROM bulk_batches WHERE (key, batch) IN (
        SELECT key, batch FROM bulk_batches
        WHERE created_at < now() - $1 * interval '1 hour' LIMIT $2)",
    "DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox
        WHERE state = 'delivered' AND done_at < now() - $1 * interval '1 hour' LIMIT $2)",
];

/// Tidies until `stop` turns true.
pub(crate) async fn run(pool: PgPool, settings: Arc<Settings>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.changed() => return,
        }
        for statement in STATEMENTS {
            tidy(&pool, statement, settings.idempotency_keep_h).await;
        }
    }
}

async fn tidy(pool: &PgPool, statement: &'static str, keep_h: u32) {
    loop {
        let done =
            sqlx::query(statement).bind(i64::from(keep_h)).bind(ROWS_MAX).execute(pool).await;
        match done {
            Ok(done) if done.rows_affected() < ROWS_MAX.unsigned_abs() => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot delete old rows; trying again later");
                return;
            }
        }
    }
}
