//! `thread-orm`: a thread of our own uses the ORM and never closes its connection.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::infer::Ty;
use crate::project::{FnId, Symbol};
use crate::syntax::ast::{Function, StmtKind};
use crate::syntax::visit;
use crate::trace::{EffectKind, EventKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "thread-orm",
        summary: "a thread that uses the ORM opens a connection that no request signal ever closes",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("thread-orm"),
    },
    check,
};

const HELP: &str = "close it where it was opened: `try: … finally: connection.close()` in the \
                    thread's function (with the native pool an unclosed one is lost for good)";

/// Names whose presence in the thread's function shows that it closes what it opened.
const CLOSERS: [&str; 5] =
    ["close_old_connections", "close_all", "close", "close_connections", "close_caches"];

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Spawn { target, ty, executor } = &event.kind else { continue };
        let Some(id) = function_of(context, ty) else { continue };
        let info = context.project.function(id);
        let Some(reach) = context.effects.reach(id, EffectKind::Orm) else { continue };
        let closes = reach.path.iter().any(|id| closes(context, *id));
        let decorated = !info.def.decorators.is_empty();
        if closes || decorated || info.def.is_async {
            continue;
        }
        let what = if *executor { "an executor" } else { "a thread" };
        let message =
            format!("`{}` uses the ORM in {what} and does not close the connection", info.def.name);
        let sure = if lives_on(info.def) {
            Confidence::Low
        } else if reach.path.len() == 1 {
            Confidence::High
        } else {
            Confidence::Medium
        };
        let way = context.way(&reach);
        sink.push(Draft::new(target.span, message, HELP).sure(sure).with(way));
    }
}

fn function_of(context: &Context<'_, '_>, ty: &Ty<'_>) -> Option<FnId> {
    match ty {
        Ty::Symbol(Symbol::Function(id)) => Some(*id),
        Ty::Method(owner, name) => match **owner {
            Ty::Object(class, _) => context.project.method(class, name),
            _ => None,
        },
        _ => None,
    }
}

fn closes(context: &Context<'_, '_>, id: FnId) -> bool {
    visit::any_in_body(&context.project.function(id).def.body, &mut |expr| {
        let name = expr.as_attr().map(|(_, attr)| attr).or_else(|| expr.as_name());
        name.is_some_and(|name| CLOSERS.contains(&name))
    })
}

/// A thread that loops for the life of its process keeps one connection; it does not leak one a
/// call.
fn lives_on(def: &Function) -> bool {
    visit::any_stmt(&def.body, &mut |stmt| matches!(stmt.kind, StmtKind::While(..)))
}
