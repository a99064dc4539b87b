//! How many elements an iteration can have. Boundedness matters more than the pattern: a query
//! in a loop over three literals is nobody's incident.

use std::sync::Arc;

use super::expr::is_constant_name;
use super::{Infer, Query, Scope, Ty};
use crate::syntax::ast::{BinOp, Call, Expr, ExprKind};

/// Slices up to this many elements count as small.
const SLICE_MAX: i64 = 1_000;

/// What is known of the number of iterations.
#[derive(Debug, Clone)]
pub(crate) enum Bound {
    /// Small or capped: literals, constants, slices, batches, pages.
    Fixed,
    /// All rows of a query without a cap.
    Rows(Arc<Query>),
    /// A parameter, so the caller decides.
    Caller,
    /// Grows with data in some other way, or cannot be told.
    Unknown,
}

/// Names by which people call things that are small by design.
const SMALL_WORDS: [&str; 24] = [
    "batch",
    "chunk",
    "page",
    "choices",
    "fields",
    "forms",
    "formset",
    "languages",
    "locales",
    "columns",
    "headers",
    "settings",
    "config",
    "plugins",
    "backends",
    "permissions",
    "options",
    "args",
    "kwargs",
    "databases",
    "connections",
    "retries",
    "attempts",
    "weekdays",
];

impl<'a> Infer<'_, 'a> {
    /// The bound of iterating over `iter`.
    pub(crate) fn bound(self, iter: &'a Expr, scope: &Scope<'a>) -> Bound {
        match self.ty(iter, scope) {
            Ty::Query(query) | Ty::Rows(query) => return of_query(query),
            Ty::Small => return Bound::Fixed,
            Ty::Symbol(crate::project::Symbol::Class(_)) => return Bound::Fixed,
            _ => {}
        }
        match &iter.kind {
            ExprKind::Name(name) if is_small_name(name) => Bound::Fixed,
            ExprKind::Name(name) => match scope.locals.get(&**name) {
                Some(Ty::Param) => Bound::Caller,
                _ => Bound::Unknown,
            },
            ExprKind::Attr(value, attr) => {
                let from_settings = value.as_name() == Some("settings");
                if is_small_name(attr) || from_settings { Bound::Fixed } else { Bound::Unknown }
            }
            ExprKind::Call(call) => self.call_bound(call, scope),
            ExprKind::Subscript(_, index) => match &index.kind {
                ExprKind::Slice(slice) if slice.upper.is_some() => Bound::Fixed,
                _ => Bound::Unknown,
            },
            ExprKind::Comp(comp) => match comp.generators.first() {
                Some(generator) => self.bound(&generator.iter, scope),
                None => Bound::Unknown,
            },
            ExprKind::Str(_) | ExprKind::Bytes => Bound::Fixed,
            ExprKind::Binary(left, BinOp::Sub, _) => self.bound(left, scope),
            ExprKind::Binary(left, _, right) => {
                match (self.bound(left, scope), self.bound(right, scope)) {
                    (Bound::Fixed, other) | (other, Bound::Fixed) => other,
                    (Bound::Rows(query), _) | (_, Bound::Rows(query)) => Bound::Rows(query),
                    (other, _) => other,
                }
            }
            _ => Bound::Unknown,
        }
    }

    fn call_bound(self, call: &'a Call, scope: &Scope<'a>) -> Bound {
        let first = || call.args.first();
        match (call.func.as_name(), call.method()) {
            (Some("range"), _) => range_bound(call),
            (Some("zip"), _) => {
                let bounds: Vec<Bound> = call.args.iter().map(|a| self.bound(a, scope)).collect();
                let fixed = bounds.iter().any(|b| matches!(b, Bound::Fixed));
                if fixed {
                    Bound::Fixed
                } else {
                    bounds.into_iter().next().unwrap_or(Bound::Unknown)
                }
            }
            (Some("map" | "filter"), _) => {
                call.args.get(1).map_or(Bound::Unknown, |arg| self.bound(arg, scope))
            }
            (Some("enumerate" | "list" | "tuple" | "set" | "sorted" | "reversed" | "iter"), _) => {
                first().map_or(Bound::Unknown, |arg| self.bound(arg, scope))
            }
            (Some(name), _) if is_small_name(name) => Bound::Fixed,
            (_, Some((value, "items" | "keys" | "values"))) => match self.bound(value, scope) {
                Bound::Rows(query) if !query.bare => Bound::Rows(query),
                Bound::Rows(_) => Bound::Unknown,
                other => other,
            },
            (_, Some((_, "split" | "splitlines" | "rsplit" | "groups" | "partition"))) => {
                Bound::Fixed
            }
            (_, Some((_, name))) if is_small_name(name) => Bound::Fixed,
            _ => Bound::Unknown,
        }
    }
}

fn of_query(query: Arc<Query>) -> Bound {
    if query.capped || query.empty { Bound::Fixed } else { Bound::Rows(query) }
}

/// `range(10)` and `range(RETRIES)` are small; `range(0, n, step)` walks in batches.
fn range_bound(call: &Call) -> Bound {
    let last = match call.args.as_slice() {
        [last] | [_, last] => last,
        [_, _, _] => return Bound::Fixed,
        _ => return Bound::Unknown,
    };
    match &last.kind {
        ExprKind::Int(n) if *n <= SLICE_MAX => Bound::Fixed,
        ExprKind::Name(name) if is_small_name(name) => Bound::Fixed,
        ExprKind::Attr(_, name) if is_small_name(name) => Bound::Fixed,
        ExprKind::Binary(left, _, right)
            if [left, right].iter().all(|side| {
                side.as_int().is_some() || side.as_name().is_some_and(is_small_name)
            }) =>
        {
            Bound::Fixed
        }
        _ => Bound::Unknown,
    }
}

fn is_small_name(name: &str) -> bool {
    // `pk_set` is what a `m2m_changed` signal hands over: the keys of one change.
    if is_constant_name(name) || name == "pk_set" {
        return true;
    }
    let lower = name.to_ascii_lowercase();
    lower.split('_').any(|word| {
        SMALL_WORDS.iter().any(|small| {
            word == *small
                || word.strip_suffix('s') == Some(small)
                || word.strip_suffix("es") == Some(small)
        })
    })
}
