//! Facts of the whole project, gathered before any rule looks at a line: modules, imports,
//! classes, functions, models with their relations.

mod classes;
mod index;
mod models;
mod names;

use std::collections::HashMap;

use crate::config::Config;
use crate::source::Module;
use crate::syntax::ast::{Class, Expr, Function};

pub(crate) use models::{Relation, RelationKind};
pub(crate) use names::Symbol;

/// Index of a module in [`Project::modules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ModuleId(pub(crate) u32);

/// Index of a class in [`Project::classes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClassId(pub(crate) u32);

/// Index of a function in [`Project::functions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FnId(pub(crate) u32);

/// What a module defines at its top level.
#[derive(Debug, Default)]
pub(crate) struct ModuleIndex<'a> {
    /// Local name to absolute dotted path.
    pub(crate) imports: HashMap<&'a str, String>,
    /// Modules whose names are all imported.
    pub(crate) stars: Vec<String>,
    pub(crate) classes: HashMap<&'a str, ClassId>,
    pub(crate) functions: HashMap<&'a str, FnId>,
    /// Module-level assignments, the last one wins.
    pub(crate) constants: HashMap<&'a str, &'a Expr>,
}

/// A class and what is known of it.
#[derive(Debug)]
pub(crate) struct ClassInfo<'a> {
    pub(crate) module: ModuleId,
    pub(crate) def: &'a Class,
    pub(crate) bases: Vec<Symbol<'a>>,
    pub(crate) methods: HashMap<&'a str, FnId>,
    /// Class-level assignments.
    pub(crate) attrs: HashMap<&'a str, &'a Expr>,
    /// `self.name = value` in any method, the first one wins.
    pub(crate) self_attrs: HashMap<&'a str, &'a Expr>,
    pub(crate) is_model: bool,
    /// Relations declared here or pointing here; those of base classes are looked up there.
    pub(crate) relations: HashMap<String, Relation>,
}

/// A function, method or nested function.
#[derive(Debug)]
pub(crate) struct FnInfo<'a> {
    pub(crate) module: ModuleId,
    pub(crate) class: Option<ClassId>,
    pub(crate) def: &'a Function,
    /// Functions defined directly inside.
    pub(crate) nested: HashMap<&'a str, FnId>,
}

/// The linked project.
#[derive(Debug)]
pub struct Project<'a> {
    pub(crate) modules: &'a [Module],
    pub(crate) config: &'a Config,
    pub(crate) indexes: Vec<ModuleIndex<'a>>,
    pub(crate) classes: Vec<ClassInfo<'a>>,
    pub(crate) functions: Vec<FnInfo<'a>>,
    /// Importable dotted name to modules.
    by_name: HashMap<&'a str, Vec<ModuleId>>,
    /// Model class name to classes, for string references such as `"shop.Order"`.
    models_by_name: HashMap<&'a str, Vec<ClassId>>,
    /// Function of a definition, by the address of its node in the module's tree.
    fn_by_node: HashMap<usize, FnId>,
    class_by_node: HashMap<usize, ClassId>,
}

impl<'a> Project<'a> {
    /// Gathers the facts of `modules`.
    #[must_use]
    pub fn link(modules: &'a [Module], config: &'a Config) -> Self {
        let mut project = Self {
            modules,
            config,
            indexes: Vec::with_capacity(modules.len()),
            classes: Vec::new(),
            functions: Vec::new(),
            by_name: names::importable(modules),
            models_by_name: HashMap::new(),
            fn_by_node: HashMap::new(),
            class_by_node: HashMap::new(),
        };
        for number in 0..modules.len() {
            let id = ModuleId(u32::try_from(number).unwrap_or(u32::MAX));
            index::index_module(&mut project, id);
        }
        classes::resolve_bases(&mut project);
        models::find_models(&mut project);
        project
    }

    pub(crate) fn module(&self, id: ModuleId) -> &'a Module {
        &self.modules[id.0 as usize]
    }

    pub(crate) fn class(&self, id: ClassId) -> &ClassInfo<'a> {
        &self.classes[id.0 as usize]
    }

    pub(crate) fn function(&self, id: FnId) -> &FnInfo<'a> {
        &self.functions[id.0 as usize]
    }

    /// All modules with their numbers.
    pub(crate) fn module_ids(&self) -> impl Iterator<Item = ModuleId> + use<> {
        (0..u32::try_from(self.modules.len()).unwrap_or(u32::MAX)).map(ModuleId)
    }

    /// The absolute paths that a module imports.
    pub(crate) fn imports(&self, id: ModuleId) -> impl Iterator<Item = &str> {
        self.indexes[id.0 as usize].imports.values().map(String::as_str)
    }

    /// The number of a function's definition.
    pub(crate) fn fn_id(&self, def: &Function) -> Option<FnId> {
        self.fn_by_node.get(&node_key(def)).copied()
    }

    /// The number of a class's definition.
    pub(crate) fn class_id(&self, def: &Class) -> Option<ClassId> {
        self.class_by_node.get(&node_key(def)).copied()
    }
}

/// Definitions are boxed in the tree, so their address identifies them while the tree lives.
fn node_key<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}
