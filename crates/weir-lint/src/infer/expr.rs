//! From an expression to its [`Ty`].

use std::sync::Arc;

use super::{Infer, Query, Row, Scope, Ty};
use crate::project::{ClassId, RelationKind, Symbol};
use crate::syntax::ast::{Expr, ExprKind};
use crate::syntax::visit;

/// How deep inference follows functions, constants and attributes into each other.
pub(super) const DEPTH_MAX: u8 = 5;

impl<'a> Infer<'_, 'a> {
    /// The kind of value `expr` gives in `scope`.
    pub(crate) fn ty(self, expr: &'a Expr, scope: &Scope<'a>) -> Ty<'a> {
        self.ty_at(expr, scope, DEPTH_MAX)
    }

    pub(super) fn ty_at(self, expr: &'a Expr, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        if depth == 0 {
            return Ty::Unknown;
        }
        match &expr.kind {
            ExprKind::Name(name) => self.name(name, scope, depth),
            ExprKind::Attr(value, attr) => {
                let owner = self.ty_at(value, scope, depth);
                self.attr(owner, attr, depth)
            }
            ExprKind::Call(call) => self.call(call, scope, depth),
            ExprKind::Await(inner) | ExprKind::Named(_, inner) => self.ty_at(inner, scope, depth),
            ExprKind::Subscript(value, index) => self.subscript(value, index, scope, depth),
            ExprKind::IfExp(parts) => match self.ty_at(&parts[1], scope, depth) {
                Ty::Unknown => self.ty_at(&parts[2], scope, depth),
                known => known,
            },
            ExprKind::Bool2(parts) => parts
                .iter()
                .map(|part| self.ty_at(part, scope, depth))
                .find(|ty| !matches!(ty, Ty::Unknown))
                .unwrap_or(Ty::Unknown),
            ExprKind::Binary(left, _, right) => match self.ty_at(left, scope, depth) {
                query @ Ty::Query(_) if matches!(self.ty_at(right, scope, depth), Ty::Query(_)) => {
                    query
                }
                _ => Ty::Unknown,
            },
            ExprKind::List(items) | ExprKind::Tuple(items) | ExprKind::Set(items)
                if !items.is_empty()
                    && !items.iter().any(|i| matches!(i.kind, ExprKind::Starred(_))) =>
            {
                Ty::Small
            }
            ExprKind::Dict(items) if !items.is_empty() && items.iter().all(|i| i.0.is_some()) => {
                Ty::Small
            }
            _ => Ty::Unknown,
        }
    }

    pub(super) fn name(self, name: &str, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        if let Some(ty) = scope.locals.get(name) {
            return ty.clone();
        }
        if let Some(function) = scope.function
            && let Some(id) = self.project.function(function).nested.get(name)
        {
            return Ty::Symbol(Symbol::Function(*id));
        }
        match self.project.global(scope.module, name) {
            Some(symbol) => self.symbol(symbol, depth),
            None => Ty::Unknown,
        }
    }

    /// The value of a global.
    fn symbol(self, symbol: Symbol<'a>, depth: u8) -> Ty<'a> {
        match symbol {
            Symbol::Class(id) if self.project.is_model(id) => Ty::Model(Some(id)),
            Symbol::Constant(module, value) => self.ty_at(value, &Scope::module(module), depth - 1),
            Symbol::Unknown => Ty::Unknown,
            other => Ty::Symbol(other),
        }
    }

    /// An instance of project class `id`; managers and querysets are queries of unknown model.
    pub(crate) fn instance(self, id: ClassId) -> Ty<'a> {
        let queryish = ["Manager", "QuerySet", "BaseManager", "TreeManager", "PageManager"];
        if self.project.inherits_outside(id, &queryish) {
            return Ty::Query(Arc::new(Query { bare: false, ..Query::default() }));
        }
        Ty::Object(id, None)
    }

    pub(crate) fn attr(self, owner: Ty<'a>, attr: &'a str, depth: u8) -> Ty<'a> {
        match owner {
            Ty::Model(model) => self.model_attr(model, attr, depth),
            Ty::Symbol(Symbol::Outside(path)) if is_manager(attr) && looks_like_class(&path) => {
                Ty::Query(Arc::new(Query::manager(None)))
            }
            Ty::Symbol(Symbol::Class(id)) => match self.project.class_attr(id, attr) {
                Some((at, value)) => {
                    let module = self.project.class(at).module;
                    self.ty_at(value, &Scope::module(module), depth - 1)
                }
                None => self.symbol(self.project.member(&Symbol::Class(id), attr), depth),
            },
            Ty::Symbol(symbol) => self.symbol(self.project.member(&symbol, attr), depth),
            Ty::Object(id, row) => self.object_attr(id, row, attr, depth),
            Ty::Unknown => Ty::Unknown,
            other => Ty::Method(Box::new(other), attr),
        }
    }

    fn model_attr(self, model: Option<ClassId>, attr: &'a str, depth: u8) -> Ty<'a> {
        let declared = model.and_then(|id| self.project.class_attr(id, attr));
        let is_declared_manager = declared.is_some_and(|(_, value)| is_manager_call(value));
        if is_manager(attr) || is_declared_manager {
            let mut query = Query::manager(model);
            if let Some(id) = model {
                query.preloads_unknown = self.manager_preloads(id);
            }
            return Ty::Query(Arc::new(query));
        }
        match (model, declared) {
            (Some(_), Some((at, value))) => {
                let module = self.project.class(at).module;
                self.ty_at(value, &Scope::module(module), depth - 1)
            }
            (Some(id), None) => self.symbol(self.project.member(&Symbol::Class(id), attr), depth),
            (None, _) => Ty::Unknown,
        }
    }

    /// Whether the model's default manager fetches relations on its own.
    fn manager_preloads(self, model: ClassId) -> bool {
        let Some(manager) = self.manager_class(model) else { return false };
        let Some(method) = self.project.method(manager, "get_queryset") else { return false };
        visit::any_in_body(&self.project.function(method).def.body, &mut |expr| {
            matches!(expr.as_attr(), Some((_, "select_related" | "prefetch_related")))
        })
    }

    /// The project class behind `objects`: `OrderManager()`, `OrderQuerySet.as_manager()`,
    /// `Manager.from_queryset(OrderQuerySet)()`.
    pub(super) fn manager_class(self, model: ClassId) -> Option<ClassId> {
        let (at, value) = self.project.class_attr(model, "objects")?;
        let module = self.project.class(at).module;
        let call = value.as_call()?;
        let named = |expr: &Expr| match self.project.symbol_of(module, expr) {
            Symbol::Class(id) => Some(id),
            _ => None,
        };
        if let Some(inner) = call.func.as_call() {
            return inner.args.first().and_then(named).or_else(|| named(&inner.func));
        }
        match call.method() {
            Some((class, "as_manager")) => named(class),
            _ => named(&call.func),
        }
    }

    fn object_attr(self, id: ClassId, row: Option<Row>, attr: &'a str, depth: u8) -> Ty<'a> {
        if let Some(relation) = self.project.relation(id, attr) {
            let row = row.map(|r| Row { path: format!("{}{attr}__", r.path), query: r.query });
            return match (relation.kind, relation.target) {
                (RelationKind::One, Some(target)) => Ty::Object(target, row),
                (RelationKind::One, None) => Ty::Unknown,
                (RelationKind::Many, target) => Ty::Query(Arc::new(related(target, id, row))),
            };
        }
        if self.project.method(id, attr).is_some() {
            return Ty::Method(Box::new(Ty::Object(id, row)), attr);
        }
        let found = self.project.self_attr(id, attr).or_else(|| self.project.class_attr(id, attr));
        match found {
            Some((at, value)) => {
                let info = self.project.class(at);
                let mut scope = Scope::module(info.module);
                scope.class = Some(at);
                match self.ty_at(value, &scope, depth - 1) {
                    Ty::Small if !is_constant_name(attr) => Ty::Unknown,
                    ty => ty,
                }
            }
            None => Ty::Method(Box::new(Ty::Object(id, row)), attr),
        }
    }

    fn subscript(self, value: &'a Expr, index: &'a Expr, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        match (self.ty_at(value, scope, depth), &index.kind) {
            (Ty::Query(query), ExprKind::Slice(slice)) if slice.upper.is_some() => {
                Ty::Query(Arc::new(query.sliced()))
            }
            (Ty::Rows(_), ExprKind::Slice(slice)) if slice.upper.is_some() => Ty::Small,
            (Ty::Query(query), ExprKind::Slice(_)) => Ty::Query(query),
            (Ty::Rows(query), ExprKind::Slice(_)) => Ty::Rows(query),
            (Ty::Query(query), _) => match query.model {
                Some(model) if !query.values => Ty::Object(model, None),
                _ => Ty::Unknown,
            },
            (Ty::Unknown | Ty::Param, ExprKind::Slice(slice)) if slice.upper.is_some() => Ty::Small,
            _ => Ty::Unknown,
        }
    }

    /// The kind of one element when iterating over `ty`.
    pub(crate) fn element(self, ty: &Ty<'a>) -> Ty<'a> {
        match ty {
            Ty::Query(query) | Ty::Rows(query) if !query.values => match query.model {
                Some(model) => {
                    Ty::Object(model, Some(Row { query: Arc::clone(query), path: String::new() }))
                }
                None => Ty::Unknown,
            },
            _ => Ty::Unknown,
        }
    }
}

fn related(target: Option<ClassId>, owner: ClassId, row: Option<Row>) -> Query {
    let mut query = Query { related: true, parent: Some(owner), ..Query::manager(target) };
    if let Some(row) = row {
        let path = row.path.trim_end_matches('_');
        query.preloaded_itself = row.query.preloads(path);
        let inner = row.query.preloaded.iter().filter_map(|p| p.strip_prefix(&row.path));
        query.preloaded = inner.map(str::to_owned).collect();
        query.preloads_unknown = row.query.preloads_unknown;
        query.owner_known = true;
    }
    query
}

fn is_manager(attr: &str) -> bool {
    attr == "objects"
        || attr.ends_with("_objects")
        || matches!(attr, "_default_manager" | "_base_manager")
}

fn is_manager_call(value: &Expr) -> bool {
    value.as_call().is_some_and(|call| {
        let name = call.func.as_attr().map(|(_, attr)| attr).or_else(|| call.func.as_name());
        name.is_some_and(|name| name.ends_with("Manager") || name == "as_manager")
            || call.func.as_call().is_some_and(|inner| {
                inner.method().is_some_and(|(_, name)| name == "from_queryset")
            })
    })
}

fn looks_like_class(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    last.starts_with(|c: char| c.is_ascii_uppercase()) && last.contains(|c: char| c.is_lowercase())
}

/// `MAX_ROWS`, `STATES`: constants by convention.
pub(super) fn is_constant_name(name: &str) -> bool {
    let letters = name.trim_start_matches('_');
    letters.len() > 1
        && letters.starts_with(|c: char| c.is_ascii_uppercase())
        && !letters.contains(|c: char| c.is_lowercase())
}
