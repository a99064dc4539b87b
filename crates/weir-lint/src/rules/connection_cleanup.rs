//! `connection-cleanup`: a middleware that closes connections by hand.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::trace::{EventKind, FrameId};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "connection-cleanup",
        summary: "a middleware repeats Django's own clean-up, frees nothing, and can break an open transaction",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("connection-cleanup"),
    },
    check,
};

const HELP: &str = "delete it: Django's `request_started` and `request_finished` signals do this; \
                    to hold fewer connections shorten transactions or add a pooler";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let what = match &event.kind {
            EventKind::Method { name, .. } if *name == "close_if_unusable_or_obsolete" => *name,
            EventKind::Outside { path, .. }
                if matches!(
                    &**path,
                    "django.db.close_old_connections"
                        | "django.db.connections.close_all"
                        | "django.db.connection.close_if_unusable_or_obsolete"
                ) =>
            {
                path.rsplit('.').next().unwrap_or("close")
            }
            _ => continue,
        };
        if in_middleware(context, event.frame) {
            let message = format!(
                "`{what}` in a middleware repeats what Django does at the end of each request"
            );
            sink.push(Draft::new(event.span, message, HELP));
        }
    }
}

fn in_middleware(context: &Context<'_, '_>, frame: FrameId) -> bool {
    let class = context.trace.function(frame).and_then(|id| context.project.function(id).class);
    class.is_some_and(|class| {
        let init = context.project.method(class, "__init__");
        let takes = init.is_some_and(|id| {
            let params = &context.project.function(id).def.params;
            params.iter().any(|p| &*p.name == "get_response")
        });
        takes || context.project.inherits_outside(class, &["MiddlewareMixin"])
    })
}
