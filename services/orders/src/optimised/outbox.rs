//! Notifications: written with the orders, sent outside any transaction.
//!
//! A row is *claimed* for `outbox_lease_ms` in a statement of its own, the call is made with no
//! connection held, then the row is marked. A worker killed in between loses nothing: the lease
//! ends and another sends it again, under the same delivery key, so a receiver that honours keys
//! drops the repeat. A breaker leaves a receiver alone that is down.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use sqlx::{PgPool, Row};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use weir_tower::tagged;

use crate::error::ApiError;
use crate::notify::{Answer, Notifier};
use crate::optimised::Shared;

mod breaker;
mod pause;
mod store;

pub(crate) use breaker::{Breaker, WINDOW_MAX};
use store::{Claimed, Store};

/// Rows of a listing of dead notifications.
const DEAD_LISTED_MAX: i64 = 100;

/// Starts the workers. They end, their calls under way finished, once `stop` turns true.
pub(crate) fn start(
    pool: &PgPool,
    shared: &Shared,
    notifier: &Notifier,
    stop: &watch::Receiver<bool>,
) -> JoinSet<()> {
    let settings = &shared.settings;
    let mut workers = JoinSet::new();
    for number in 0..settings.outbox_workers {
        let worker = Worker {
            number,
            post: Post {
                store: Store::new(pool.clone(), settings),
                notifier: notifier.clone(),
                breaker: shared.breaker.clone(),
            },
            in_flight_max: settings.outbox_in_flight as usize,
            poll: Duration::from_millis(settings.outbox_poll_ms),
            filled: shared.outbox_filled.clone(),
        };
        workers.spawn(worker.run(stop.clone()));
    }
    workers
}

struct Worker {
    number: u32,
    post: Post,
    in_flight_max: usize,
    poll: Duration,
    filled: Arc<Notify>,
}

impl Worker {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut calls: JoinSet<()> = JoinSet::new();
        while !*stop.borrow() {
            let room = self.in_flight_max - calls.len();
            let leave = self.post.breaker.leave(room, Instant::now());
            let claimed = self.claim(leave.calls).await;
            if claimed.is_empty() {
                self.post.breaker.give_back(leave, Instant::now());
            }
            let full = claimed.len() == room;
            for notification in claimed {
                calls.spawn(self.post.clone().send(notification, leave.is_trial));
            }
            tokio::select! {
                // With room left nothing was waiting, or the breaker is open: wait to be told, or
                // for the next look.
                () = self.filled.notified(), if !full => {}
                () = tokio::time::sleep(self.poll), if !full => {}
                // Without, the end of a call makes room.
                Some(_) = calls.join_next() => while calls.try_join_next().is_some() {},
                _ = stop.changed() => {}
            }
        }
        while calls.join_next().await.is_some() {}
    }

    async fn claim(&self, room: usize) -> Vec<Claimed> {
        match self.post.store.claim(room).await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(worker = self.number, %error, "cannot look for notifications");
                tokio::time::sleep(self.poll).await;
                Vec::new()
            }
        }
    }
}

/// What a call needs.
#[derive(Clone)]
struct Post {
    store: Store,
    notifier: Notifier,
    breaker: Arc<Breaker>,
}

impl Post {
    /// Makes one call and writes down what became of it. If that cannot be written, the lease ends
    /// and the call is made again.
    async fn send(self, notification: Claimed, is_trial: bool) {
        let payload = notification.payload.clone();
        let answer = self.notifier.post(payload, Some(&notification.key)).await;
        let failed = matches!(answer, Answer::TryAgain(_));
        self.breaker.learn(is_trial, failed, Instant::now(), fastrand::f64());
        if let Err(error) = self.store.settle(&notification, &answer).await {
            tracing::warn!(key = notification.key, %error, "cannot mark a notification");
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Dead {
    delivery_key: String,
    attempts: i32,
    last_error: Option<String>,
}

/// `GET /notifications/dead`: the newest that were given up.
pub(super) async fn list_dead(State(shared): State<Shared>) -> Result<Json<Vec<Dead>>, ApiError> {
    let mut held = shared.connection().await?;
    let sql = tagged(
        "SELECT delivery_key, attempts, last_error FROM outbox WHERE state = 'dead'
         ORDER BY id DESC LIMIT $1",
    );
    let rows = sqlx::query(sql).bind(DEAD_LISTED_MAX).fetch_all(&mut **held.borrow()?).await?;
    let dead = |row: &sqlx::postgres::PgRow| {
        Ok(Dead {
            delivery_key: row.try_get(0)?,
            attempts: row.try_get(1)?,
            last_error: row.try_get(2)?,
        })
    };
    Ok(Json(rows.iter().map(dead).collect::<Result<_, sqlx::Error>>()?))
}
