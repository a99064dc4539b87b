//! `on-commit-late-binding`: a callback for after the commit reads a loop variable that has moved
//! on.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::syntax::ast::{Expr, ExprKind, StmtKind};
use crate::syntax::visit;
use crate::trace::{EventKind, FrameId, Loop, LoopKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "on-commit-late-binding",
        summary: "callbacks registered in a loop all see the last value of its variable",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("on-commit-late-binding"),
    },
    check,
};

const HELP: &str = "bind the value now: `functools.partial(f, x)`, or `lambda x=x: f(x)`";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::OnCommit { callback } = &event.kind else { continue };
        let names: Vec<&str> = context
            .trace
            .loops(event.frame)
            .filter(|(_, info)| info.kind != LoopKind::Comprehension)
            .flat_map(|(_, info)| loop_names(info))
            .collect();
        if let Some(name) =
            names.into_iter().find(|name| reads_late(context, event.frame, callback, name))
        {
            let message = format!(
                "the callback reads `{name}` after the loop has ended, so every one sees its last value"
            );
            sink.push(Draft::new(event.span, message, HELP));
        }
    }
}

/// The loop's variables and what its body assigns.
fn loop_names<'a>(info: &Loop<'a>) -> Vec<&'a str> {
    let mut names = info.targets.clone();
    visit::each_stmt(info.body, false, &mut |stmt| {
        if let StmtKind::Assign(targets, _) = &stmt.kind {
            names.extend(targets.iter().filter_map(Expr::as_name));
        }
    });
    names
}

fn reads_late(context: &Context<'_, '_>, frame: FrameId, callback: &Expr, name: &str) -> bool {
    match &callback.kind {
        ExprKind::Lambda(lambda) => {
            !lambda.params.iter().any(|p| &*p.name == name) && visit::mentions(&lambda.body, name)
        }
        ExprKind::Name(function) => {
            let nested = context
                .trace
                .function(frame)
                .and_then(|id| context.project.function(id).nested.get(&**function).copied());
            nested.is_some_and(|id| {
                let def = context.project.function(id).def;
                let in_loop =
                    context.trace.loops(frame).any(|(f, _)| f.span.contains(def.name_span));
                in_loop
                    && !def.params.iter().any(|p| &*p.name == name)
                    && visit::any_in_body(&def.body, &mut |e| e.as_name() == Some(name))
            })
        }
        _ => false,
    }
}
