//! `atomic-unbounded-loop`: a loop over as many rows as there are, in one transaction.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::infer::{Bound, QueryOp};
use crate::syntax::ast::Span;
use crate::trace::{EffectKind, EventKind, Frame, FrameId, FrameKind, Loop, LoopKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "atomic-unbounded-loop",
        summary: "a loop over unbounded data inside one transaction holds locks for as long as it takes",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("atomic-unbounded-loop"),
    },
    check,
};

const HELP: &str = "commit in batches: put the `atomic` block inside the loop over slices of a \
                    fixed size, or do the work with one set-based statement";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let asks = match &event.kind {
            EventKind::Ask(ask) => ask.op != QueryOp::Bulk,
            EventKind::Write { .. } => true,
            EventKind::Call { target, .. } => {
                context.effects.reach(*target, EffectKind::Query).is_some()
            }
            _ => false,
        };
        if asks && let Some((frame, info, atomic)) = loop_in_atomic(context, event.frame) {
            let (sure, what) = grade(context, event.frame, frame, info);
            let message = format!("{what}, all in one transaction");
            let opened = context.note(atomic.span, "the transaction opens here");
            let ask = context.note(event.span, "each iteration asks the database");
            let span = Span { start: frame.span.start, end: info.iter.span.end };
            sink.push(Draft::new(span, message, HELP).sure(sure).with(opened).with(ask));
        }
    }
}

/// The outermost loop between the event and the transaction around it.
fn loop_in_atomic<'t, 'a>(
    context: &Context<'t, 'a>,
    frame: FrameId,
) -> Option<(&'t Frame<'a>, &'t Loop<'a>, &'t Frame<'a>)> {
    let (atomic, _) = context.trace.atomic(frame)?;
    let inner = context.trace.inside(frame).take_while(|f| f.span != atomic.span);
    let loops = inner.filter_map(|f| match &f.kind {
        FrameKind::Loop(info) if info.kind == LoopKind::For => Some((f, &**info)),
        _ => None,
    });
    let (frame, info) = loops.last()?;
    Some((frame, info, atomic))
}

fn grade(
    context: &Context<'_, '_>,
    place: FrameId,
    frame: &Frame<'_>,
    info: &Loop<'_>,
) -> (Confidence, String) {
    let iter = context.text(info.iter);
    match &info.bound {
        Bound::Fixed => (Confidence::Low, format!("loops over `{iter}`")),
        _ if info.exits => (Confidence::Low, format!("loops over `{iter}`")),
        Bound::Rows(query) if query.related || query.by_key || query.narrowed => {
            (Confidence::Low, format!("loops over the rows of `{iter}`"))
        }
        Bound::Rows(_) => (Confidence::High, format!("loops over every row of `{iter}`")),
        Bound::Caller => {
            let many = is_bulk(context, place) || context.waits_in(frame.span, false);
            let sure = if many { Confidence::Medium } else { Confidence::Low };
            (sure, format!("loops over `{iter}`, as long as the caller makes it"))
        }
        Bound::Unknown => (Confidence::Low, format!("loops over `{iter}`")),
    }
}

/// Whether the function is named for many: `process_bulk_orders`, `import_rows`.
fn is_bulk(context: &Context<'_, '_>, place: FrameId) -> bool {
    context.trace.function(place).is_some_and(|id| context.is_named_for_many(id))
}
