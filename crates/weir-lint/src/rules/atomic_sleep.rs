//! `atomic-sleep`: waiting while a transaction is open.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::{EffectKind, EventKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "atomic-sleep",
        summary: "sleeping inside a transaction holds its connection and row locks for nothing",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("atomic-sleep"),
    },
    check,
};

const HELP: &str =
    "end the transaction before waiting: put the retry loop around the `atomic` block";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let Some((atomic, _)) = context.trace.atomic(event.frame) else { continue };
        let opened = context.note(atomic.span, "the transaction opens here");
        match &event.kind {
            EventKind::Sleep { seconds } if seconds.is_none_or(|s| s > 0.0) => {
                sink.push(Draft::new(event.span, "sleeps inside a transaction", HELP).with(opened));
            }
            EventKind::Call { target, .. } => {
                let Some(reach) = context.effects.reach(*target, EffectKind::Sleep) else {
                    continue;
                };
                let name = &context.project.function(*target).def.name;
                let message = format!("`{name}` sleeps inside a transaction");
                let way = context.way(&reach);
                let draft = Draft::new(event.span, message, HELP).sure(Confidence::Medium);
                sink.push(draft.with(opened).with(way));
            }
            _ => {}
        }
    }
}
