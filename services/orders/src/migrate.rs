//! The schema, in two steps: as the story had it, and what the optimised code needs.

use std::borrow::Cow;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};

use crate::settings::Code;

pub(crate) const KEYS: &str = include_str!("../migrations/0001_keys.sql");
const SHOP: &str = concat!(
    include_str!("../migrations/0001_shop.sql"),
    include_str!("../migrations/0001_keys.sql")
);
const OPTIMISED: &str = include_str!("../migrations/0002_optimised.sql");

/// Brings the schema to what `code` needs. Never takes anything away.
///
/// Needs a connection of its own, straight to the server: the lock against a second migration is a
/// session's.
///
/// # Errors
/// What the server says, or that an applied step differs from ours.
pub async fn migrate(connection: &mut PgConnection, code: Code) -> anyhow::Result<()> {
    let migrator = Migrator::with_migrations(vec![
        step(1, "shop", SHOP),
        step(2, "what the optimised code needs", OPTIMISED),
    ]);
    // The problem version must not get the unique index: its race is kept on purpose.
    match code {
        Code::Problem => migrator.run_to(1, connection).await?,
        Code::Optimised => migrator.run(connection).await?,
    }
    Ok(())
}

fn step(version: i64, description: &'static str, sql: &'static str) -> Migration {
    let description = Cow::Borrowed(description);
    Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
}
