//! From a call to what it does.

use std::sync::Arc;

use super::network::{client_call, given_limit, network_call};
use super::tables::{
    BROKERS, ENQUEUE_FUNCTIONS, ENQUEUE_METHODS, ON_COMMIT, SLEEPS, TASK_DECORATORS,
};
use super::walk::Walker;
use super::{Ask, CacheOp, EventKind, FetchBy, Limit, Network};
use crate::infer::query::{Effect, effect};
use crate::infer::{Callee, Ty};
use crate::project::{FnId, ModuleId, Project, Symbol};
use crate::syntax::ast::{Call, Expr, ExprKind, Stmt, StmtKind};
use crate::syntax::visit;

impl<'a> Walker<'_, 'a> {
    /// The events of one call.
    pub(super) fn classify(&mut self, expr: &'a Expr, call: &'a Call) {
        let callee = self.infer.callee(call, &self.scope);
        if self.is_enqueue(call) {
            let what = self.text(&call.func);
            let delayed = call.keyword("countdown").is_some() || call.keyword("eta").is_some();
            return self.emit(expr, EventKind::Enqueue { what, delayed });
        }
        match callee {
            Callee::Outside(path) => self.outside(expr, call, path),
            Callee::Function(target) => self.emit(expr, EventKind::Call { target, call }),
            Callee::Class(id) => {
                if let Some(target) = self.project.method(id, "__init__") {
                    self.emit(expr, EventKind::Call { target, call });
                }
            }
            Callee::Method(owner, name) => self.method(expr, call, &owner, name),
            Callee::Builtin(name) => self.builtin(expr, call, name),
            Callee::Unknown => {
                if let Some((_, name)) = call.method() {
                    self.unknown_method(expr, call, name);
                }
            }
        }
    }

    fn outside(&mut self, expr: &'a Expr, call: &'a Call, path: Arc<str>) {
        if SLEEPS.contains(&&*path) {
            let seconds = call.args.first().and_then(seconds);
            return self.emit(expr, EventKind::Sleep { seconds });
        }
        if ON_COMMIT.contains(&&*path) {
            if let Some(callback) = call.args.first().or_else(|| call.keyword("func")) {
                self.emit(expr, EventKind::OnCommit { callback });
            }
            return;
        }
        if ENQUEUE_FUNCTIONS.contains(&&*path) {
            return self.emit(expr, EventKind::Enqueue { what: path.to_string(), delayed: false });
        }
        if let Some(kind) = network_call(&path, call) {
            let kind = self.of_wrapper(kind, call);
            self.emit(expr, kind);
        } else if let Some(op) = cache_op(&path) {
            self.emit(expr, EventKind::Cache { op, key: call.args.first() });
        } else if path.ends_with(".Thread") || path.ends_with(".Timer") {
            self.thread(expr, call, &path);
        }
        self.emit(expr, EventKind::Outside { path, call });
    }

    fn thread(&mut self, expr: &'a Expr, call: &'a Call, path: &str) {
        let position = if path.ends_with(".Timer") { 1 } else { usize::MAX };
        if let Some(target) = call.keyword("target").or_else(|| call.args.get(position)) {
            let ty = self.infer.ty(target, &self.scope);
            self.emit(expr, EventKind::Spawn { target, ty, executor: false });
        }
    }

    fn method(&mut self, expr: &'a Expr, call: &'a Call, owner: &Ty<'a>, name: &'a str) {
        match owner {
            Ty::Query(query) => {
                if let Effect::One(op) | Effect::Asks(op) = effect(name)
                    && !(query.preloaded_itself && matches!(name, "count" | "exists"))
                {
                    let query = Arc::clone(query);
                    self.emit(expr, EventKind::Ask(Ask { op, method: name, query, expr }));
                }
            }
            Ty::Object(class, _) if self.project.is_model(*class) => {
                if matches!(name, "save" | "delete" | "refresh_from_db" | "asave" | "adelete") {
                    self.emit(expr, EventKind::Write { method: name });
                }
            }
            Ty::Outside(path) => self.outside_method(expr, call, path, name),
            _ => self.unknown_method(expr, call, name),
        }
    }

    fn outside_method(&mut self, expr: &'a Expr, call: &'a Call, path: &str, name: &'a str) {
        let dotted: Arc<str> = format!("{path}().{name}").into();
        if let Some(kind) = client_call(path, name, call, self.client_limit(call)) {
            let kind = self.of_wrapper(kind, call);
            self.emit(expr, kind);
        } else if matches!(name, "submit" | "map") && path.ends_with("PoolExecutor") {
            self.submit(expr, call);
        } else if is_sql_method(name) && is_cursor(path) {
            self.sql(expr, call);
        }
        self.emit(expr, EventKind::Outside { path: dotted, call });
        self.emit(expr, EventKind::Method { name });
    }

    fn submit(&mut self, expr: &'a Expr, call: &'a Call) {
        if let Some(target) = call.args.first() {
            let ty = self.infer.ty(target, &self.scope);
            self.emit(expr, EventKind::Spawn { target, ty, executor: true });
        }
    }

    fn sql(&mut self, expr: &'a Expr, call: &'a Call) {
        let text = call.args.first().and_then(|arg| self.sql_text(arg));
        if let Some(text) = text {
            self.emit(expr, EventKind::Sql { text });
        }
    }

    fn sql_text(&self, arg: &'a Expr) -> Option<&'a str> {
        match &arg.kind {
            ExprKind::Str(text) | ExprKind::FString(text, _) => Some(text),
            ExprKind::Binary(left, _, _) => self.sql_text(left),
            ExprKind::Name(name) => self.strings.get(&**name).copied().or_else(|| {
                match self.project.global(self.scope.module, name) {
                    Some(Symbol::Constant(_, value)) => value.as_text(),
                    _ => None,
                }
            }),
            ExprKind::Call(call) => call.args.first().and_then(|a| self.sql_text(a)),
            _ => None,
        }
    }

    /// A method of something unknown: only names that mean one thing everywhere count.
    fn unknown_method(&mut self, expr: &'a Expr, call: &'a Call, name: &'a str) {
        if is_sql_method(name) {
            let receiver = call.method().map(|(value, _)| self.text(value)).unwrap_or_default();
            if receiver.to_ascii_lowercase().contains("cur") || receiver == "c" {
                self.sql(expr, call);
            }
        }
        self.emit(expr, EventKind::Method { name });
    }

    fn builtin(&mut self, expr: &'a Expr, call: &'a Call, name: &'a str) {
        if let Some(how) = aggregate_builtin(name) {
            self.aggregate(expr, call, how);
        }
        let by = match name {
            "list" | "tuple" | "set" | "sorted" | "sum" | "max" | "min" | "dict" => {
                FetchBy::Collect
            }
            "len" => FetchBy::Len,
            _ => return,
        };
        if let Some(arg) = call.args.first()
            && let Ty::Query(query) = self.infer.ty(arg, &self.scope)
            && !query.bare
        {
            self.emit(expr, EventKind::Fetch { query, by, expr: arg });
        }
    }

    /// `sum(row.x for row in query)`: one number the database could have given.
    fn aggregate(&mut self, expr: &'a Expr, call: &'a Call, how: &'static str) {
        let Some(ExprKind::Comp(comp)) = call.args.first().map(|arg| &arg.kind) else { return };
        let [generator] = comp.generators.as_slice() else { return };
        let Some(row) = generator.target.as_name() else { return };
        if let Ty::Query(query) = self.infer.ty(&generator.iter, &self.scope)
            && self.is_column(&comp.elt, row, &query)
        {
            self.emit(expr, EventKind::Aggregate { query, how, iter: &generator.iter });
        }
    }

    fn is_enqueue(&self, call: &'a Call) -> bool {
        let Some((receiver, name)) = call.method() else { return false };
        if ENQUEUE_METHODS.contains(&name) {
            return !matches!(receiver.kind, ExprKind::Str(_)) && !self.is_transactional(receiver);
        }
        if !matches!(name, "send" | "send_with_options" | "enqueue" | "schedule") {
            return false;
        }
        match self.infer.ty(receiver, &self.scope) {
            Ty::Symbol(Symbol::Function(id)) => is_task(self.project, id),
            _ => false,
        }
    }

    /// Whether the receiver is a job of a queue that may live in the database itself, so that
    /// queueing is part of the transaction: its decorator comes from a package that is not known
    /// to bring a broker of its own, or is the project's and uses none.
    fn is_transactional(&self, receiver: &'a Expr) -> bool {
        let Ty::Symbol(Symbol::Function(id)) = self.infer.ty(receiver, &self.scope) else {
            return false;
        };
        let info = self.project.function(id);
        info.def.decorators.iter().any(|decorator| {
            let callee = decorator.as_call().map_or(decorator, |call| &call.func);
            let named = decorator_name(decorator)
                .is_some_and(|name| name.contains("task") || name.contains("job"));
            named
                && match self.project.symbol_of(info.module, callee) {
                    Symbol::Outside(path) => !has_broker(&path),
                    Symbol::Function(id) => !self.uses_broker(self.project.function(id).module),
                    Symbol::Class(id) => !self.uses_broker(self.project.class(id).module),
                    Symbol::Module(_) | Symbol::Constant(..) | Symbol::Unknown => false,
                }
        })
    }

    fn uses_broker(&self, module: ModuleId) -> bool {
        self.project.module(module).path.contains("celery")
            || self.project.imports(module).any(has_broker)
    }

    /// A limit passed on from a parameter is none at all while the parameter is `None`.
    fn of_wrapper(&self, kind: EventKind<'a>, call: &Call) -> EventKind<'a> {
        let passed = call.keyword("timeout").and_then(Expr::as_name);
        let unset = passed.is_some_and(|name| {
            let def = self.scope.function.map(|id| self.project.function(id).def);
            def.is_some_and(|def| {
                let mut params = def.params.iter();
                params.any(|p| &*p.name == name && p.default_none) && !assigns(&def.body, name)
            })
        });
        match kind {
            EventKind::Network(network) if unset && network.limit == Limit::Given => {
                EventKind::Network(Network { limit: Limit::Unset, ..network })
            }
            other => other,
        }
    }

    /// The limit given where the client of this method call was created, when that is visible.
    fn client_limit(&self, call: &'a Call) -> Option<Limit> {
        let (receiver, _) = call.method()?;
        let created = match &receiver.kind {
            ExprKind::Call(created) => Some(&**created),
            ExprKind::Name(name) => self.created.get(&**name).copied(),
            ExprKind::Attr(_, attr) => {
                let class = self.scope.class?;
                let found = self.project.self_attr(class, attr);
                found.or_else(|| self.project.class_attr(class, attr))?.1.as_call()
            }
            _ => None,
        }?;
        Some(given_limit(created, None))
    }
}

/// Whether a statement of `body` assigns `name`.
fn assigns(body: &[Stmt], name: &str) -> bool {
    visit::any_stmt(body, &mut |stmt| match &stmt.kind {
        StmtKind::Assign(targets, _) => targets.iter().any(|t| t.as_name() == Some(name)),
        _ => false,
    })
}

fn has_broker(path: &str) -> bool {
    BROKERS.iter().any(|broker| path.split('.').any(|part| part.contains(broker)))
}

/// Whether function `id` is a background job.
pub(crate) fn is_task(project: &Project<'_>, id: FnId) -> bool {
    project.function(id).def.decorators.iter().any(|decorator| {
        decorator_name(decorator).is_some_and(|name| TASK_DECORATORS.contains(&name))
    })
}

/// The last name of a decorator, called or not.
pub(crate) fn decorator_name(decorator: &Expr) -> Option<&str> {
    let callee = decorator.as_call().map_or(decorator, |call| &call.func);
    callee.as_attr().map(|(_, attr)| attr).or_else(|| callee.as_name())
}

fn seconds(arg: &Expr) -> Option<f64> {
    match arg.kind {
        #[expect(clippy::cast_precision_loss, reason = "seconds of a sleep are small")]
        ExprKind::Int(n) => Some(n as f64),
        ExprKind::Float(x) => Some(x),
        _ => None,
    }
}

fn is_sql_method(name: &str) -> bool {
    matches!(name, "execute" | "executemany")
}

fn is_cursor(path: &str) -> bool {
    path.contains("cursor") || path.starts_with("django.db.") || path.starts_with("psycopg")
}

fn cache_op(path: &str) -> Option<CacheOp> {
    let rest = path.strip_prefix("django.core.cache.cache.").or_else(|| {
        path.strip_prefix("django.core.cache.caches").and_then(|rest| rest.rsplit('.').next())
    })?;
    match rest {
        "get" | "get_many" => Some(CacheOp::Get),
        "set" | "set_many" => Some(CacheOp::Set),
        "add" | "lock" => Some(CacheOp::Guard),
        "get_or_set" => Some(CacheOp::GetOrSet),
        _ => None,
    }
}

fn aggregate_builtin(name: &str) -> Option<&'static str> {
    match name {
        "sum" => Some("sum()"),
        "max" => Some("max()"),
        "min" => Some("min()"),
        _ => None,
    }
}
