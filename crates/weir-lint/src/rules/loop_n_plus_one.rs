//! `loop-n-plus-one`: a relation is read for each row of a query that does not fetch it.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use std::collections::BTreeSet;

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
    // The first read of a relation fetches it for the row, so one report a loop is enough.
    let mut told = BTreeSet::new();
    for event in &context.trace.events {
        let draft = match &event.kind {
            EventKind::Relation(read) => one(context, event, read),
            EventKind::Fetch { query, expr, .. } => many(context, event, query, expr),
            EventKind::Ask(ask) if matches!(ask.method, "count" | "exists") => {
                many(context, event, &ask.query, ask.expr)
            }
            _ => None,
        };
        if let Some((key, draft)) = draft
            && told.insert(key)
        {
            sink.push(draft);
        }
    }
}

/// The loop and the relation, which make a finding one of its kind.
type Key = (Span, String);

fn one(
    context: &Context<'_, '_>,
    event: &Event<'_>,
    read: &RelationRead<'_>,
) -> Option<(Key, Draft)> {
    let mut loops = context.trace.loops(event.frame);
    let (frame, info) = loops.find(|(_, info)| info.targets.contains(&read.root))?;
    // Rows of `parent.children` know their parent already.
    let known_parent = read.query.related && read.query.parent == read.target;
    if known_parent || !unbounded(info) || guarded(context, event.frame, frame.span) {
        return None;
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
    let draft = Draft::new(event.span, message, help).sure(sure).with(note);
    Some(((frame.span, read.path.clone()), draft))
}

fn many(
    context: &Context<'_, '_>,
    event: &Event<'_>,
    query: &Query,
    expr: &Expr,
) -> Option<(Key, Draft)> {
    if !query.related || query.filtered || query.preloaded_itself || query.preloads_unknown {
        return None;
    }
    let root = chain_root(expr)?;
    let mut loops = context.trace.loops(event.frame);
    let (frame, info) = loops.find(|(_, info)| info.targets.contains(&root))?;
    if !unbounded(info) || guarded(context, event.frame, frame.span) {
        return None;
    }
    let text = context.text(expr);
    let message =
        format!("`{text}` asks the database for each row of `{}`", context.text(info.iter));
    let help = "add `.prefetch_related(…)` to the query, or `.annotate(Count(…))` for a number";
    let sure = confidence(context, event.frame, frame.span, info);
    let note = context.note(info.iter.span, "the query");
    Some(((frame.span, text), Draft::new(event.span, message, help).sure(sure).with(note)))
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
        _ if context.is_script() => Confidence::Low,
        // Rows chosen by a list of keys are as few as the list.
        Bound::Rows(query) if query.by_key => Confidence::Low,
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
