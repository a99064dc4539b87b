//! What an expression is: a model, a manager, a query, a row, something outside. Inference is
//! local and forgiving: what it does not know is [`Ty::Unknown`], and rules stay silent on it.

mod bound;
mod call;
mod expr;
pub(crate) mod query;

use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use bound::Bound;
pub(crate) use query::{Query, QueryOp};

use crate::project::{ClassId, FnId, ModuleId, Project, Symbol};

/// The kind of value an expression gives.
#[derive(Debug, Clone)]
pub(crate) enum Ty<'a> {
    Unknown,
    /// A parameter of unknown kind: the caller decides how much it holds.
    Param,
    /// A name that was not called: module, plain class, function, something outside.
    Symbol(Symbol<'a>),
    /// A model class; none when it is known to be a model but not which.
    Model(Option<ClassId>),
    /// An instance of a project class; a row when it comes from a query.
    Object(ClassId, Option<Row>),
    /// What calling the outside path gave, such as `requests.Session`.
    Outside(Arc<str>),
    /// A manager, or a queryset nobody has evaluated.
    Query(Arc<Query>),
    /// Rows already fetched into a list.
    Rows(Arc<Query>),
    /// A collection known to be small.
    Small,
    /// A bound method that was not called.
    Method(Box<Self>, &'a str),
}

/// Where a model instance comes from, so that preloaded relations are known.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) query: Arc<Query>,
    /// Path from the query's model to this instance, with `__` between steps and at the end.
    pub(crate) path: String,
}

/// Names in one function.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) module: ModuleId,
    pub(crate) class: Option<ClassId>,
    pub(crate) function: Option<FnId>,
    pub(crate) locals: HashMap<&'a str, Ty<'a>>,
}

/// What a call calls.
#[derive(Debug, Clone)]
pub(crate) enum Callee<'a> {
    Unknown,
    /// A function outside the project, by path.
    Outside(Arc<str>),
    Function(FnId),
    Class(ClassId),
    /// A method of a value that is not the project's own function.
    Method(Ty<'a>, &'a str),
    /// A plain name nobody defines: a builtin.
    Builtin(&'a str),
}

/// Infers over one project.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Infer<'p, 'a> {
    pub(crate) project: &'p Project<'a>,
}

impl Scope<'_> {
    /// The module level of `module`.
    pub(crate) fn module(module: ModuleId) -> Self {
        Self { module, class: None, function: None, locals: HashMap::new() }
    }
}
