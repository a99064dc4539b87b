//! Collects what one module defines.

use std::collections::HashMap;

use super::{ClassId, ClassInfo, FnId, FnInfo, ModuleId, ModuleIndex, Project, node_key};
use crate::source::Module;
use crate::syntax::ast::{Alias, Class, ExprKind, Function, Stmt, StmtKind};
use crate::syntax::visit;

/// Adds module `id` to the project's tables.
pub(super) fn index_module<'a>(project: &mut Project<'a>, id: ModuleId) {
    let module: &'a Module = &project.modules[id.0 as usize];
    let mut index = ModuleIndex::default();
    collect_imports(module, &mut index);
    let mut indexer = Indexer { project, module: id };
    indexer.top_level(&module.body, &mut index);
    project.indexes.push(index);
}

/// Imports anywhere in the file, those in functions included: a name means one thing in a file
/// far more often than not.
fn collect_imports<'a>(module: &'a Module, index: &mut ModuleIndex<'a>) {
    visit::each_stmt(&module.body, true, &mut |stmt| match &stmt.kind {
        StmtKind::Import(names) => import(names, index),
        StmtKind::ImportFrom { module: from, names, level } => {
            let base = absolute(module, from.as_deref(), *level);
            for alias in names {
                if &*alias.name == "*" {
                    index.stars.push(base.clone());
                } else {
                    let path = if base.is_empty() {
                        alias.name.to_string()
                    } else {
                        format!("{base}.{}", alias.name)
                    };
                    index.imports.insert(alias.asname.as_ref().unwrap_or(&alias.name), path);
                }
            }
        }
        _ => {}
    });
}

fn import<'a>(names: &'a [Alias], index: &mut ModuleIndex<'a>) {
    for alias in names {
        match &alias.asname {
            Some(asname) => index.imports.insert(asname, alias.name.to_string()),
            None => {
                let head = alias.name.split('.').next().unwrap_or(&alias.name);
                index.imports.insert(head, head.to_owned())
            }
        };
    }
}

/// The absolute dotted path that `from ..module import` names.
fn absolute(module: &Module, from: Option<&str>, level: u32) -> String {
    if level == 0 {
        return from.unwrap_or("").to_owned();
    }
    let mut parts: Vec<&str> = module.dotted.split('.').filter(|p| !p.is_empty()).collect();
    let up = level - u32::from(module.is_package);
    parts.truncate(parts.len().saturating_sub(up as usize));
    parts.extend(from);
    parts.join(".")
}

struct Indexer<'p, 'a> {
    project: &'p mut Project<'a>,
    module: ModuleId,
}

impl<'a> Indexer<'_, 'a> {
    fn top_level(&mut self, body: &'a [Stmt], index: &mut ModuleIndex<'a>) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Function(def) => {
                    let id = self.function(def, None);
                    index.functions.insert(&def.name, id);
                }
                StmtKind::Class(def) => {
                    let id = self.class(def);
                    index.classes.insert(&def.name, id);
                }
                StmtKind::Assign(targets, value) => {
                    for name in targets.iter().filter_map(|t| t.as_name()) {
                        index.constants.insert(name, value);
                    }
                }
                StmtKind::AnnAssign(target, _, Some(value)) => {
                    if let Some(name) = target.as_name() {
                        index.constants.insert(name, value);
                    }
                }
                _ => {
                    for block in visit::blocks(stmt) {
                        self.top_level(block, index);
                    }
                }
            }
        }
    }

    fn function(&mut self, def: &'a Function, class: Option<ClassId>) -> FnId {
        let id = FnId(u32::try_from(self.project.functions.len()).unwrap_or(u32::MAX));
        self.project.fn_by_node.insert(node_key(def), id);
        let nested = HashMap::new();
        self.project.functions.push(FnInfo { module: self.module, class, def, nested });
        let mut nested = HashMap::new();
        self.inside(&def.body, class, &mut nested);
        self.project.functions[id.0 as usize].nested = nested;
        id
    }

    /// Definitions inside a function; a nested function keeps the class for its `self`.
    fn inside(
        &mut self,
        body: &'a [Stmt],
        class: Option<ClassId>,
        nested: &mut HashMap<&'a str, FnId>,
    ) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Function(def) => {
                    let id = self.function(def, class);
                    nested.insert(&def.name, id);
                }
                StmtKind::Class(def) => {
                    self.class(def);
                }
                _ => {
                    for block in visit::blocks(stmt) {
                        self.inside(block, class, nested);
                    }
                }
            }
        }
    }

    fn class(&mut self, def: &'a Class) -> ClassId {
        let id = ClassId(u32::try_from(self.project.classes.len()).unwrap_or(u32::MAX));
        self.project.class_by_node.insert(node_key(def), id);
        self.project.classes.push(ClassInfo {
            module: self.module,
            def,
            bases: Vec::new(),
            methods: HashMap::new(),
            attrs: HashMap::new(),
            self_attrs: HashMap::new(),
            is_model: false,
            relations: HashMap::new(),
        });
        let mut methods = HashMap::new();
        let mut attrs = HashMap::new();
        self.class_body(&def.body, id, &mut methods, &mut attrs);
        let self_attrs = self_attrs(&def.body);
        let info = &mut self.project.classes[id.0 as usize];
        info.methods = methods;
        info.attrs = attrs;
        info.self_attrs = self_attrs;
        id
    }

    fn class_body(
        &mut self,
        body: &'a [Stmt],
        id: ClassId,
        methods: &mut HashMap<&'a str, FnId>,
        attrs: &mut HashMap<&'a str, &'a crate::syntax::ast::Expr>,
    ) {
        for stmt in body {
            match &stmt.kind {
                StmtKind::Function(def) => {
                    let method = self.function(def, Some(id));
                    methods.insert(&def.name, method);
                }
                StmtKind::Class(def) => {
                    self.class(def);
                }
                StmtKind::Assign(targets, value) => {
                    attrs.extend(targets.iter().filter_map(|t| t.as_name()).map(|n| (n, value)));
                }
                StmtKind::AnnAssign(target, _, Some(value)) => {
                    attrs.extend(target.as_name().map(|name| (name, value)));
                }
                _ => {
                    for block in visit::blocks(stmt) {
                        self.class_body(block, id, methods, attrs);
                    }
                }
            }
        }
    }
}

fn self_attrs(body: &[Stmt]) -> HashMap<&str, &crate::syntax::ast::Expr> {
    let mut found = HashMap::new();
    visit::each_stmt(body, true, &mut |stmt| {
        let (targets, value) = match &stmt.kind {
            StmtKind::Assign(targets, value) => (targets.as_slice(), value),
            StmtKind::AnnAssign(target, _, Some(value)) => (std::slice::from_ref(target), value),
            _ => return,
        };
        for target in targets {
            if let ExprKind::Attr(owner, attr) = &target.kind
                && owner.as_name() == Some("self")
            {
                found.entry(&**attr).or_insert(value);
            }
        }
    });
    found
}
