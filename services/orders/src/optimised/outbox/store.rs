//! The outbox table, as its workers use it. Each call is one statement; no transaction stays open.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgPool, Row};
use weir_tower::{OutsideCalls, RequestContext, Stats, tagged};

use super::pause::pause;
use crate::notify::Answer;
use crate::settings::Settings;

/// A notification that is ours until the lease ends.
#[derive(Debug)]
pub(super) struct Claimed {
    id: i64,
    pub(super) key: String,
    pub(super) payload: String,
    attempts: i32,
}

#[derive(Clone)]
pub(super) struct Store {
    pool: PgPool,
    context: RequestContext,
    limits: Arc<Settings>,
}

const CLAIM: &str = "
UPDATE outbox SET attempts = attempts + 1, next_at = now() + $2 * interval '1 millisecond'
WHERE id = ANY (ARRAY(
    SELECT id FROM outbox WHERE state = 'waiting' AND next_at <= now()
    ORDER BY next_at LIMIT $1 FOR UPDATE SKIP LOCKED
))
RETURNING id, delivery_key, payload::text, attempts";

// Each changes the row only while it is the caller's: a lease that ended gave it to another, whose
// attempt has a higher number.
const DELIVERED: &str = "
UPDATE outbox SET state = 'delivered', done_at = now(), last_error = NULL
WHERE id = $1 AND attempts = $2 AND state = 'waiting'";
const AGAIN: &str = "
UPDATE outbox SET next_at = now() + $4 * interval '1 millisecond', last_error = $3
WHERE id = $1 AND attempts = $2 AND state = 'waiting'";
const DEAD: &str = "
UPDATE outbox SET state = 'dead', done_at = now(), last_error = $3
WHERE id = $1 AND attempts = $2 AND state = 'waiting'";

impl Store {
    pub(super) fn new(pool: PgPool, settings: &Arc<Settings>) -> Self {
        let stats = Arc::<Stats>::default();
        let context = RequestContext::new("outbox", OutsideCalls::Refuse, stats);
        Self { pool, context, limits: settings.clone() }
    }

    /// Claims at most `room` notifications that are due.
    pub(super) async fn claim(&self, room: usize) -> Result<Vec<Claimed>, sqlx::Error> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let statement = async {
            sqlx::query(tagged(CLAIM))
                .bind(i64::try_from(room).unwrap_or(i64::MAX))
                .bind(whole_ms(Duration::from_millis(self.limits.outbox_lease_ms)))
                .fetch_all(&self.pool)
                .await
        };
        let rows = self.context.scope(statement).await?;
        let claimed = |row: &sqlx::postgres::PgRow| {
            Ok(Claimed {
                id: row.try_get(0)?,
                key: row.try_get(1)?,
                payload: row.try_get(2)?,
                attempts: row.try_get(3)?,
            })
        };
        rows.iter().map(claimed).collect()
    }

    /// Writes down what became of a call.
    pub(super) async fn settle(
        &self,
        claimed: &Claimed,
        answer: &Answer,
    ) -> Result<(), sqlx::Error> {
        let limits = &self.limits;
        let last = u32::try_from(claimed.attempts).unwrap_or(0) >= limits.outbox_attempts_max;
        let statement = async {
            match answer {
                Answer::Taken => {
                    sqlx::query(tagged(DELIVERED)).bind(claimed.id).bind(claimed.attempts)
                }
                Answer::TryAgain(why) if !last => sqlx::query(tagged(AGAIN))
                    .bind(claimed.id)
                    .bind(claimed.attempts)
                    .bind(why)
                    .bind(whole_ms(self.pause_after(claimed.attempts))),
                Answer::TryAgain(why) | Answer::Refused(why) => {
                    tracing::error!(key = claimed.key, why, "a notification is dead");
                    sqlx::query(tagged(DEAD)).bind(claimed.id).bind(claimed.attempts).bind(why)
                }
            }
            .execute(&self.pool)
            .await
        };
        self.context.scope(statement).await?;
        Ok(())
    }

    fn pause_after(&self, failures: i32) -> Duration {
        let first = Duration::from_millis(self.limits.outbox_pause_min_ms);
        let longest = Duration::from_millis(self.limits.outbox_pause_max_ms);
        pause(first, longest, u32::try_from(failures).unwrap_or(0), fastrand::f64())
    }
}

fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
