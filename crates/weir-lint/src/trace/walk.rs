//! The walk itself: scopes, frames, and an event for each thing that happens.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{
    Atomic, Event, EventKind, FetchBy, Frame, FrameId, FrameKind, Loop, LoopKind, ModuleTrace,
};
use crate::infer::{Bound, Infer, Query, Scope, Ty};
use crate::project::{ModuleId, Project};
use crate::syntax::ast::{
    Branch, Call, Class, Expr, ExprKind, For, Function, Handler, Span, Stmt, StmtKind, Try,
    WithItem,
};
use crate::syntax::visit;

/// The state of one walk over a module.
pub(super) struct Walker<'p, 'a> {
    pub(super) project: &'p Project<'a>,
    pub(super) infer: Infer<'p, 'a>,
    pub(super) scope: Scope<'a>,
    /// Calls that created the value of a local name.
    pub(super) created: HashMap<&'a str, &'a Call>,
    /// Text assigned to a local name.
    pub(super) strings: HashMap<&'a str, &'a str>,
    frame: FrameId,
    out: ModuleTrace<'a>,
}

/// Walks module `id`.
pub(crate) fn trace_module<'a>(project: &Project<'a>, id: ModuleId) -> ModuleTrace<'a> {
    let module = project.module(id);
    let root = Frame { kind: FrameKind::Module, parent: None, span: Span::default() };
    let mut walker = Walker {
        project,
        infer: Infer { project },
        scope: Scope::module(id),
        created: HashMap::new(),
        strings: HashMap::new(),
        frame: FrameId(0),
        out: ModuleTrace {
            module: id,
            frames: vec![root],
            events: Vec::new(),
            kept: HashSet::new(),
        },
    };
    walker.block(&module.body);
    walker.out
}

impl<'a> Walker<'_, 'a> {
    pub(super) fn emit(&mut self, expr: &'a Expr, kind: EventKind<'a>) {
        self.out.events.push(Event { span: expr.span, frame: self.frame, kind });
    }

    /// The source of `expr` on one line, shortened.
    pub(super) fn text(&self, expr: &Expr) -> String {
        let text = self.project.module(self.scope.module).slice(expr.span);
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() > 60 {
            line.chars().take(57).chain("...".chars()).collect()
        } else {
            line
        }
    }

    pub(super) fn within(&mut self, kind: FrameKind<'a>, span: Span, walk: impl FnOnce(&mut Self)) {
        let parent = self.frame;
        let number = u32::try_from(self.out.frames.len()).unwrap_or(u32::MAX);
        self.out.frames.push(Frame { kind, parent: Some(parent), span });
        self.frame = FrameId(number);
        walk(self);
        self.frame = parent;
    }

    fn block(&mut self, body: &'a [Stmt]) {
        for stmt in body {
            self.stmt(stmt);
        }
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Function(def) => self.function(def, stmt.span, None),
            StmtKind::Class(def) => self.class(def),
            StmtKind::Return(value) | StmtKind::Raise(value) => {
                value.iter().for_each(|v| self.expr(v));
            }
            StmtKind::Delete(targets) => targets.iter().for_each(|t| self.expr(t)),
            StmtKind::Assign(targets, value) => self.assign(targets, value),
            StmtKind::AnnAssign(target, annotation, value) => {
                if let Some(value) = value {
                    self.assign(std::slice::from_ref(target), value);
                }
                self.annotate(target, annotation);
            }
            StmtKind::AugAssign(target, _, value) => {
                self.expr(value);
                self.forget(target);
            }
            StmtKind::For(node) => self.for_loop(node, stmt.span),
            StmtKind::While(test, body) => self.while_loop(test, body, stmt.span),
            StmtKind::If(branches) => self.branches(branches, stmt.span),
            StmtKind::Match(subject, branches) => {
                self.expr(subject);
                self.branches(branches, stmt.span);
            }
            StmtKind::With(items, body) => self.with(items, body, stmt.span),
            StmtKind::Try(node) => self.try_stmt(node, stmt.span),
            StmtKind::Assert(test) => self.expr(test),
            StmtKind::Expr(value) => {
                self.expr(value);
                self.dropped(value);
            }
            StmtKind::Import(_)
            | StmtKind::ImportFrom { .. }
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Pass => {}
        }
    }

    fn class(&mut self, def: &'a Class) {
        def.decorators.iter().for_each(|d| self.expr(d));
        let outer = self.scope.class;
        self.scope.class = self.project.class_id(def);
        for stmt in &def.body {
            match &stmt.kind {
                StmtKind::Function(method) => self.function(method, stmt.span, Some(def)),
                _ => self.stmt(stmt),
            }
        }
        self.scope.class = outer;
    }

    fn function(&mut self, def: &'a Function, span: Span, class: Option<&'a Class>) {
        def.decorators.iter().for_each(|d| self.expr(d));
        let Some(id) = self.project.fn_id(def) else { return };
        let saved = (self.scope.clone(), self.created.clone(), self.strings.clone());
        self.scope.function = Some(id);
        self.bind_params(def, class);
        let atomic = self.atomic_by_decorator(def, class);
        self.within(FrameKind::Function(id), span, |walker| {
            if atomic {
                let kind = FrameKind::Atomic(Atomic { statements: usize::MAX });
                walker.within(kind, def.name_span, |walker| walker.block(&def.body));
            } else {
                walker.block(&def.body);
            }
        });
        (self.scope, self.created, self.strings) = saved;
    }

    fn bind_params(&mut self, def: &'a Function, class: Option<&'a Class>) {
        let is_action = is_admin_action(def);
        for (at, param) in def.params.iter().enumerate() {
            let annotated = param.annotation.as_ref();
            if param.variadic {
                self.scope.locals.insert(&param.name, Ty::Small);
                continue;
            }
            if is_action && &*param.name == "queryset" {
                let capped = Query { capped: true, ..Query::default() };
                self.scope.locals.insert("queryset", Ty::Query(Arc::new(capped)));
                continue;
            }
            let ty = match annotated.map(|a| self.infer.annotated(a, self.scope.module)) {
                Some(Ty::Unknown) | None => match (at, &*param.name) {
                    (0, "self") if class.is_some() => {
                        self.scope.class.map_or(Ty::Unknown, |id| self.infer.instance(id))
                    }
                    (0, "cls" | "self" | "mcs") | (_, "request" | "info") => Ty::Unknown,
                    _ => Ty::Param,
                },
                Some(known) => known,
            };
            self.scope.locals.insert(&param.name, ty);
        }
    }

    fn assign(&mut self, targets: &'a [Expr], value: &'a Expr) {
        self.expr(value);
        self.out.kept.insert(value.span);
        let ty = self.infer.ty(value, &self.scope);
        for target in targets {
            match &target.kind {
                ExprKind::Name(name) => {
                    self.remember(name, value);
                    self.scope.locals.insert(name, ty.clone());
                }
                ExprKind::Tuple(parts) | ExprKind::List(parts) => match &value.kind {
                    ExprKind::Tuple(values) if values.len() == parts.len() => {
                        for (part, value) in parts.iter().zip(values) {
                            let ty = self.infer.ty(value, &self.scope);
                            self.bind(part, ty);
                        }
                    }
                    _ => parts.iter().for_each(|part| self.bind(part, Ty::Unknown)),
                },
                ExprKind::Subscript(owner, index) => {
                    self.expr(index);
                    self.forget(owner);
                }
                _ => {}
            }
        }
    }

    fn remember(&mut self, name: &'a str, value: &'a Expr) {
        match value.as_call() {
            Some(call) => self.created.insert(name, call),
            None => self.created.remove(name),
        };
        match value.as_text() {
            Some(text) => self.strings.insert(name, text),
            None => self.strings.remove(name),
        };
    }

    fn annotate(&mut self, target: &'a Expr, annotation: &'a Expr) {
        if let Some(name) = target.as_name() {
            match self.infer.annotated(annotation, self.scope.module) {
                Ty::Unknown => {}
                ty if matches!(self.scope.locals.get(name), None | Some(Ty::Unknown)) => {
                    self.scope.locals.insert(name, ty);
                }
                _ => {}
            }
        }
    }

    pub(super) fn bind(&mut self, target: &'a Expr, ty: Ty<'a>) {
        match &target.kind {
            ExprKind::Name(name) => {
                self.scope.locals.insert(name, ty);
            }
            ExprKind::Tuple(parts) | ExprKind::List(parts) => {
                parts.iter().for_each(|part| self.bind(part, Ty::Unknown));
            }
            ExprKind::Starred(inner) => self.bind(inner, Ty::Unknown),
            _ => {}
        }
    }

    /// A name that grows is no longer what it was.
    pub(super) fn forget(&mut self, target: &'a Expr) {
        if let Some(name) = target.as_name()
            && matches!(self.scope.locals.get(name), Some(Ty::Small))
        {
            self.scope.locals.insert(name, Ty::Unknown);
        }
    }

    fn for_loop(&mut self, node: &'a For, span: Span) {
        self.expr(&node.iter);
        self.fetch(&node.iter, FetchBy::Loop);
        self.adds_up(node);
        let info = Loop {
            kind: LoopKind::For,
            iter: &node.iter,
            targets: names_of(&node.target),
            derived: derived(&node.target, &node.body),
            bound: self.infer.bound(&node.iter, &self.scope),
            body: &node.body,
            exits: exits(&node.body),
        };
        self.bind_element(&node.target, &node.iter);
        self.within(FrameKind::Loop(Box::new(info)), span, |w| w.block(&node.body));
        self.block(&node.orelse);
    }

    pub(super) fn bind_element(&mut self, target: &'a Expr, iter: &'a Expr) {
        let collection = self.infer.ty(iter, &self.scope);
        let element = self.infer.element(&collection);
        let counted = iter.as_call().is_some_and(|c| c.func.as_name() == Some("enumerate"));
        match &target.kind {
            ExprKind::Tuple(parts) if counted && parts.len() == 2 => {
                self.bind(&parts[0], Ty::Unknown);
                self.bind(&parts[1], element);
            }
            _ => self.bind(target, element),
        }
    }

    fn while_loop(&mut self, test: &'a Expr, body: &'a [Stmt], span: Span) {
        let info = Loop {
            kind: LoopKind::While,
            iter: test,
            targets: Vec::new(),
            derived: HashSet::new(),
            bound: Bound::Unknown,
            body,
            exits: true,
        };
        self.within(FrameKind::Loop(Box::new(info)), span, |w| {
            w.expr(test);
            w.block(body);
        });
    }

    fn branches(&mut self, branches: &'a [Branch], span: Span) {
        for branch in branches {
            branch.test.iter().for_each(|test| self.expr(test));
            self.within(FrameKind::Branch(branch.test.as_ref()), span, |w| w.block(&branch.body));
        }
    }

    fn with(&mut self, items: &'a [WithItem], body: &'a [Stmt], span: Span) {
        let Some((first, rest)) = items.split_first() else { return self.block(body) };
        let context = &first.context;
        self.expr(context);
        if let Some(target) = &first.target {
            let ty = self.infer.ty(context, &self.scope);
            self.bind(target, ty);
            if let (Some(name), Some(call)) = (target.as_name(), context.as_call()) {
                self.created.insert(name, call);
            }
        }
        let kind = if self.is_atomic(context) {
            FrameKind::Atomic(Atomic { statements: body.len() })
        } else {
            FrameKind::With(context)
        };
        let head = if matches!(kind, FrameKind::Atomic(_)) { context.span } else { span };
        self.within(kind, head, |w| w.with(rest, body, span));
    }

    fn try_stmt(&mut self, node: &'a Try, span: Span) {
        self.within(FrameKind::Try(&node.handlers), span, |w| w.block(&node.body));
        for handler in &node.handlers {
            self.handler(handler);
        }
        self.block(&node.orelse);
        self.block(&node.finalbody);
    }

    fn handler(&mut self, handler: &'a Handler) {
        if let Some(name) = &handler.name {
            self.scope.locals.insert(name, Ty::Unknown);
        }
        self.within(FrameKind::Handler, handler.span, |w| w.block(&handler.body));
    }
}

/// The plain name at the start of an attribute chain.
pub(crate) fn root_name(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name),
        ExprKind::Attr(value, _) => root_name(value),
        _ => None,
    }
}

pub(super) fn names_of(target: &Expr) -> Vec<&str> {
    match &target.kind {
        ExprKind::Name(name) => vec![name],
        ExprKind::Tuple(parts) | ExprKind::List(parts) => parts.iter().flat_map(names_of).collect(),
        ExprKind::Starred(inner) => names_of(inner),
        _ => Vec::new(),
    }
}

fn exits(body: &[Stmt]) -> bool {
    visit::any_stmt(body, &mut |stmt| matches!(stmt.kind, StmtKind::Break | StmtKind::Return(_)))
}

/// `def action(modeladmin, request, queryset)`: the admin hands over what the user ticked.
fn is_admin_action(def: &Function) -> bool {
    let names: Vec<&str> = def.params.iter().map(|p| &*p.name).collect();
    matches!(names.as_slice(), [_, "request", "queryset", ..])
}

/// The loop's variables and what its body makes from them, two assignments deep.
pub(super) fn derived<'a>(target: &'a Expr, body: &'a [Stmt]) -> HashSet<&'a str> {
    let mut names: HashSet<&str> = names_of(target).into_iter().collect();
    for _ in 0..2 {
        visit::each_stmt(body, false, &mut |stmt| {
            if let StmtKind::Assign(targets, value) = &stmt.kind
                && visit::any_expr(value, &mut |e| e.as_name().is_some_and(|n| names.contains(n)))
            {
                names.extend(targets.iter().filter_map(Expr::as_name));
            }
        });
    }
    names
}
