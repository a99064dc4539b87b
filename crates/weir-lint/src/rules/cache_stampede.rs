//! `cache-stampede`: when the cached value expires, everybody computes it at once.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use std::collections::BTreeMap;

use crate::project::FnId;
use crate::syntax::ast::ExprKind;
use crate::trace::{CacheOp, Event, EventKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "cache-stampede",
        summary: "on expiry every worker runs the expensive query at the same time",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("cache-stampede"),
    },
    check,
};

const HELP: &str = "let one worker compute: `cache.add(key + \":lock\", 1, 30)` before the query, \
                    and serve the old value meanwhile; compare with a sentinel, not for truth";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let mut functions: BTreeMap<FnId, Vec<&Event<'_>>> = BTreeMap::new();
    for event in &context.trace.events {
        if let Some(function) = context.trace.function(event.frame) {
            functions.entry(function).or_default().push(event);
        }
    }
    for events in functions.values() {
        check_function(context, events, sink);
    }
}

fn check_function(context: &Context<'_, '_>, events: &[&Event<'_>], sink: &mut Sink<'_>) {
    let first = |op: CacheOp| {
        let is_op =
            |e: &&&Event<'_>| matches!(e.kind, EventKind::Cache { op: found, .. } if found == op);
        events.iter().find(is_op)
    };
    let (Some(get), Some(set)) = (first(CacheOp::Get), first(CacheOp::Set)) else { return };
    if first(CacheOp::Guard).is_some() || !same_key(get, set) {
        return;
    }
    let between = |e: &&&Event<'_>| get.span.start < e.span.start && e.span.start < set.span.start;
    let Some(heavy) = events.iter().filter(between).find(|e| is_heavy(e)) else { return };
    let message = "get, compute, set without a lock: on expiry every worker runs the query at once";
    let note = context.note(heavy.span, "the query that all of them run");
    sink.push(Draft::new(get.span, message, HELP).sure(Confidence::Medium).with(note));
}

fn same_key(get: &Event<'_>, set: &Event<'_>) -> bool {
    match (&get.kind, &set.kind) {
        (EventKind::Cache { key: Some(a), .. }, EventKind::Cache { key: Some(b), .. }) => {
            match (&a.kind, &b.kind) {
                (ExprKind::Name(a), ExprKind::Name(b)) | (ExprKind::Str(a), ExprKind::Str(b)) => {
                    a == b
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// A query that reads many rows to give few: an aggregate, groups, SQL by hand that groups.
fn is_heavy(event: &Event<'_>) -> bool {
    match &event.kind {
        EventKind::Fetch { query, .. } => query.annotated || query.grouped,
        EventKind::Aggregate { .. } => true,
        EventKind::Sql { text } => text.to_ascii_lowercase().contains("group by"),
        EventKind::Ask(ask) => matches!(ask.method, "aggregate"),
        _ => false,
    }
}
