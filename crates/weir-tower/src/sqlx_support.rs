//! The easy way for sqlx.

use sqlx::AssertSqlSafe;

use crate::context::tag;

/// A statement for `sqlx::query`, `Pool::begin_with` and their relatives, tagged with the current
/// route.
///
/// Takes a `&'static str` only, so that nothing unsafe can come in; the tag is URL-encoded. Tag the
/// BEGIN too: a pooler then knows the route before it gives a server connection.
///
/// ```
/// let query = sqlx::query::<sqlx::Postgres>(weir_tower::tagged("SELECT 1"));
/// // let transaction = pool.begin_with(weir_tower::tagged("BEGIN")).await?;
/// ```
#[must_use]
pub fn tagged(sql: &'static str) -> AssertSqlSafe<String> {
    AssertSqlSafe(tag(sql))
}
