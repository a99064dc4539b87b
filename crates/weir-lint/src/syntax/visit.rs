//! Walks over the tree that need no context.

use super::ast::{Expr, ExprKind, Stmt, StmtKind};

/// Calls `visit` for each direct child expression of `expr`, in source order.
pub(crate) fn children<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        ExprKind::Attr(value, _)
        | ExprKind::Await(value)
        | ExprKind::Starred(value)
        | ExprKind::Not(value)
        | ExprKind::Neg(value)
        | ExprKind::Yield(Some(value)) => visit(value),
        ExprKind::Call(call) => {
            visit(&call.func);
            call.args.iter().for_each(&mut *visit);
            call.keywords.iter().for_each(|k| visit(&k.value));
        }
        ExprKind::FString(_, parts)
        | ExprKind::Tuple(parts)
        | ExprKind::List(parts)
        | ExprKind::Set(parts)
        | ExprKind::Bool2(parts) => parts.iter().for_each(visit),
        ExprKind::Subscript(a, b) | ExprKind::Named(a, b) | ExprKind::Binary(a, _, b) => {
            visit(a);
            visit(b);
        }
        ExprKind::Slice(slice) => slice.lower.iter().chain(&slice.upper).for_each(visit),
        ExprKind::Dict(items) => {
            for (key, value) in items {
                key.iter().for_each(&mut *visit);
                visit(value);
            }
        }
        ExprKind::Comp(comp) => {
            for generator in &comp.generators {
                visit(&generator.iter);
                generator.ifs.iter().for_each(&mut *visit);
            }
            visit(&comp.elt);
            comp.value.iter().for_each(visit);
        }
        ExprKind::Lambda(lambda) => visit(&lambda.body),
        ExprKind::IfExp(parts) => parts.iter().for_each(visit),
        ExprKind::Compare(left, _, rights) => {
            visit(left);
            rights.iter().for_each(visit);
        }
        ExprKind::Name(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Bool(_)
        | ExprKind::None
        | ExprKind::Ellipsis
        | ExprKind::Yield(None)
        | ExprKind::Other => {}
    }
}

/// Calls `visit` for `expr` and everything in it until it returns true; true if it did.
pub(crate) fn any_expr<'a>(expr: &'a Expr, visit: &mut dyn FnMut(&'a Expr) -> bool) -> bool {
    if visit(expr) {
        return true;
    }
    let mut found = false;
    children(expr, &mut |child| found = found || any_expr(child, visit));
    found
}

/// The blocks directly inside a statement.
pub(crate) fn blocks(stmt: &Stmt) -> Vec<&[Stmt]> {
    match &stmt.kind {
        StmtKind::Function(f) => vec![&f.body],
        StmtKind::Class(c) => vec![&c.body],
        StmtKind::For(f) => vec![&f.body, &f.orelse],
        StmtKind::While(_, body) | StmtKind::With(_, body) => vec![body],
        StmtKind::If(branches) | StmtKind::Match(_, branches) => {
            branches.iter().map(|b| b.body.as_slice()).collect()
        }
        StmtKind::Try(t) => {
            let mut all: Vec<&[Stmt]> = vec![&t.body];
            all.extend(t.handlers.iter().map(|h| h.body.as_slice()));
            all.extend([t.orelse.as_slice(), t.finalbody.as_slice()]);
            all
        }
        StmtKind::Return(_)
        | StmtKind::Delete(_)
        | StmtKind::Assign(..)
        | StmtKind::AugAssign(..)
        | StmtKind::AnnAssign(..)
        | StmtKind::Raise(_)
        | StmtKind::Assert(_)
        | StmtKind::Import(_)
        | StmtKind::ImportFrom { .. }
        | StmtKind::Expr(_)
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Pass => Vec::new(),
    }
}

/// The expressions directly in a statement, outside its blocks.
pub(crate) fn stmt_exprs(stmt: &Stmt) -> Vec<&Expr> {
    match &stmt.kind {
        StmtKind::Function(f) => f.decorators.iter().collect(),
        StmtKind::Class(c) => c.decorators.iter().chain(&c.bases).collect(),
        StmtKind::Return(value) | StmtKind::Raise(value) => value.iter().collect(),
        StmtKind::Delete(targets) => targets.iter().collect(),
        StmtKind::Assign(targets, value) => targets.iter().chain([value]).collect(),
        StmtKind::AugAssign(target, _, value) => vec![target, value],
        StmtKind::AnnAssign(target, _, value) => std::iter::once(target).chain(value).collect(),
        StmtKind::For(f) => vec![&f.target, &f.iter],
        StmtKind::While(test, _) | StmtKind::Assert(test) | StmtKind::Expr(test) => vec![test],
        StmtKind::If(branches) => branches.iter().filter_map(|b| b.test.as_ref()).collect(),
        StmtKind::Match(subject, branches) => std::iter::once(subject)
            .chain(branches.iter().filter_map(|b| b.test.as_ref()))
            .collect(),
        StmtKind::With(items, _) => items.iter().map(|i| &i.context).collect(),
        StmtKind::Try(t) => t.handlers.iter().filter_map(|h| h.class.as_ref()).collect(),
        StmtKind::Import(_)
        | StmtKind::ImportFrom { .. }
        | StmtKind::Break
        | StmtKind::Continue
        | StmtKind::Pass => Vec::new(),
    }
}

/// Calls `visit` for every statement of `body` and of the blocks inside, functions and classes
/// included only when `nested` is set.
pub(crate) fn each_stmt<'a>(body: &'a [Stmt], nested: bool, visit: &mut dyn FnMut(&'a Stmt)) {
    for stmt in body {
        visit(stmt);
        let definition = matches!(stmt.kind, StmtKind::Function(_) | StmtKind::Class(_));
        if nested || !definition {
            for block in blocks(stmt) {
                each_stmt(block, nested, visit);
            }
        }
    }
}

/// Whether `pred` holds for a statement of `body`, outside nested functions and classes.
pub(crate) fn any_stmt<'a>(body: &'a [Stmt], pred: &mut dyn FnMut(&'a Stmt) -> bool) -> bool {
    let mut found = false;
    each_stmt(body, false, &mut |stmt| found = found || pred(stmt));
    found
}

/// Whether `pred` holds for an expression of `body`, outside nested functions and classes.
pub(crate) fn any_in_body<'a>(body: &'a [Stmt], pred: &mut dyn FnMut(&'a Expr) -> bool) -> bool {
    any_stmt(body, &mut |stmt| stmt_exprs(stmt).into_iter().any(|e| any_expr(e, pred)))
}

/// Whether the plain name `name` is read anywhere in `expr`.
pub(crate) fn mentions(expr: &Expr, name: &str) -> bool {
    any_expr(expr, &mut |e| e.as_name() == Some(name))
}
