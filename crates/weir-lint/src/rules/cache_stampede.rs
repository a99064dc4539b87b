//! `cache-stampede`: when the cached value expires, everybody computes it at once.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use std::collections::BTreeSet;

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
    let functions: BTreeSet<FnId> = context
        .trace
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::Cache { op: CacheOp::Set, .. }))
        .filter_map(|event| context.trace.function(event.frame))
        .collect();
    for function in functions {
        check_function(context, function, sink);
    }
}

fn check_function(context: &Context<'_, '_>, function: FnId, sink: &mut Sink<'_>) {
    let trace = context.trace;
    let own = || trace.events.iter().filter(|e| trace.function(e.frame) == Some(function));
    let first = |op: CacheOp| {
        own().find(|e| matches!(e.kind, EventKind::Cache { op: found, .. } if found == op))
    };
    let (Some(get), Some(set)) = (first(CacheOp::Get), first(CacheOp::Set)) else { return };
    if first(CacheOp::Guard).is_some() || !same_key(get, set) {
        return;
    }
    let between = |e: &&Event<'_>| e.span.start > get.span.start && e.span.start < set.span.start;
    let Some(heavy) = own().filter(between).find(|e| is_heavy(e)) else { return };
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
