//! `atomic-swallowed-error`: a database error is caught inside the transaction it broke.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::infer::QueryOp;
use crate::syntax::ast::{Expr, ExprKind, Handler, Span, StmtKind};
use crate::syntax::visit;
use crate::trace::{EventKind, Frame, FrameId, FrameKind};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "atomic-swallowed-error",
        summary: "a database error caught inside `atomic` leaves a broken transaction that every later query hits",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("atomic-swallowed-error"),
    },
    check,
};

const HELP: &str = "let the error leave the block, or wrap the statement that may fail in its own \
                    `with transaction.atomic():` inside the `try`";

/// Classes that a failed statement raises, or that include them.
const DATABASE_ERRORS: [&str; 9] = [
    "Exception",
    "BaseException",
    "DatabaseError",
    "IntegrityError",
    "OperationalError",
    "ProgrammingError",
    "DataError",
    "InternalError",
    "Error",
];

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let (writes, what) = match &event.kind {
            EventKind::Ask(ask) if own_savepoint(ask.method) => continue,
            EventKind::Ask(ask) => (ask.op != QueryOp::Read, format!(".{}()", ask.method)),
            EventKind::Write { method, .. } => (true, format!(".{method}()")),
            _ => continue,
        };
        let Some((handler, atomic)) = swallowed(context, event.frame) else { continue };
        let broad = handler.class.as_ref().is_none_or(|class| !names_database(class));
        let sure = match (writes, broad) {
            (true, false) => Confidence::High,
            (true, true) => Confidence::Medium,
            (false, false) => Confidence::Medium,
            (false, true) => Confidence::Low,
        };
        let message = format!(
            "an error of `{what}` is swallowed here, inside the transaction that it breaks"
        );
        let span = Span {
            start: handler.span.start,
            end: handler.class.as_ref().map_or(handler.span.start + 6, |c| c.span.end),
        };
        let opened = context.note(atomic.span, "the transaction opens here");
        let failing = context.note(event.span, "this statement may fail");
        sink.push(Draft::new(span, message, HELP).sure(sure).with(opened).with(failing));
    }
}

/// These open a savepoint around their own insert.
fn own_savepoint(method: &str) -> bool {
    matches!(method, "get_or_create" | "update_or_create" | "aget_or_create" | "aupdate_or_create")
}

/// The handler that swallows errors of this place, with the transaction around its `try`.
fn swallowed<'t, 'a>(
    context: &Context<'t, 'a>,
    frame: FrameId,
) -> Option<(&'a Handler, &'t Frame<'a>)> {
    let mut handler = None;
    let mut tries = 0;
    for around in context.trace.inside(frame) {
        match &around.kind {
            // Alone in its block the `try` has nothing to drag along.
            FrameKind::Atomic(atomic) if atomic.statements == 1 && tries == 1 => return None,
            FrameKind::Atomic(_) => return handler.map(|handler| (handler, around)),
            FrameKind::Try(handlers) if handler.is_none() => {
                tries += 1;
                handler = handlers.iter().find(|h| catches(h)).filter(|h| swallows(h));
                if handler.is_none() && handlers.iter().any(catches) {
                    return None;
                }
            }
            _ => tries += 1,
        }
    }
    None
}

fn catches(handler: &Handler) -> bool {
    handler.class.as_ref().is_none_or(|class| any_class(class, &DATABASE_ERRORS))
}

fn names_database(class: &Expr) -> bool {
    any_class(class, &DATABASE_ERRORS[2..])
}

fn any_class(class: &Expr, names: &[&str]) -> bool {
    match &class.kind {
        ExprKind::Tuple(parts) => parts.iter().any(|part| any_class(part, names)),
        ExprKind::Name(name) | ExprKind::Attr(_, name) => names.contains(&&**name),
        _ => false,
    }
}

/// Whether the handler neither raises nor marks the transaction for rollback nor ends the process.
fn swallows(handler: &Handler) -> bool {
    !visit::any_stmt(&handler.body, &mut |stmt| matches!(stmt.kind, StmtKind::Raise(_)))
        && !visit::any_in_body(&handler.body, &mut |expr| {
            let name = expr.as_attr().map(|(_, attr)| attr).or_else(|| expr.as_name());
            matches!(
                name,
                Some(
                    "set_rollback"
                        | "savepoint_rollback"
                        | "rollback"
                        | "exit"
                        | "abort"
                        | "fail"
                        | "reraise"
                        | "_exit"
                )
            )
        })
}
