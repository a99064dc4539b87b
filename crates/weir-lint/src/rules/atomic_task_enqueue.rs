//! `atomic-task-enqueue`: a background job is queued before the commit.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::syntax::ast::ExprKind;
use crate::trace::{EffectKind, EventKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "atomic-task-enqueue",
        summary: "a job queued before the commit may run before its rows exist, or without them",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("atomic-task-enqueue"),
    },
    check,
};

const HELP: &str = "queue it with `transaction.on_commit(lambda: …)` (Celery 5.4: \
                    `delay_on_commit`), so that it starts after the commit and never after a rollback";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let Some((atomic, _)) = context.trace.atomic(event.frame) else { continue };
        let opened = context.note(atomic.span, "the transaction opens here");
        match &event.kind {
            EventKind::Enqueue { what, delayed } => {
                let message = format!("`{what}` queues a job before the transaction commits");
                let sure = if *delayed { Confidence::Low } else { Confidence::High };
                sink.push(Draft::new(event.span, message, HELP).sure(sure).with(opened));
            }
            EventKind::Call { target, call } => {
                let Some(reach) = context.effects.reach(*target, EffectKind::Enqueue) else {
                    continue;
                };
                let name = &context.project.function(*target).def.name;
                let message = format!(
                    "`{name}` queues a job (`{}`) before the transaction commits",
                    reach.what
                );
                let way = context.way(&reach);
                // `save(broadcast=False)`: an argument that may turn the job off.
                let off =
                    call.keywords.iter().any(|k| matches!(k.value.kind, ExprKind::Bool(false)));
                // An overridden `save` asks about the row's state first.
                let by_state = reach.conditional && &**name == "save";
                let sure = if off || by_state { Confidence::Low } else { Confidence::Medium };
                let draft = Draft::new(event.span, message, HELP).sure(sure);
                sink.push(draft.with(opened).with(way));
            }
            _ => {}
        }
    }
}
