//! Calls that go over the network, and how long they may take.

use super::tables::{NETWORK, SDK_PACKAGES, SDK_VERBS};
use super::{EventKind, Limit, Network};
use crate::syntax::ast::{Call, ExprKind};

/// The time limit that `call` itself gives.
pub(super) fn given_limit(call: &Call, position: Option<usize>) -> Limit {
    let value = call.keyword("timeout").or_else(|| position.and_then(|at| call.args.get(at)));
    match value.map(|v| &v.kind) {
        Some(ExprKind::None) => Limit::Disabled,
        Some(_) => Limit::Given,
        None if call.has_double_star() => Limit::Unknown,
        None if call.args.iter().any(|arg| matches!(arg.kind, ExprKind::Starred(_))) => {
            Limit::Unknown
        }
        None => Limit::Missing,
    }
}

/// The network call that a function of this path is, if it is one.
pub(super) fn network_call<'a>(path: &str, call: &'a Call) -> Option<EventKind<'a>> {
    if let Some(known) = NETWORK.iter().find(|n| n.path == path && n.methods.is_empty()) {
        if matches!(known.default, Limit::Unknown) && is_factory(path) {
            return None;
        }
        let limit = combine(given_limit(call, known.position), known.default);
        return Some(EventKind::Network(Network { what: path.to_owned(), limit }));
    }
    let (package, last) = (path.split('.').next()?, path.rsplit('.').next()?);
    if SDK_PACKAGES.contains(&package) && SDK_VERBS.contains(&last) {
        let what = path.to_owned();
        return Some(EventKind::Network(Network { what, limit: Limit::Unknown }));
    }
    None
}

/// Creating these clients sends nothing.
fn is_factory(path: &str) -> bool {
    path.starts_with("boto3.")
        || path.rsplit('.').next().is_some_and(|last| {
            last.starts_with(|c: char| c.is_ascii_uppercase()) || last == "from_env"
        })
}

/// The network call that method `name` of the client `path` is, if it is one; `at_creation` is the
/// limit that the client was created with.
pub(super) fn client_call<'a>(
    path: &str,
    name: &str,
    call: &'a Call,
    at_creation: Option<Limit>,
) -> Option<EventKind<'a>> {
    let root = path.split("()").next().unwrap_or(path);
    let known =
        NETWORK.iter().find(|n| n.path == root && (!n.methods.is_empty() || is_factory(root)))?;
    let direct = path == root;
    let sends =
        if known.methods.is_empty() { true } else { direct && known.methods.contains(&name) };
    // `s3.Object(…)`: a handle, which sends nothing by itself.
    let handle = name.starts_with(|c: char| c.is_ascii_uppercase());
    if !sends || handle || matches!(name, "close" | "mount" | "headers") {
        return None;
    }
    let limit = match (given_limit(call, known.position), at_creation) {
        (Limit::Missing, Some(Limit::Given)) if known.default == Limit::Given => Limit::Given,
        (Limit::Missing, Some(Limit::Disabled)) if known.default == Limit::Given => Limit::Disabled,
        (own, _) => combine(own, known.default),
    };
    let what = format!("{root}.{name}");
    Some(EventKind::Network(Network { what, limit }))
}

/// What the call says comes before what the library does by itself.
fn combine(own: Limit, default: Limit) -> Limit {
    if own == Limit::Missing { default } else { own }
}
