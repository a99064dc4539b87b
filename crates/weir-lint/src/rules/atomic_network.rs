//! `atomic-network`: the network is used while a transaction is open.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::{EffectKind, EventKind, FrameKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "atomic-network",
        summary: "a network call inside a transaction holds its connection and row locks",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("atomic-network"),
    },
    check,
};

const HELP: &str = "call it after the block, or register it with `transaction.on_commit`; write an \
                    outbox row when it must not be lost";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let Some((atomic, _)) = context.trace.atomic(event.frame) else { continue };
        let opened = context.note(atomic.span, "the transaction opens here");
        match &event.kind {
            EventKind::Network(network) => {
                let message = format!("`{}` is called inside a transaction", network.what);
                sink.push(Draft::new(event.span, message, HELP).with(opened));
            }
            EventKind::Call { target, .. } => {
                let Some(reach) = context.effects.reach(*target, EffectKind::Network) else {
                    continue;
                };
                let in_handler = context
                    .trace
                    .inside(event.frame)
                    .any(|frame| matches!(frame.kind, FrameKind::Handler));
                if in_handler {
                    continue;
                }
                let name = &context.project.function(*target).def.name;
                let message =
                    format!("`{name}` uses the network (`{}`) inside a transaction", reach.what);
                let sure =
                    if reach.path.len() == 1 { Confidence::High } else { Confidence::Medium };
                let way = context.way(&reach);
                sink.push(Draft::new(event.span, message, HELP).sure(sure).with(opened).with(way));
            }
            _ => {}
        }
    }
}
