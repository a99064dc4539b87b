//! Managers and querysets: what each method gives, and what it costs.

use super::expr::is_constant_name;
use crate::project::ClassId;
use crate::syntax::ast::{Call, ExprKind};

/// A queryset as far as it can be followed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) model: Option<ClassId>,
    /// Relation paths fetched along, from `select_related` and `prefetch_related`.
    pub(crate) preloaded: Vec<String>,
    /// Preloading that could not be read: every relation may be loaded.
    pub(crate) preloads_unknown: bool,
    /// Sliced, so that the number of rows is capped.
    pub(crate) capped: bool,
    /// Gives dictionaries or tuples, not instances.
    pub(crate) values: bool,
    /// Read in chunks by `iterator()`.
    pub(crate) streamed: bool,
    /// Has a `filter`, `exclude` or the like.
    pub(crate) filtered: bool,
    /// Filtered by something that is not a literal, so that callers or rows narrow it.
    pub(crate) narrowed: bool,
    /// Filtered by primary key, or by a list of keys.
    pub(crate) by_key: bool,
    /// Combined by the database: `values().annotate()`, `distinct()`, `aggregate`.
    pub(crate) grouped: bool,
    /// Has `annotate`.
    pub(crate) annotated: bool,
    /// Rows belonging to one instance (a related manager); the instance's model if known.
    pub(crate) related: bool,
    pub(crate) parent: Option<ClassId>,
    /// Where the owning instance was fetched is visible, and so what was preloaded with it.
    pub(crate) owner_known: bool,
    /// Row locks are taken.
    pub(crate) locks: bool,
    /// The related manager's rows were preloaded together with its owner.
    pub(crate) preloaded_itself: bool,
    /// Nothing but the manager so far: `Model.objects`.
    pub(crate) bare: bool,
    /// `none()`.
    pub(crate) empty: bool,
}

/// A queryset method that asks the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QueryOp {
    /// One row or one number: `get`, `first`, `count`, `exists`, `aggregate`…
    Read,
    /// `create`, `get_or_create`, `update_or_create`.
    Create,
    /// `update`, `delete` on a queryset.
    Change,
    /// `bulk_create`, `bulk_update`, `in_bulk`: many rows at once.
    Bulk,
}

/// What a queryset method does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Gives another queryset and asks nothing.
    Lazy,
    /// Asks; gives one instance.
    One(QueryOp),
    /// Asks; gives something else.
    Asks(QueryOp),
    /// Not a method of querysets.
    Unknown,
}

/// What method `name` of a manager or queryset does.
pub(crate) fn effect(name: &str) -> Effect {
    match name {
        "all" | "filter" | "exclude" | "annotate" | "alias" | "order_by" | "reverse"
        | "distinct" | "values" | "values_list" | "select_related" | "prefetch_related"
        | "only" | "defer" | "using" | "select_for_update" | "union" | "intersection"
        | "difference" | "none" | "dates" | "datetimes" | "extra" | "raw" | "complex_filter"
        | "fetch_mode" | "iterator" | "aiterator" | "db_manager" | "get_queryset" | "live"
        | "public" | "specific" => Effect::Lazy,
        "get" | "first" | "last" | "earliest" | "latest" | "aget" | "afirst" | "alast"
        | "aearliest" | "alatest" => Effect::One(QueryOp::Read),
        "create" | "acreate" => Effect::One(QueryOp::Create),
        "get_or_create" | "update_or_create" | "aget_or_create" | "aupdate_or_create" => {
            Effect::Asks(QueryOp::Create)
        }
        "count" | "exists" | "aggregate" | "contains" | "explain" | "acount" | "aexists"
        | "aaggregate" | "acontains" => Effect::Asks(QueryOp::Read),
        "update" | "delete" | "aupdate" | "adelete" => Effect::Asks(QueryOp::Change),
        "bulk_create" | "bulk_update" | "in_bulk" | "abulk_create" | "abulk_update"
        | "ain_bulk" => Effect::Asks(QueryOp::Bulk),
        _ => Effect::Unknown,
    }
}

impl Query {
    /// The manager of `model`.
    pub(crate) fn manager(model: Option<ClassId>) -> Self {
        Self { model, bare: true, ..Self::default() }
    }

    /// The query after the lazy method `name`.
    #[must_use]
    pub(crate) fn then(&self, name: &str, call: &Call) -> Self {
        let mut next = Self { bare: false, ..self.clone() };
        match name {
            "filter" | "exclude" | "complex_filter" => next.filter(name, call),
            "values" | "values_list" | "dates" | "datetimes" => next.values = true,
            "annotate" => {
                next.grouped |= next.values;
                next.annotated = true;
            }
            "distinct" => next.grouped = true,
            "select_related" | "prefetch_related" => next.preload(call),
            "fetch_mode" | "raw" | "extra" => next.preloads_unknown = true,
            "iterator" | "aiterator" => next.streamed = true,
            "select_for_update" => next.locks = true,
            "none" => next.empty = true,
            _ => {}
        }
        if name == "filter" || name == "exclude" || name == "order_by" {
            next.preloaded_itself = false;
        }
        next
    }

    /// The query sliced by `[:n]`.
    #[must_use]
    pub(crate) fn sliced(&self) -> Self {
        Self { capped: true, bare: false, ..self.clone() }
    }

    fn filter(&mut self, name: &str, call: &Call) {
        self.filtered = true;
        self.narrowed |= narrows(call);
        let by_key = call.keywords.iter().filter_map(|k| k.name.as_deref()).any(|key| {
            matches!(key.strip_suffix("__in").unwrap_or(key), "pk" | "id" | "uuid" | "slug")
        });
        self.by_key |= by_key && name == "filter";
    }

    fn preload(&mut self, call: &Call) {
        if call.args.is_empty() {
            self.preloads_unknown = true;
        }
        for arg in &call.args {
            match &arg.kind {
                ExprKind::Str(path) => self.preloaded.push(path.to_string()),
                ExprKind::Call(prefetch) => {
                    match prefetch.args.first().or_else(|| prefetch.keyword("lookup")) {
                        Some(path) if path.as_str().is_some() => {
                            self.preloaded.extend(path.as_str().map(str::to_owned));
                        }
                        _ => self.preloads_unknown = true,
                    }
                }
                _ => self.preloads_unknown = true,
            }
        }
    }

    /// Whether the relation at `path` from this query's model comes along with the rows.
    pub(crate) fn preloads(&self, path: &str) -> bool {
        self.preloads_unknown
            || self.preloaded.iter().any(|p| {
                p == path || p.strip_prefix(path).is_some_and(|rest| rest.starts_with("__"))
            })
    }
}

/// Whether a filter ties the rows to something at hand, such as one user; ranges and constants
/// (`created__lt=now()`, `state="new"`) leave as many rows as there are.
fn narrows(call: &Call) -> bool {
    let by_condition = call.args.iter().any(|arg| condition_narrows(&arg.kind));
    by_condition
        || call.keywords.iter().any(|keyword| match keyword.name.as_deref() {
            Some(name) => !is_range(name) && !is_literal(&keyword.value.kind),
            None => true,
        })
}

fn condition_narrows(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Call(call) if call.func.as_name() == Some("Q") => narrows(call),
        ExprKind::Call(call) if call.func.as_attr().is_some_and(|(_, name)| name == "Q") => {
            narrows(call)
        }
        ExprKind::Binary(left, _, right) => {
            condition_narrows(&left.kind) || condition_narrows(&right.kind)
        }
        _ => true,
    }
}

fn is_range(lookup: &str) -> bool {
    let last = lookup.rsplit("__").next().unwrap_or(lookup);
    matches!(last, "lt" | "lte" | "gt" | "gte" | "range" | "isnull" | "date" | "year")
}

fn is_literal(kind: &ExprKind) -> bool {
    match kind {
        ExprKind::Str(_)
        | ExprKind::Int(_)
        | ExprKind::Bool(_)
        | ExprKind::None
        | ExprKind::Float(_) => true,
        ExprKind::Name(name) | ExprKind::Attr(_, name) => is_constant_name(name),
        ExprKind::List(items) | ExprKind::Tuple(items) => {
            items.iter().all(|item| is_literal(&item.kind))
        }
        _ => false,
    }
}
