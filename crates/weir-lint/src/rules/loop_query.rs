//! `loop-query`: a query for each element of a collection.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use std::collections::BTreeSet;

use crate::infer::{Bound, Query, QueryOp};
use crate::syntax::ast::{Call, CmpOp, Expr, ExprKind, Span};
use crate::syntax::visit;
use crate::trace::classify::{decorator_name, is_task};
use crate::trace::tables::MEMO_DECORATORS;
use crate::trace::{Ask, EffectKind, Event, EventKind, FrameId, FrameKind, Loop, LoopKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "loop-query",
        summary: "one query for each element; one query for all of them would do",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("loop-query"),
    },
    check,
};

const HELP: &str = "fetch all rows before the loop (`filter(pk__in=…)`, `in_bulk()`), or write them \
                    with one `bulk_create`, `bulk_update` or `update()`";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    // A queryset in a name keeps its rows: only the first reading asks.
    let mut read = BTreeSet::new();
    for event in &context.trace.events {
        let Some((what, expr, weight)) = asked(event, context) else { continue };
        let Some((frame, info)) =
            context.trace.loops(event.frame).find(|(_, info)| depends(info, expr))
        else {
            continue;
        };
        if guarded(context, event.frame, frame.span) {
            continue;
        }
        if let EventKind::Fetch { expr, .. } = event.kind
            && let Some(name) = expr.as_name()
            && !read.insert((frame.span, name))
        {
            continue;
        }
        let mut sure = grade(info).min(weight);
        let waits =
            context.trace.atomic(event.frame).is_none() && context.waits_in(frame.span, true);
        if context.is_command() || waits {
            sure = Confidence::Low;
        }
        let few = matches!(info.bound, Bound::Caller) && !takes_many(context, event.frame);
        if few
            || needed_at_once(context, event)
            || upserts(event)
            || own_transaction(context, event.frame, frame.span)
        {
            sure = Confidence::Low;
        }
        let iter = context.text(info.iter);
        let message = format!("{what} runs once for each element of `{iter}`");
        let note = context.note(info.iter.span, "the loop");
        sink.push(Draft::new(event.span, message, HELP).sure(sure).with(note));
    }
}

/// Whether a list the function is handed is likely long: a background job, a function named for
/// many, or a loop that keeps a transaction open. What one request carries is short.
fn takes_many(context: &Context<'_, '_>, frame: FrameId) -> bool {
    context.trace.atomic(frame).is_some()
        || context
            .trace
            .function(frame)
            .is_some_and(|id| is_task(context.project, id) || context.is_named_for_many(id))
}

/// Whether the loop goes on with the row it creates, so that one `bulk_create` is no drop-in.
fn needed_at_once(context: &Context<'_, '_>, event: &Event<'_>) -> bool {
    matches!(event.kind, EventKind::Ask(Ask { op: QueryOp::Create, .. }))
        && context.trace.kept.contains(&event.span)
}

/// `get_or_create` and `update_or_create` have no plain bulk form.
fn upserts(event: &Event<'_>) -> bool {
    matches!(&event.kind, EventKind::Ask(ask) if ask.method.ends_with("_or_create"))
}

/// Whether each element has a transaction of its own, which is a choice against one query for all.
fn own_transaction(context: &Context<'_, '_>, frame: FrameId, outer: Span) -> bool {
    context
        .trace
        .inside(frame)
        .take_while(|f| f.span != outer)
        .any(|f| matches!(f.kind, FrameKind::Atomic(_)))
}

/// What the event asks, the expression that shows whether it depends on the loop, and the highest
/// confidence this kind of query deserves.
fn asked<'a>(
    event: &Event<'a>,
    context: &Context<'_, 'a>,
) -> Option<(String, Asked<'a>, Confidence)> {
    match &event.kind {
        EventKind::Ask(ask) if ask.op == QueryOp::Bulk || ask.query.preloaded_itself => None,
        EventKind::Ask(ask) if is_n_plus_one(&ask.query, ask.method) => None,
        EventKind::Ask(ask) => {
            let weight = match ask.op {
                QueryOp::Read | QueryOp::Create => Confidence::High,
                // Changing one row by its key is `save()` in other words.
                QueryOp::Change if ask.query.by_key => Confidence::Low,
                QueryOp::Change | QueryOp::Bulk => Confidence::Medium,
            };
            Some((format!("`.{}()`", ask.method), Asked::Expr(ask.expr), weight))
        }
        EventKind::Fetch { query, expr, .. } if !query.related || query.filtered => {
            let lazy = query.bare;
            (!lazy).then_some(("a query".to_owned(), Asked::Expr(expr), Confidence::Medium))
        }
        EventKind::Call { target, call } => {
            let info = context.project.function(*target);
            let memo = info.def.decorators.iter().filter_map(decorator_name);
            if memo.into_iter().any(|name| MEMO_DECORATORS.contains(&name)) {
                return None;
            }
            let reach = context.effects.reach(*target, EffectKind::Query)?;
            let what = format!("`{}` asks the database (`{}`), and", info.def.name, reach.what);
            (reach.path.len() == 1).then_some((what, Asked::Call(call), Confidence::Low))
        }
        _ => None,
    }
}

/// What tells whether a query depends on the loop.
#[derive(Clone, Copy)]
enum Asked<'a> {
    Expr(&'a Expr),
    Call(&'a Call),
}

/// `row.items.count()`: `loop-n-plus-one` speaks of it.
fn is_n_plus_one(query: &Query, method: &str) -> bool {
    query.related && !query.filtered && matches!(method, "count" | "exists" | "first")
}

fn depends(info: &Loop<'_>, asked: Asked<'_>) -> bool {
    let names = &info.derived;
    let mentions = |expr: &Expr| {
        visit::any_expr(expr, &mut |e| e.as_name().is_some_and(|name| names.contains(name)))
    };
    match asked {
        _ if info.kind == LoopKind::While => false,
        Asked::Expr(expr) => mentions(expr),
        Asked::Call(call) => {
            call.args.iter().any(mentions) || call.keywords.iter().any(|k| mentions(&k.value))
        }
    }
}

fn grade(info: &Loop<'_>) -> Confidence {
    match &info.bound {
        Bound::Fixed => Confidence::Low,
        _ if info.exits => Confidence::Low,
        Bound::Rows(query) if query.related && !query.owner_known => Confidence::Low,
        Bound::Rows(query) if query.by_key => Confidence::Low,
        // The distinct values of a column are few, or the loop would be over rows.
        Bound::Rows(query) if query.values && query.grouped => Confidence::Low,
        Bound::Rows(query) if query.related => Confidence::Medium,
        Bound::Rows(_) => Confidence::High,
        Bound::Caller => Confidence::Medium,
        Bound::Unknown => Confidence::Low,
    }
}

/// Whether a look-aside table stands before the query: `if key not in found:`.
fn guarded(context: &Context<'_, '_>, frame: FrameId, outer: Span) -> bool {
    context.trace.inside(frame).take_while(|f| f.span != outer).any(|f| match &f.kind {
        FrameKind::Branch(Some(test)) => visit::any_expr(test, &mut |e| match &e.kind {
            ExprKind::Compare(_, ops, rights) => {
                ops.contains(&CmpOp::In)
                    || ops.contains(&CmpOp::Is) && matches!(rights[0].kind, ExprKind::None)
            }
            _ => false,
        }),
        FrameKind::Handler => true,
        _ => false,
    })
}
