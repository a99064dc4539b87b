//! What a call calls, and what it gives.

use std::sync::Arc;

use super::expr::DEPTH_MAX;
use super::query::{Effect, effect};
use super::{Callee, Infer, Query, Row, Scope, Ty};
use crate::project::{ClassId, FnId, ModuleId, Symbol};
use crate::syntax::ast::{Call, Expr, ExprKind, StmtKind};
use crate::syntax::visit;

impl<'a> Infer<'_, 'a> {
    pub(super) fn call(self, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        match self.callee_at(call, scope, depth) {
            Callee::Outside(path) => self.outside_call(path, call, scope, depth),
            Callee::Class(id) => self.instance(id),
            Callee::Function(id) => {
                let owner = call.method().map(|(value, _)| self.ty_at(value, scope, depth));
                self.returned(id, owner, depth)
            }
            Callee::Method(owner, name) => self.method_call(owner, name, call, depth),
            Callee::Builtin(name) => self.builtin(name, call, scope, depth),
            Callee::Unknown => self.unknown_call(call, scope, depth),
        }
    }

    /// What `call` calls.
    pub(crate) fn callee(self, call: &'a Call, scope: &Scope<'a>) -> Callee<'a> {
        self.callee_at(call, scope, DEPTH_MAX)
    }

    fn callee_at(self, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Callee<'a> {
        if let ExprKind::Name(name) = &call.func.kind
            && !scope.locals.contains_key(&**name)
            && self.project.global(scope.module, name).is_none()
            && matches!(self.name(name, scope, depth), Ty::Unknown)
        {
            return Callee::Builtin(name);
        }
        match self.ty_at(&call.func, scope, depth) {
            Ty::Symbol(Symbol::Outside(path)) => Callee::Outside(path),
            Ty::Symbol(Symbol::Function(id)) => Callee::Function(id),
            Ty::Symbol(Symbol::Class(id)) | Ty::Model(Some(id)) => Callee::Class(id),
            Ty::Method(owner, name) => match *owner {
                Ty::Object(id, _) if self.project.method(id, name).is_some() => {
                    self.project.method(id, name).map_or(Callee::Unknown, Callee::Function)
                }
                owner => Callee::Method(owner, name),
            },
            _ => Callee::Unknown,
        }
    }

    fn method_call(self, owner: Ty<'a>, name: &'a str, call: &'a Call, depth: u8) -> Ty<'a> {
        match owner {
            Ty::Query(query) => match effect(name) {
                Effect::Lazy => Ty::Query(Arc::new(query.then(name, call))),
                Effect::One(_) if !query.values => {
                    let row = Row { query: Arc::clone(&query), path: String::new() };
                    query.model.map_or(Ty::Unknown, |model| Ty::Object(model, Some(row)))
                }
                Effect::One(_) | Effect::Asks(_) => Ty::Unknown,
                Effect::Unknown => self.custom_query_method(&query, name, depth),
            },
            Ty::Object(id, _) if name == "get_queryset" || name == "filter_queryset" => {
                self.view_queryset(id, depth)
            }
            Ty::Object(id, _) if name == "get_object" => match self.view_queryset(id, depth) {
                Ty::Query(query) => query.model.map_or(Ty::Unknown, |m| Ty::Object(m, None)),
                _ => Ty::Unknown,
            },
            Ty::Small => match name {
                "items" | "keys" | "values" | "copy" => Ty::Small,
                _ => Ty::Unknown,
            },
            Ty::Outside(path) => Ty::Outside(format!("{path}().{name}").into()),
            _ => Ty::Unknown,
        }
    }

    fn custom_query_method(self, query: &Arc<Query>, name: &str, depth: u8) -> Ty<'a> {
        let Some(manager) = query.model.and_then(|m| self.manager_class(m)) else {
            return Ty::Unknown;
        };
        match self.project.method(manager, name) {
            Some(method) => {
                let mut owner = (**query).clone();
                owner.bare = false;
                owner.filtered = true;
                self.returned(method, Some(Ty::Query(Arc::new(owner))), depth)
            }
            None => Ty::Unknown,
        }
    }

    /// The queryset of a class-based view: its `queryset`, or its `model`'s.
    fn view_queryset(self, id: ClassId, depth: u8) -> Ty<'a> {
        if let Some((at, value)) = self.project.class_attr(id, "queryset") {
            let module = self.project.class(at).module;
            return self.ty_at(value, &Scope::module(module), depth - 1);
        }
        if let Some((at, value)) = self.project.class_attr(id, "model") {
            let module = self.project.class(at).module;
            if let Ty::Model(model) = self.ty_at(value, &Scope::module(module), depth - 1) {
                return Ty::Query(Arc::new(Query { bare: false, ..Query::manager(model) }));
            }
        }
        Ty::Unknown
    }

    fn outside_call(self, path: Arc<str>, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        match path.rsplit('.').next().unwrap_or(&path) {
            "get_user_model" => Ty::Model(self.project.model_named("User", scope.module)),
            "get_object_or_404" | "aget_object_or_404" => {
                match call.args.first().map(|arg| self.ty_at(arg, scope, depth)) {
                    Some(Ty::Model(Some(id))) => Ty::Object(id, None),
                    Some(Ty::Query(q)) => q.model.map_or(Ty::Unknown, |id| Ty::Object(id, None)),
                    _ => Ty::Unknown,
                }
            }
            "get_list_or_404" => match call.args.first().map(|arg| self.ty_at(arg, scope, depth)) {
                Some(Ty::Model(model)) => Ty::Rows(Arc::new(Query::manager(model))),
                Some(Ty::Query(query)) => Ty::Rows(query),
                _ => Ty::Unknown,
            },
            "tqdm" | "islice" | "aislice" => self.first_arg(call, scope, depth),
            _ => Ty::Outside(path),
        }
    }

    fn builtin(self, name: &str, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        match name {
            "list" | "tuple" | "sorted" | "set" | "reversed" => {
                match self.first_arg(call, scope, depth) {
                    Ty::Query(query) => Ty::Rows(query),
                    other => other,
                }
            }
            "enumerate" | "iter" | "filter" => self.first_arg(call, scope, depth),
            "super" => scope.class.map_or(Ty::Unknown, |id| self.super_of(id)),
            _ => Ty::Unknown,
        }
    }

    /// `super()`: the base's methods, which project lookups cannot see when it is outside.
    fn super_of(self, id: ClassId) -> Ty<'a> {
        match self.instance(id) {
            Ty::Query(query) => Ty::Query(query),
            _ => {
                let bases = &self.project.class(id).bases;
                let base = bases.iter().find_map(|base| match base {
                    Symbol::Class(base) => Some(*base),
                    _ => None,
                });
                base.map_or(Ty::Unknown, |base| Ty::Object(base, None))
            }
        }
    }

    /// `super().get_queryset()` of a view whose base is outside: the view's own queryset.
    fn unknown_call(self, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        let of_super = |value: &Expr| {
            value.as_call().is_some_and(|inner| inner.func.as_name() == Some("super"))
        };
        match (call.method(), scope.class) {
            (Some((value, "get_queryset")), Some(class)) if of_super(value) => {
                self.view_queryset(class, depth)
            }
            _ => Ty::Unknown,
        }
    }

    fn first_arg(self, call: &'a Call, scope: &Scope<'a>, depth: u8) -> Ty<'a> {
        call.args.first().map_or(Ty::Unknown, |arg| self.ty_at(arg, scope, depth))
    }

    /// What function `id` gives: its annotation, else its last `return`.
    fn returned(self, id: FnId, owner: Option<Ty<'a>>, depth: u8) -> Ty<'a> {
        let info = self.project.function(id);
        if let Some(annotation) = &info.def.returns {
            match self.annotated(annotation, info.module) {
                Ty::Unknown => {}
                known => return known,
            }
        }
        let mut last = None;
        visit::each_stmt(&info.def.body, false, &mut |stmt| {
            if let StmtKind::Return(Some(value)) = &stmt.kind {
                last = Some(value);
            }
        });
        let Some(value) = last else { return Ty::Unknown };
        let mut scope = Scope::module(info.module);
        scope.class = info.class;
        scope.function = Some(id);
        scope.locals.extend(info.def.params.iter().map(|p| (&*p.name, Ty::Unknown)));
        let owner = owner.or_else(|| info.class.map(|class| self.instance(class)));
        scope.locals.extend(owner.map(|owner| ("self", owner)));
        match self.ty_at(value, &scope, depth - 1) {
            Ty::Param | Ty::Small => Ty::Unknown,
            ty => ty,
        }
    }

    /// The kind of value an annotation promises.
    pub(crate) fn annotated(self, annotation: &'a Expr, module: ModuleId) -> Ty<'a> {
        match &annotation.kind {
            ExprKind::Name(_) | ExprKind::Attr(..) => {
                match self.project.symbol_of(module, annotation) {
                    Symbol::Class(id) => self.instance(id),
                    Symbol::Outside(path) => Ty::Outside(path),
                    _ => Ty::Unknown,
                }
            }
            ExprKind::Str(name) => match self.project.global(module, name) {
                Some(Symbol::Class(id)) => self.instance(id),
                _ => Ty::Unknown,
            },
            ExprKind::Binary(left, _, right) => match self.annotated(left, module) {
                Ty::Unknown => self.annotated(right, module),
                known => known,
            },
            ExprKind::Subscript(outer, inner) => {
                let name = outer.as_attr().map(|(_, a)| a).or_else(|| outer.as_name());
                match name {
                    Some("Optional") => self.annotated(inner, module),
                    Some("QuerySet" | "Manager") => {
                        let model = match self.annotated(inner, module) {
                            Ty::Object(id, _) => Some(id),
                            _ => None,
                        };
                        Ty::Query(Arc::new(Query { model, ..Query::default() }))
                    }
                    _ => Ty::Unknown,
                }
            }
            _ => Ty::Unknown,
        }
    }
}
