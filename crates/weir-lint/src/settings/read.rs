//! Collects databases and top-level names of every module that holds settings.

use std::collections::HashMap;

use super::{Database, Entry, Named, Settings};
use crate::project::{ModuleId, Project, Symbol};
use crate::syntax::ast::{Call, Expr, ExprKind, Span, Stmt, StmtKind};
use crate::syntax::visit;

/// Names whose presence at the top level shows a settings module.
const MARKERS: [&str; 5] =
    ["DATABASES", "INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE", "SECRET_KEY"];

/// The settings of all modules that hold any.
pub(crate) fn read<'a>(project: &Project<'a>) -> Vec<Settings<'a>> {
    project.module_ids().filter_map(|id| read_module(project, id)).collect()
}

fn read_module<'a>(project: &Project<'a>, id: ModuleId) -> Option<Settings<'a>> {
    let module = project.module(id);
    if !MARKERS.iter().any(|marker| module.text.contains(marker)) {
        return None;
    }
    let settings = Settings { module: id, databases: Vec::new(), names: HashMap::new() };
    let mut reader = Reader { project, settings };
    reader.block(&module.body, true);
    let settings = reader.settings;
    let marked = MARKERS.iter().any(|marker| settings.names.contains_key(marker));
    (marked || !settings.databases.is_empty()).then_some(settings)
}

struct Reader<'p, 'a> {
    project: &'p Project<'a>,
    settings: Settings<'a>,
}

impl<'a> Reader<'_, 'a> {
    fn block(&mut self, body: &'a [Stmt], top: bool) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Assign(targets, value) => {
                    targets.iter().for_each(|target| self.assign(target, value, stmt.span, top));
                }
                StmtKind::AnnAssign(target, _, Some(value)) => {
                    self.assign(target, value, stmt.span, top);
                }
                StmtKind::Expr(value) => self.change(value),
                StmtKind::Class(class) => self.block(&class.body, false),
                StmtKind::Function(def) if &*def.name == "DATABASES" => self.property(&def.body),
                StmtKind::Function(_) => {}
                _ => visit::blocks(stmt).into_iter().for_each(|block| self.block(block, top)),
            }
        }
    }

    /// `def DATABASES(self): return {…}` of a settings class.
    fn property(&mut self, body: &'a [Stmt]) {
        visit::each_stmt(body, false, &mut |stmt| {
            if let StmtKind::Return(Some(value)) = &stmt.kind {
                self.databases(value);
            }
        });
    }

    fn assign(&mut self, target: &'a Expr, value: &'a Expr, statement: Span, top: bool) {
        if let Some(name) = target.as_name() {
            if name == "DATABASES" {
                self.databases(value);
            }
            if top && !name.contains(|c: char| c.is_lowercase()) {
                let before = self.settings.names.get(name).map_or(0, |n| n.assignments);
                let named = Named { statement, assignments: before + 1 };
                self.settings.names.insert(name, named);
            }
            return;
        }
        match path_of(target).as_deref() {
            Some([Key { text: alias, .. }]) => self.database(alias, value, target.span),
            Some([Key { text: alias, .. }, key]) => {
                let alias = alias.to_string();
                self.entry(&alias, Entry { key: key.text, span: key.span, value });
            }
            Some([Key { text: alias, .. }, options, key]) if options.text == "OPTIONS" => {
                let entry = Entry { key: key.text, span: key.span, value };
                self.changed(alias, target.span).options.push(entry);
            }
            _ => {}
        }
    }

    /// `DATABASES["default"].update({…})`.
    fn change(&mut self, value: &'a Expr) {
        let Some(call) = value.as_call() else { return };
        let Some((owner, "update")) = call.method() else { return };
        match path_of(owner).as_deref() {
            Some([Key { text: alias, .. }]) => {
                let alias = alias.to_string();
                let pairs = pairs_of(call);
                let span = value.span;
                self.changed(&alias, span).opaque |= pairs.is_empty();
                pairs.into_iter().for_each(|entry| self.entry(&alias, entry));
            }
            Some([Key { text: alias, .. }, key]) if key.text == "OPTIONS" => {
                let pairs = pairs_of(call);
                self.changed(alias, value.span).options.extend(pairs);
            }
            _ => {}
        }
    }

    fn databases(&mut self, value: &'a Expr) {
        for entry in self.pairs(value) {
            self.database(entry.key, entry.value, entry.span);
        }
    }

    /// The pairs of a dictionary literal, `dict(…)` call, or a constant that is one.
    fn pairs(&self, value: &'a Expr) -> Vec<Entry<'a>> {
        match &value.kind {
            ExprKind::Dict(items) => {
                let plain = items.iter().filter_map(|(key, value)| {
                    let key = key.as_ref()?;
                    Some(Entry { key: key.as_str()?, span: key.span, value })
                });
                let spread = items.iter().filter(|item| item.0.is_none());
                spread.flat_map(|(_, value)| self.pairs(value)).chain(plain).collect()
            }
            ExprKind::Call(call) if call.func.as_name() == Some("dict") => pairs_of(call),
            ExprKind::Name(name) => match self.project.global(self.settings.module, name) {
                Some(Symbol::Constant(_, constant)) if !std::ptr::eq(constant, value) => {
                    match &constant.kind {
                        ExprKind::Dict(_) => self.pairs(constant),
                        _ => Vec::new(),
                    }
                }
                _ => Vec::new(),
            },
            ExprKind::Binary(left, _, right) => {
                [left, right].into_iter().flat_map(|side| self.pairs(side)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn database(&mut self, alias: &str, value: &'a Expr, span: Span) {
        let database = Database {
            alias: alias.to_owned(),
            span,
            entries: Vec::new(),
            options: Vec::new(),
            opaque: false,
            defined: true,
        };
        self.settings.databases.retain(|d| d.alias != alias || !d.defined);
        self.settings.databases.push(database);
        let at = self.settings.databases.len() - 1;
        let pairs = self.pairs(value);
        let spread =
            matches!(&value.kind, ExprKind::Dict(items) if items.iter().any(|i| i.0.is_none()));
        self.settings.databases[at].opaque = pairs.is_empty() || spread;
        pairs.into_iter().for_each(|entry| self.entry_at(at, entry));
        if let Some(call) = value.as_call() {
            self.url_helper(at, call, value.span);
        }
    }

    /// `dj_database_url.config(conn_max_age=600)` and its kind.
    fn url_helper(&mut self, at: usize, call: &'a Call, span: Span) {
        for keyword in &call.keywords {
            let key = match keyword.name.as_deref() {
                Some("conn_max_age") => "CONN_MAX_AGE",
                Some("conn_health_checks") => "CONN_HEALTH_CHECKS",
                Some("atomic_requests") => "ATOMIC_REQUESTS",
                Some("disable_server_side_cursors") => "DISABLE_SERVER_SIDE_CURSORS",
                Some("engine") => "ENGINE",
                _ => continue,
            };
            self.entry_at(at, Entry { key, span, value: &keyword.value });
        }
    }

    fn entry(&mut self, alias: &str, entry: Entry<'a>) {
        self.changed(alias, entry.span);
        if let Some(at) = self.settings.databases.iter().position(|d| d.alias == alias) {
            self.entry_at(at, entry);
        }
    }

    fn entry_at(&mut self, at: usize, entry: Entry<'a>) {
        if entry.key == "OPTIONS" {
            let options = self.pairs(entry.value);
            let readable = matches!(entry.value.kind, ExprKind::Dict(_)) || !options.is_empty();
            self.settings.databases[at].opaque |= !readable;
            self.settings.databases[at].options.extend(options);
        }
        self.settings.databases[at].entries.push(entry);
    }

    /// The database `alias`, added as changed but not defined when it is new.
    fn changed(&mut self, alias: &str, span: Span) -> &mut Database<'a> {
        let found = self.settings.databases.iter().position(|d| d.alias == alias);
        let at = found.unwrap_or_else(|| {
            self.settings.databases.push(Database {
                alias: alias.to_owned(),
                span,
                entries: Vec::new(),
                options: Vec::new(),
                opaque: true,
                defined: false,
            });
            self.settings.databases.len() - 1
        });
        &mut self.settings.databases[at]
    }
}

/// One key in `DATABASES[…][…]`.
struct Key<'a> {
    text: &'a str,
    span: Span,
}

/// The keys of `DATABASES["default"]["OPTIONS"]["pool"]`.
fn path_of(expr: &Expr) -> Option<Vec<Key<'_>>> {
    match &expr.kind {
        ExprKind::Subscript(owner, index) => {
            let key = Key { text: index.as_str()?, span: index.span };
            if owner.as_name() == Some("DATABASES") {
                return Some(vec![key]);
            }
            let mut path = path_of(owner)?;
            path.push(key);
            Some(path)
        }
        ExprKind::Call(call) => match call.method()? {
            (owner, "setdefault") => {
                let mut path = path_of(owner)?;
                let key = call.args.first()?;
                path.push(Key { text: key.as_str()?, span: key.span });
                Some(path)
            }
            _ => None,
        },
        _ => None,
    }
}

fn pairs_of(call: &Call) -> Vec<Entry<'_>> {
    let keywords = call.keywords.iter().filter_map(|k| {
        Some(Entry { key: k.name.as_deref()?, span: k.value.span, value: &k.value })
    });
    let literal = call.args.first().into_iter().filter_map(|arg| match &arg.kind {
        ExprKind::Dict(items) => Some(items),
        _ => None,
    });
    let pairs = literal.flatten().filter_map(|(key, value)| {
        let key = key.as_ref()?;
        Some(Entry { key: key.as_str()?, span: key.span, value })
    });
    keywords.chain(pairs).collect()
}
