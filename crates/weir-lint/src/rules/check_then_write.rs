//! `check-then-write`: looking first and writing then, without a lock.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::{Event, EventKind, FrameId, FrameKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "check-then-write",
        summary: "two requests can both find nothing and both write",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("check-then-write"),
    },
    check,
};

const HELP: &str = "let the database decide: a unique constraint with `get_or_create`, \
                    `update_or_create` or `bulk_create(update_conflicts=True)`";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let trace = context.trace;
    for looked in &trace.events {
        let EventKind::Ask(exists) = &looked.kind else { continue };
        // In a handler another look came first, and the write belongs to that one.
        let second_look = trace.inside(looked.frame).any(|f| matches!(f.kind, FrameKind::Handler));
        if second_look
            || exists.method != "exists"
            || exists.query.model.is_none()
            || exists.query.locks
        {
            continue;
        }
        let created = trace.events.iter().find(|event| {
            matches!(&event.kind, EventKind::Ask(ask)
                if ask.method == "create" && ask.query.model == exists.query.model)
                && decided_by(context, event.frame, looked)
        });
        if let Some(created) = created {
            let model = context.model_name(exists.query.model);
            let message = format!("looks for a `{model}` first and creates it then");
            let note = context.note(created.span, "another request may have created it meanwhile");
            let sure = if context.is_command() { Confidence::Low } else { Confidence::Medium };
            let draft = Draft::new(looked.span, message, HELP).sure(sure);
            sink.push(draft.with(note));
        }
    }
}

/// Whether `frame` lies in a branch of the condition whose test holds the look-up.
fn decided_by(context: &Context<'_, '_>, frame: FrameId, looked: &Event<'_>) -> bool {
    let condition = context
        .trace
        .inside(frame)
        .find(|f| matches!(f.kind, FrameKind::Branch(_)) && f.span.contains(looked.span));
    condition.is_some_and(|condition| {
        let own = context.trace.inside(looked.frame);
        let inside = own
            .into_iter()
            .any(|f| f.span == condition.span && matches!(f.kind, FrameKind::Branch(_)));
        !inside
    })
}
