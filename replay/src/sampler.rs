//! What the server looks like, four times a second, over one superuser connection that was opened
//! before the trouble and is held: it sees when nobody else can connect.

use std::time::Duration;

use serde::Serialize;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(250);

/// The application name of the replay's own connections, which are not counted.
pub const OUR_NAME: &str = "replay";

/// One look. Counts are client backends of the whole server, ours left out.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// From the start of the run.
    pub at_s: f64,
    /// All connections.
    pub connections: i64,
    /// Running a statement.
    pub active: i64,
    /// In a transaction, and idle.
    pub idle_in_transaction: i64,
    /// Waiting for a lock.
    pub waiting_for_lock: i64,
    /// Statements that run, or transactions that idle, for longer than the run's limit.
    pub long: i64,
}

/// A sampler at work.
pub struct Sampler {
    stop: watch::Sender<bool>,
    task: JoinHandle<Vec<Sample>>,
}

const LOOK: &str = "
SELECT count(*) AS connections,
    count(*) FILTER (WHERE state = 'active') AS active,
    count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
    count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_lock,
    count(*) FILTER (WHERE CASE
        WHEN state = 'active' THEN query_start
        WHEN state LIKE 'idle in transaction%' THEN xact_start
    END < clock_timestamp() - $1 * interval '1 second') AS long
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> $2";

impl Sampler {
    /// Connects and starts looking. A statement or transaction is long from `long_s` on.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub async fn start(
        options: &PgConnectOptions,
        begun: Instant,
        long_s: f64,
    ) -> Result<Self, sqlx::Error> {
        let connection = options.connect().await?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(look_until(stopped, connection, begun, long_s));
        Ok(Self { stop, task })
    }

    /// Ends, with all samples.
    ///
    /// # Errors
    /// When the sampler broke.
    pub async fn stop(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.send_replace(true);
        Ok(self.task.await?)
    }
}

async fn look_until(
    mut stop: watch::Receiver<bool>,
    mut connection: PgConnection,
    begun: Instant,
    long_s: f64,
) -> Vec<Sample> {
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stop.borrow() {
        if let Ok(sample) = look(&mut connection, begun, long_s).await {
            samples.push(sample);
        }
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.changed() => {}
        }
    }
    samples
}

async fn look(
    connection: &mut PgConnection,
    begun: Instant,
    long_s: f64,
) -> Result<Sample, sqlx::Error> {
    let row = sqlx::query(LOOK).bind(long_s).bind(OUR_NAME).fetch_one(connection).await?;
    Ok(Sample {
        at_s: begun.elapsed().as_secs_f64(),
        connections: row.try_get("connections")?,
        active: row.try_get("active")?,
        idle_in_transaction: row.try_get("idle_in_transaction")?,
        waiting_for_lock: row.try_get("waiting_for_lock")?,
        long: row.try_get("long")?,
    })
}
