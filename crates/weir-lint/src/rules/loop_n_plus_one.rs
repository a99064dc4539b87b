//! `loop-n-plus-one`: a relation is read for each row of a query that does not fetch it.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::infer::{Bound, Query};
use crate::syntax::ast::{Expr, ExprKind, Span};
use crate::trace::{Event, EventKind, FrameId, FrameKind, Loop, RelationRead};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "loop-n-plus-one",
        summary: "reading a relation of each row sends one query a row",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("loop-n-plus-one"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        match &event.kind {
            EventKind::Relation(read) => one(context, event, read, sink),
            EventKind::Fetch { query, expr, .. } => many(context, event, query, expr, sink),
            EventKind::Ask(ask) if matches!(ask.method, "count" | "exists") => {
                many(context, event, &ask.query, ask.expr, sink);
            }
            _ => {}
        }
    }
}

fn one(context: &Context<'_, '_>, event: &Event<'_>, read: &RelationRead<'_>, sink: &mut Sink<'_>) {
    let Some((frame, info)) =
        context.trace.loops(event.frame).find(|(_, info)| info.targets.contains(&read.root))
    else {
        return;
    };
    // Rows of `parent.children` know their parent already.
    let known_parent = read.query.related && read.query.parent == read.target;
    if known_parent || !unbounded(info) || guarded(context, event.frame, frame.span) {
        return;
    }
    let owner = &context.project.class(read.owner).def.name;
    let message = format!(
        "`{}.{}` is read for each row of `{}`, one query each time",
        owner,
        read.name,
        context.text(info.iter)
    );
    let help = format!("add `.select_related(\"{}\")` to the query", read.path);
    let sure = confidence(context, event.frame, frame.span, info);
    let note = context.note(info.iter.span, "the query");
    sink.push(Draft::new(event.span, message, help).sure(sure).with(note));
}

fn many(
    context: &Context<'_, '_>,
    event: &Event<'_>,
    query: &Query,
    expr: &Expr,
    sink: &mut Sink<'_>,
) {
    if !query.related || query.filtered || query.preloaded_itself || query.preloads_unknown {
        return;
    }
    let Some(root) = chain_root(expr) else { return };
    let Some((frame, info)) =
        context.trace.loops(event.frame).find(|(_, info)| info.targets.contains(&root))
    else {
        return;
    };
    if !unbounded(info) || guarded(context, event.frame, frame.span) {
        return;
    }
    let message = format!(
        "`{}` asks the database for each row of `{}`",
        context.text(expr),
        context.text(info.iter)
    );
    let help = "add `.prefetch_related(…)` to the query, or `.annotate(Count(…))` for a number";
    let sure = confidence(context, event.frame, frame.span, info);
    let note = context.note(info.iter.span, "the query");
    sink.push(Draft::new(event.span, message, help).sure(sure).with(note));
}

fn unbounded(info: &Loop<'_>) -> bool {
    matches!(&info.bound, Bound::Rows(query) if !query.empty)
}

/// Whether the relation is read only after a test of it: `if row.parent_id and row.parent.x`.
fn guarded(context: &Context<'_, '_>, frame: FrameId, outer: Span) -> bool {
    context
        .trace
        .inside(frame)
        .take_while(|f| f.span != outer)
        .any(|f| matches!(f.kind, FrameKind::Handler))
}

fn confidence(
    context: &Context<'_, '_>,
    frame: FrameId,
    loop_span: Span,
    info: &Loop<'_>,
) -> Confidence {
    let conditional = context.trace.conditional_below(frame, loop_span);
    match &info.bound {
        // The caller may have prefetched what hangs on an instance it hands over.
        Bound::Rows(query) if query.related && !query.owner_known => Confidence::Low,
        Bound::Rows(query) if query.related || info.exits => Confidence::Medium,
        Bound::Rows(_) if !conditional => Confidence::High,
        _ => Confidence::Medium,
    }
}

/// The plain name at the start of a chain of attributes, calls and subscripts.
fn chain_root(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attr(value, _) | ExprKind::Subscript(value, _) => chain_root(value),
        ExprKind::Call(call) => match &call.func.kind {
            ExprKind::Name(_) => call.args.first().and_then(chain_root),
            _ => chain_root(&call.func),
        },
        _ => None,
    }
}
