//! What several settings rules ask.

use super::Context;
use crate::config::Pooler;
use crate::finding::Confidence;
use crate::settings::{Database, Value, value_of};
use crate::syntax::ast::Expr;

/// What Django reads in one alias of `DATABASES`.
pub(super) const DATABASE_KEYS: [&str; 14] = [
    "ENGINE",
    "NAME",
    "USER",
    "PASSWORD",
    "HOST",
    "PORT",
    "OPTIONS",
    "CONN_MAX_AGE",
    "CONN_HEALTH_CHECKS",
    "ATOMIC_REQUESTS",
    "AUTOCOMMIT",
    "TIME_ZONE",
    "TEST",
    "DISABLE_SERVER_SIDE_CURSORS",
];

/// Engines whose options go to psycopg unchanged.
const ENGINES: [&str; 5] = [
    "django.db.backends.postgresql",
    "django.db.backends.postgresql_psycopg2",
    "django.contrib.gis.db.backends.postgis",
    "django_prometheus.db.backends.postgresql",
    "django_prometheus.db.backends.postgis",
];

/// Words in a host name that mean a pooler.
const POOLERS: [&str; 6] = ["pgbouncer", "pooler", "pgcat", "odyssey", "supavisor", "pgdog"];

/// The value of a settings expression in this module.
pub(super) fn value(context: &Context<'_, '_>, expr: &Expr) -> Value {
    value_of(context.project, context.id, expr)
}

/// Whether the alias speaks to PostgreSQL through Django's own backend, as far as can be read.
pub(super) fn is_postgresql(context: &Context<'_, '_>, database: &Database<'_>) -> bool {
    let engine = database.entry("ENGINE").map(|entry| value(context, entry.value));
    engine.is_some_and(|v| v.as_text().is_some_and(|text| ENGINES.contains(&text)))
}

/// Whether the alias speaks to something else than PostgreSQL.
pub(super) fn is_other_database(context: &Context<'_, '_>, database: &Database<'_>) -> bool {
    let engine = database.entry("ENGINE").map(|entry| value(context, entry.value));
    engine.is_some_and(|v| v.as_text().is_some_and(|t| !t.contains("post") && !t.contains("psql")))
}

/// Whether `CONN_MAX_AGE` keeps connections over the end of a request; none when not known.
pub(super) fn is_persistent(age: &Value) -> Option<bool> {
    match age {
        Value::None => Some(true),
        Value::Unknown | Value::Bool(_) => None,
        Value::Int(_) | Value::Text(_) => age.as_int().map(|seconds| seconds != 0),
    }
}

/// How sure it is that the alias goes through a transaction pooler.
pub(super) fn pooled(context: &Context<'_, '_>, database: &Database<'_>) -> Option<Confidence> {
    match context.config.pooler {
        Pooler::Session => return None,
        Pooler::Transaction if !is_other_database(context, database) => {
            return Some(Confidence::High);
        }
        Pooler::Transaction | Pooler::Auto => {}
    }
    let host = database.entry("HOST").map(|e| value(context, e.value));
    let port = database.entry("PORT").map(|e| value(context, e.value));
    let named = host.is_some_and(|v| {
        v.as_text().is_some_and(|host| POOLERS.iter().any(|word| host.contains(word)))
    });
    (named || port.and_then(|v| v.as_int()) == Some(6432)).then_some(Confidence::Medium)
}

/// Settings for a developer's machine or for tests, by the module's name.
pub(super) fn is_development(context: &Context<'_, '_>) -> bool {
    let last = context.module.dotted.rsplit('.').next().unwrap_or("");
    last.split('_').any(|word| {
        matches!(
            word,
            "test"
                | "tests"
                | "testing"
                | "dev"
                | "devel"
                | "development"
                | "local"
                | "ci"
                | "example"
                | "sample"
        )
    })
}
