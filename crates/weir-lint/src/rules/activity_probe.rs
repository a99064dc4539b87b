//! `activity-probe`: a look at `pg_stat_activity` that counts the wrong sessions.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::trace::EventKind;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "activity-probe",
        summary: "a query on `pg_stat_activity` counts idle sessions as slow, or only one database against a limit of all",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("activity-probe"),
    },
    check,
};

const HELP: &str = "count client backends of the whole server by `state`; age of `query_start` only \
                    for `active`, age of `xact_start` for `idle in transaction`; use \
                    `clock_timestamp()`";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Sql { text } = &event.kind else { continue };
        let sql = text.to_ascii_lowercase();
        if !sql.contains("pg_stat_activity") {
            continue;
        }
        if let Some(message) = fault(&sql) {
            sink.push(Draft::new(event.span, message, HELP));
        }
    }
}

fn fault(sql: &str) -> Option<&'static str> {
    let words: Vec<&str> = sql.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let has = |word: &str| words.contains(&word);
    if has("query_start") && has("interval") && !has("state") {
        Some("takes idle sessions for long queries: `query_start` stays when a session goes idle")
    } else if has("count") && has("current_database") && !has("state") {
        Some("counts one database only; the limit is the whole server's")
    } else if has("count")
        && sql.contains("state = 'active'")
        && !sql.contains("idle in transaction")
    {
        Some(
            "counts active sessions only, itself included; those idle in transaction hold slots too",
        )
    } else {
        None
    }
}
