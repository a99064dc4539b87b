//! What a dotted name means: a part of the project, or something outside it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{ClassId, FnId, ModuleId, Project};
use crate::source::Module;
use crate::syntax::ast::{Expr, ExprKind};

/// How many imports are followed from one module to the next.
const HOPS_MAX: usize = 6;

/// Names that mean the installed package even where a project has a module so called.
const OUTSIDE: [&str; 18] = [
    "aiohttp",
    "asyncio",
    "boto3",
    "botocore",
    "celery",
    "concurrent",
    "django",
    "dramatiq",
    "httpx",
    "logging",
    "os",
    "requests",
    "rest_framework",
    "stripe",
    "threading",
    "time",
    "urllib",
    "urllib3",
];

/// What a name refers to.
#[derive(Debug, Clone)]
pub(crate) enum Symbol<'a> {
    /// Outside the project: the absolute dotted path.
    Outside(Arc<str>),
    Module(ModuleId),
    Class(ClassId),
    Function(FnId),
    /// A module-level assignment.
    Constant(ModuleId, &'a Expr),
    Unknown,
}

/// Each name a module can be imported by: its full path, and what remains of it below every
/// directory that is not a package (a plausible source root).
pub(super) fn importable(modules: &[Module]) -> HashMap<&str, Vec<ModuleId>> {
    let packages: HashSet<&str> =
        modules.iter().filter(|m| m.is_package).map(|m| m.dotted.as_str()).collect();
    let mut names: HashMap<&str, Vec<ModuleId>> = HashMap::new();
    for (number, module) in modules.iter().enumerate() {
        let id = ModuleId(u32::try_from(number).unwrap_or(u32::MAX));
        let dotted = module.dotted.as_str();
        names.entry(dotted).or_default().push(id);
        for (at, _) in dotted.match_indices('.') {
            if !packages.contains(&dotted[..at]) {
                names.entry(&dotted[at + 1..]).or_default().push(id);
            }
        }
    }
    names
}

impl<'a> Project<'a> {
    /// The module imported as `dotted` from `importer`; of several, the nearest in the tree.
    pub(crate) fn module_named(&self, dotted: &str, importer: ModuleId) -> Option<ModuleId> {
        let head = dotted.split('.').next().unwrap_or(dotted);
        if OUTSIDE.contains(&head) {
            return None;
        }
        let home = &self.module(importer).dotted;
        let shared = |id: &ModuleId| {
            let path = &self.module(*id).dotted;
            path.bytes().zip(home.bytes()).take_while(|(a, b)| a == b).count()
        };
        self.by_name.get(dotted)?.iter().copied().max_by_key(shared)
    }

    fn lookup_within(&self, dotted: &str, importer: ModuleId, hops: usize) -> Symbol<'a> {
        if hops == 0 {
            return Symbol::Unknown;
        }
        let mut cut = dotted.len();
        loop {
            if let Some(id) = self.module_named(&dotted[..cut], importer) {
                let rest = dotted[cut..].trim_start_matches('.');
                return self.member_path(Symbol::Module(id), rest, hops);
            }
            match dotted[..cut].rfind('.') {
                Some(dot) => cut = dot,
                None => return Symbol::Outside(dotted.into()),
            }
        }
    }

    fn member_path(&self, start: Symbol<'a>, rest: &str, hops: usize) -> Symbol<'a> {
        let parts = rest.split('.').filter(|part| !part.is_empty());
        parts.fold(start, |symbol, part| self.member_within(&symbol, part, hops))
    }

    /// The meaning of `owner.name`.
    pub(crate) fn member(&self, owner: &Symbol<'a>, name: &str) -> Symbol<'a> {
        self.member_within(owner, name, HOPS_MAX)
    }

    fn member_within(&self, owner: &Symbol<'a>, name: &str, hops: usize) -> Symbol<'a> {
        match owner {
            Symbol::Outside(path) => Symbol::Outside(format!("{path}.{name}").into()),
            Symbol::Module(id) => self.global_within(*id, name, hops).unwrap_or_else(|| {
                let dotted = format!("{}.{name}", self.module(*id).dotted);
                self.module_named(&dotted, *id).map_or(Symbol::Unknown, Symbol::Module)
            }),
            Symbol::Class(id) => self.method(*id, name).map_or(Symbol::Unknown, Symbol::Function),
            Symbol::Function(_) | Symbol::Constant(..) | Symbol::Unknown => Symbol::Unknown,
        }
    }

    /// The meaning of the global `name` in `module`; none when the module does not define it.
    pub(crate) fn global(&self, module: ModuleId, name: &str) -> Option<Symbol<'a>> {
        self.global_within(module, name, HOPS_MAX)
    }

    fn global_within(&self, module: ModuleId, name: &str, hops: usize) -> Option<Symbol<'a>> {
        let index = self.indexes.get(module.0 as usize)?;
        if let Some(id) = index.classes.get(name) {
            return Some(Symbol::Class(*id));
        }
        if let Some(id) = index.functions.get(name) {
            return Some(Symbol::Function(*id));
        }
        if let Some(value) = index.constants.get(name) {
            return Some(Symbol::Constant(module, value));
        }
        if let Some(path) = index.imports.get(name) {
            return Some(self.lookup_within(path, module, hops - 1));
        }
        if hops < 2 {
            return None;
        }
        index.stars.iter().find_map(|star| {
            let id = self.module_named(star, module).filter(|id| *id != module)?;
            self.global_within(id, name, hops - 1)
        })
    }

    /// The meaning of a dotted expression at module level, ignoring locals.
    pub(crate) fn symbol_of(&self, module: ModuleId, expr: &Expr) -> Symbol<'a> {
        match &expr.kind {
            ExprKind::Name(name) => self.global(module, name).unwrap_or(Symbol::Unknown),
            ExprKind::Attr(value, attr) => {
                let owner = self.symbol_of(module, value);
                self.member(&owner, attr)
            }
            ExprKind::Subscript(value, _) => self.symbol_of(module, value),
            _ => Symbol::Unknown,
        }
    }

    /// The outside path of a dotted expression, such as `django.db.transaction.atomic`.
    pub(crate) fn outside_path(&self, module: ModuleId, expr: &Expr) -> Option<Arc<str>> {
        match self.symbol_of(module, expr) {
            Symbol::Outside(path) => Some(path),
            _ => None,
        }
    }
}
