//! `pooler-session-state`: session state that a transaction pooler does not keep.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::EventKind;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "pooler-session-state",
        summary: "session-level state is lost, or met by strangers, behind a transaction pooler",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("pooler-session-state"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let found = match &event.kind {
            EventKind::Sql { text } => session_state(text),
            EventKind::Outside { path, .. } => session_helper(path),
            _ => None,
        };
        if let Some((what, help)) = found {
            let message =
                format!("{what} lasts for the session, which a transaction pooler shares");
            sink.push(Draft::new(event.span, message, help).sure(Confidence::Medium));
        }
    }
}

const LOCKS: &str = "use `pg_advisory_xact_lock` inside the transaction";

/// What a statement leaves in the session, and what to do instead.
fn session_state(sql: &str) -> Option<(&'static str, &'static str)> {
    let sql = sql.trim_start().to_ascii_lowercase();
    let words: Vec<&str> = sql.split_whitespace().take(4).collect();
    let held = ["pg_advisory_lock(", "pg_try_advisory_lock(", "pg_advisory_lock_shared("];
    if held.iter().any(|function| sql.contains(function)) {
        return Some(("a session-level advisory lock", LOCKS));
    }
    match words.as_slice() {
        ["set", "local" | "constraints" | "transaction" | "session", ..] => None,
        ["set", "role", ..] => Some(("`SET ROLE`", "use `SET LOCAL ROLE` inside the transaction")),
        ["set", name, ..] if is_parameter(name) => {
            Some(("`SET`", "use `SET LOCAL` inside the transaction, or `ALTER ROLE … SET`"))
        }
        ["listen", ..] => Some(("`LISTEN`", "listen on a direct connection")),
        ["create", "temp" | "temporary", ..] if !sql.contains("on commit drop") => {
            Some(("a temporary table", "add `ON COMMIT DROP` and stay in one transaction"))
        }
        ["prepare", name, ..] if !name.starts_with("transaction") => {
            Some(("a prepared statement", "let the driver prepare it, or `DEALLOCATE` it"))
        }
        _ => None,
    }
}

/// Whether `name` can be a PostgreSQL parameter; other databases have `SET @x`, `SET NAMES`.
fn is_parameter(name: &str) -> bool {
    let name = name.split('=').next().unwrap_or(name);
    let foreign =
        ["names", "foreign_key_checks", "sql_mode", "identity_insert", "autocommit", "global"];
    !foreign.contains(&name)
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '{' | '}'))
}

fn session_helper(path: &str) -> Option<(&'static str, &'static str)> {
    match path {
        "django_pglocks.advisory_lock" | "pglock.advisory" => {
            Some(("a session-level advisory lock", LOCKS))
        }
        _ => None,
    }
}
