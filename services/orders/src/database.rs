//! Connections: options, the pools, what the server says of itself.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, Row};

use crate::contradictions::{self, ServerFacts, ServerLimitsMs};
use crate::settings::{ServerLimits, Settings};

/// A connection idle for longer than this is tested before it is used again. Testing each time
/// would be a round trip for every request.
const CHECK_AFTER_IDLE: Duration = Duration::from_secs(1);

/// Options without any time limit on the server, as the problem version has them.
pub(crate) fn options_without_limits(settings: &Settings) -> anyhow::Result<PgConnectOptions> {
    let options = PgConnectOptions::from_str(&settings.database_url)
        .context("database_url is not a PostgreSQL URL")?;
    Ok(options
        .application_name(&settings.application_name)
        // A pooler may refuse it, and no float is ever read here.
        .extra_float_digits(None)
        // Our own log has the requests.
        .disable_statement_logging())
}

/// Options with the time limits of the settings.
pub(crate) fn options(settings: &Settings) -> anyhow::Result<PgConnectOptions> {
    let options = options_without_limits(settings)?;
    let ms = |limit: u64| format!("{limit}ms");
    Ok(match settings.server_limits {
        ServerLimits::Role => options,
        ServerLimits::Startup => options.options([
            ("statement_timeout", ms(settings.statement_limit_ms)),
            ("lock_timeout", ms(settings.lock_limit_ms)),
            ("idle_in_transaction_session_timeout", ms(settings.idle_transaction_limit_ms)),
        ]),
    })
}

/// A pool of at most `size` connections, none of them opened yet.
pub(crate) fn pool(settings: &Settings, size: u32) -> anyhow::Result<PgPool> {
    let check = settings.check_before_reuse;
    Ok(PgPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(Duration::from_millis(settings.acquire_limit_ms))
        .max_lifetime(Duration::from_secs(settings.connection_age_s))
        .test_before_acquire(false)
        .before_acquire(move |connection, kept| {
            Box::pin(async move {
                if check && kept.idle_for > CHECK_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options(settings)?))
}

/// One connection outside any pool.
///
/// # Errors
/// No connection within the connect limit, or what the server says.
pub async fn connect(settings: &Settings) -> anyhow::Result<PgConnection> {
    let limit = Duration::from_millis(settings.connect_limit_ms);
    let options = options(settings)?;
    match tokio::time::timeout(limit, options.connect()).await {
        Ok(connected) => connected.with_context(|| {
            format!("connecting to {}:{}", options.get_host(), options.get_port())
        }),
        Err(_) => bail!("no connection to {} within {limit:?}", options.get_host()),
    }
}

/// Refuses settings that contradict each other, or the server.
///
/// # Errors
/// All contradictions at once, or why the server could not be asked.
pub async fn check(settings: &Settings) -> anyhow::Result<()> {
    refuse(&contradictions::in_settings(settings))?;
    let mut connection = connect(settings).await?;
    let facts = server_facts(&mut connection).await?;
    refuse(&contradictions::with_server(settings, facts))?;
    if settings.code == crate::settings::Code::Optimised {
        check_schema(&mut connection, settings).await?;
    }
    connection.close().await?;
    Ok(())
}

async fn check_schema(connection: &mut PgConnection, settings: &Settings) -> anyhow::Result<()> {
    let ready: bool = sqlx::query("SELECT to_regclass('outbox') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await?
        .try_get(0)?;
    anyhow::ensure!(ready, "the database has no table `outbox`; run `orders migrate` first");
    sqlx::query("SELECT $1::text::timestamptz")
        .bind(&settings.statistics_since)
        .execute(connection)
        .await
        .with_context(|| format!("statistics_since {:?}", settings.statistics_since))?;
    Ok(())
}

fn refuse(found: &[String]) -> anyhow::Result<()> {
    anyhow::ensure!(found.is_empty(), "the settings cannot work:\n- {}", found.join("\n- "));
    Ok(())
}

async fn server_facts(connection: &mut PgConnection) -> Result<ServerFacts, sqlx::Error> {
    let row = sqlx::query(
        "SELECT current_setting('max_connections')::int8,
            current_setting('superuser_reserved_connections')::int8
                + coalesce(current_setting('reserved_connections', true)::int8, 0),
            (1000 * extract(epoch FROM current_setting('statement_timeout')::interval))::int8,
            (1000 * extract(epoch FROM current_setting('lock_timeout')::interval))::int8,
            (1000 * extract(epoch FROM
                current_setting('idle_in_transaction_session_timeout')::interval))::int8",
    )
    .fetch_one(connection)
    .await?;
    Ok(ServerFacts {
        connections_max: row.try_get(0)?,
        connections_reserved: row.try_get(1)?,
        limits: ServerLimitsMs {
            statement_timeout: row.try_get(2)?,
            lock_timeout: row.try_get(3)?,
            idle_in_transaction_session_timeout: row.try_get(4)?,
        },
    })
}
