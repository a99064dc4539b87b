//! What opens a transaction: Django's own, names given in the configuration, and project
//! functions whose body is one.

use super::tables::ATOMIC;
use super::walk::Walker;
use crate::project::{FnId, ModuleId, Project, Symbol};
use crate::syntax::ast::{Class, Expr, Function, StmtKind};
use crate::syntax::visit;

/// Handlers that `dispatch` leads to.
const HTTP_METHODS: [&str; 6] = ["dispatch", "get", "post", "put", "patch", "delete"];

impl<'a> Walker<'_, 'a> {
    /// Whether `with context:` opens a transaction.
    pub(super) fn is_atomic(&self, context: &Expr) -> bool {
        opens_atomic(self.project, self.scope.module, context)
    }

    /// Whether a decorator of the function, or of its class for it, opens a transaction.
    pub(super) fn atomic_by_decorator(&self, def: &Function, class: Option<&'a Class>) -> bool {
        let module = self.scope.module;
        let own = def.decorators.iter().any(|decorator| {
            opens_atomic(self.project, module, decorator)
                || method_decorator(decorator)
                    .is_some_and(|(inner, _)| opens_atomic(self.project, module, inner))
        });
        own || class.is_some_and(|class| {
            class.decorators.iter().filter_map(method_decorator).any(|(inner, name)| {
                opens_atomic(self.project, module, inner) && applies(name, &def.name)
            })
        })
    }
}

fn applies(decorated: Option<&str>, method: &str) -> bool {
    match decorated {
        Some("dispatch") => HTTP_METHODS.contains(&method),
        Some(name) => name == method,
        None => false,
    }
}

/// `method_decorator(inner, name="…")`.
fn method_decorator(decorator: &Expr) -> Option<(&Expr, Option<&str>)> {
    let call = decorator.as_call()?;
    let name = call.func.as_attr().map(|(_, attr)| attr).or_else(|| call.func.as_name())?;
    if name != "method_decorator" {
        return None;
    }
    Some((call.args.first()?, call.keyword("name").and_then(Expr::as_str)))
}

fn opens_atomic(project: &Project<'_>, module: ModuleId, expr: &Expr) -> bool {
    let callee = expr.as_call().map_or(expr, |call| &call.func);
    match project.symbol_of(module, callee) {
        Symbol::Outside(path) => is_atomic_path(project, &path),
        Symbol::Function(id) => {
            is_named_atomic(project, &project.function(id).def.name) || is_wrapper(project, id)
        }
        Symbol::Class(id) => is_named_atomic(project, &project.class(id).def.name),
        Symbol::Module(_) | Symbol::Constant(..) | Symbol::Unknown => false,
    }
}

fn is_atomic_path(project: &Project<'_>, path: &str) -> bool {
    ATOMIC.contains(&path) || is_named_atomic(project, path)
}

fn is_named_atomic(project: &Project<'_>, path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    project.config.atomic.iter().any(|name| name == path || name == last)
}

/// A context manager whose `yield`, or a decorator whose wrapped call, is inside a transaction.
fn is_wrapper(project: &Project<'_>, id: FnId) -> bool {
    let info = project.function(id);
    let mut found = false;
    visit::each_stmt(&info.def.body, true, &mut |stmt| {
        if let StmtKind::With(items, body) = &stmt.kind {
            let direct = items.iter().any(|item| {
                let callee = item.context.as_call().map_or(&item.context, |call| &call.func);
                project
                    .outside_path(info.module, callee)
                    .is_some_and(|path| is_atomic_path(project, &path))
            });
            found |= direct && hands_over(info.def, body);
        }
    });
    found
}

/// Whether `body` runs code of the caller: yields, or calls the decorated function.
fn hands_over(def: &Function, body: &[crate::syntax::ast::Stmt]) -> bool {
    let wrapped: Vec<&str> = def.params.iter().map(|p| &*p.name).collect();
    let has_nested = def.body.iter().any(|s| matches!(s.kind, StmtKind::Function(_)));
    visit::any_in_body(body, &mut |expr| match &expr.kind {
        crate::syntax::ast::ExprKind::Yield(_) => !has_nested,
        crate::syntax::ast::ExprKind::Call(call) => {
            has_nested && call.func.as_name().is_some_and(|name| wrapped.contains(&name))
        }
        _ => false,
    })
}
