//! `executor-waits`: an executor used as if it ran in the background.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::syntax::ast::{Call, StmtKind};
use crate::syntax::visit;
use crate::trace::{EventKind, Frame, FrameKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "executor-waits",
        summary: "leaving `with ThreadPoolExecutor` waits for every job, and dropped futures lose their errors",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("executor-waits"),
    },
    check,
};

const HELP: &str = "hand the work to a task queue or write an outbox row; if waiting is meant, keep \
                    the futures and read each `result()`";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Outside { path, call } = &event.kind else { continue };
        if !path.ends_with("ThreadPoolExecutor().submit") || !is_dropped(context, call) {
            continue;
        }
        let Some(block) = context.trace.inside(event.frame).find(|f| is_executor(context, f))
        else {
            continue;
        };
        let message = "the future is dropped, so errors are lost, and the block still waits for it";
        let note = context.note(block.span, "leaving this block waits for every job");
        sink.push(Draft::new(event.span, message, HELP).with(note));
    }
}

fn is_executor(context: &Context<'_, '_>, frame: &Frame<'_>) -> bool {
    match &frame.kind {
        FrameKind::With(expr) => expr.as_call().is_some_and(|call| {
            let path = context.project.outside_path(context.id, &call.func);
            path.is_some_and(|path| path.ends_with("ThreadPoolExecutor"))
        }),
        _ => false,
    }
}

/// Whether the call is a statement of its own.
fn is_dropped(context: &Context<'_, '_>, call: &Call) -> bool {
    let mut dropped = false;
    visit::each_stmt(&context.module.body, true, &mut |stmt| {
        if let StmtKind::Expr(value) = &stmt.kind {
            dropped |= value.as_call().is_some_and(|c| std::ptr::eq(c, call));
        }
    });
    dropped
}
