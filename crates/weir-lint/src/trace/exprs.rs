//! The walk through expressions: calls, comprehensions, relations of rows, sums in Python.

use super::walk::{Walker, derived, names_of, root_name};
use super::{EventKind, FetchBy, FrameKind, Loop, LoopKind, RelationRead};
use crate::infer::query::{Effect, effect};
use crate::infer::{Query, Ty};
use crate::project::RelationKind;
use crate::syntax::ast::{BinOp, Call, Comp, CompKind, Expr, ExprKind, For, Span, Stmt, StmtKind};
use crate::syntax::visit;

impl<'a> Walker<'_, 'a> {
    pub(super) fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Lambda(lambda) => {
                let saved = self.scope.locals.clone();
                self.scope.locals.extend(lambda.params.iter().map(|p| (&*p.name, Ty::Param)));
                self.within(FrameKind::Lambda, expr.span, |w| w.expr(&lambda.body));
                self.scope.locals = saved;
            }
            ExprKind::Comp(comp) => self.comp(comp, expr),
            ExprKind::IfExp(parts) => {
                self.expr(&parts[0]);
                self.within(FrameKind::Branch(Some(&parts[0])), expr.span, |w| {
                    w.expr(&parts[1]);
                    w.expr(&parts[2]);
                });
            }
            ExprKind::Bool2(parts) => self.bool_op(parts, expr.span),
            ExprKind::Named(target, value) => {
                self.expr(value);
                let ty = self.infer.ty(value, &self.scope);
                self.bind(target, ty);
            }
            ExprKind::Call(call) => {
                visit::children(expr, &mut |child| self.expr(child));
                self.classify(expr, call);
                self.grows(call);
            }
            ExprKind::Attr(value, attr) => {
                self.expr(value);
                self.relation(expr, value, attr);
            }
            _ => visit::children(expr, &mut |child| self.expr(child)),
        }
    }

    fn bool_op(&mut self, parts: &'a [Expr], span: Span) {
        let Some((first, rest)) = parts.split_first() else { return };
        self.expr(first);
        self.within(FrameKind::Branch(Some(first)), span, |w| {
            rest.iter().for_each(|part| w.expr(part));
        });
    }

    fn comp(&mut self, comp: &'a Comp, expr: &'a Expr) {
        let saved = self.scope.locals.clone();
        self.comp_level(comp, 0, expr);
        self.scope.locals = saved;
    }

    fn comp_level(&mut self, comp: &'a Comp, level: usize, expr: &'a Expr) {
        let Some(generator) = comp.generators.get(level) else {
            self.expr(&comp.elt);
            comp.value.iter().for_each(|value| self.expr(value));
            return;
        };
        self.expr(&generator.iter);
        self.fetch(&generator.iter, FetchBy::Comprehension);
        let info = Loop {
            kind: LoopKind::Comprehension,
            iter: &generator.iter,
            targets: names_of(&generator.target),
            derived: derived(&generator.target, &[]),
            bound: self.infer.bound(&generator.iter, &self.scope),
            body: &[],
            exits: comp.kind == CompKind::Generator,
        };
        self.bind_element(&generator.target, &generator.iter);
        self.within(FrameKind::Loop(Box::new(info)), expr.span, |w| {
            generator.ifs.iter().for_each(|test| w.expr(test));
            w.comp_level(comp, level + 1, expr);
        });
    }

    pub(super) fn fetch(&mut self, iter: &'a Expr, by: FetchBy) {
        if let Ty::Query(query) = self.infer.ty(iter, &self.scope)
            && !query.bare
        {
            self.emit(iter, EventKind::Fetch { query, by, expr: iter });
        }
    }

    pub(super) fn adds_up(&mut self, node: &'a For) {
        let Some(row) = node.target.as_name() else { return };
        if let Ty::Query(query) = self.infer.ty(&node.iter, &self.scope)
            && only_adds_up(&node.body, &|value| self.is_column(value, row, &query))
        {
            self.emit(
                &node.iter,
                EventKind::Aggregate { query, how: "a loop that only adds up", iter: &node.iter },
            );
        }
    }

    /// Whether `value` is a number the database could add up: a column of `row`, or a constant.
    pub(super) fn is_column(&self, value: &Expr, row: &str, query: &Query) -> bool {
        match &value.kind {
            ExprKind::Int(_) | ExprKind::Float(_) => true,
            ExprKind::Bool2(parts) => self.is_column(&parts[0], row, query),
            ExprKind::Attr(owner, attr) => {
                let declared = query.model.is_none_or(|model| {
                    self.project
                        .class_attr(model, attr)
                        .is_some_and(|(_, value)| value.as_call().is_some())
                        && self.project.method(model, attr).is_none()
                });
                owner.as_name() == Some(row) && (declared || query.annotated) && !query.grouped
            }
            _ => false,
        }
    }

    /// `names.append(x)`: the collection is no longer the literal it began as.
    pub(super) fn grows(&mut self, call: &'a Call) {
        if let Some((owner, "append" | "extend" | "add" | "update" | "insert" | "appendleft")) =
            call.method()
        {
            self.forget(owner);
        }
    }

    fn relation(&mut self, expr: &'a Expr, value: &'a Expr, attr: &'a str) {
        let Some(root) = root_name(value) else { return };
        if !matches!(self.scope.locals.get(root), Some(Ty::Object(_, Some(_)))) {
            return;
        }
        let Ty::Object(owner, Some(row)) = self.infer.ty(value, &self.scope) else { return };
        let Some(relation) = self.project.relation(owner, attr) else { return };
        let path = format!("{}{attr}", row.path);
        if relation.kind != RelationKind::One || row.query.preloads(&path) {
            return;
        }
        let (target, query) = (relation.target, row.query);
        let read = RelationRead { owner, name: attr, path, query, root, target };
        self.emit(expr, EventKind::Relation(read));
    }

    pub(super) fn dropped(&mut self, value: &'a Expr) {
        if let Some((_, name)) = value.as_call().and_then(Call::method)
            && effect(name) == Effect::Lazy
            && !matches!(name, "get_queryset" | "iterator" | "using" | "raw" | "all")
            && let Ty::Query(query) = self.infer.ty(value, &self.scope)
        {
            self.emit(value, EventKind::Dropped { query });
        }
    }
}

/// Whether a loop body does nothing but combine: `total += row.x`, `stats[key]["n"] += 1`.
fn only_adds_up(body: &[Stmt], is_column: &dyn Fn(&Expr) -> bool) -> bool {
    let mut sums = 0;
    let plain = visit_all(body, &mut |stmt| match &stmt.kind {
        StmtKind::AugAssign(_, BinOp::Add, value) => {
            sums += 1;
            is_column(value)
        }
        StmtKind::Assign(_, value) => !has_call(value),
        StmtKind::If(branches) => branches.iter().all(|b| !b.test.as_ref().is_some_and(has_call)),
        StmtKind::Continue | StmtKind::Pass => true,
        _ => false,
    });
    plain && sums > 0
}

fn visit_all<'a>(body: &'a [Stmt], pred: &mut dyn FnMut(&'a Stmt) -> bool) -> bool {
    let mut all = true;
    visit::each_stmt(body, true, &mut |stmt| all = all && pred(stmt));
    all
}

fn has_call(expr: &Expr) -> bool {
    visit::any_expr(expr, &mut |e| matches!(e.kind, ExprKind::Call(_)))
}
