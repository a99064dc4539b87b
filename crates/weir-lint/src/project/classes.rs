//! Class hierarchy: bases, methods and attributes through it.

use std::sync::Arc;

use super::{ClassId, FnId, Project, Symbol};
use crate::syntax::ast::Expr;

/// How many base classes are climbed.
const CLIMB_MAX: usize = 8;

/// Resolves every class's bases.
pub(super) fn resolve_bases(project: &mut Project<'_>) {
    for number in 0..project.classes.len() {
        let (module, def) = (project.classes[number].module, project.classes[number].def);
        let bases = def.bases.iter().map(|base| project.symbol_of(module, base)).collect();
        project.classes[number].bases = bases;
    }
}

impl<'a> Project<'a> {
    /// `id` and its project bases, nearest first, each once, at most a fixed number of levels.
    pub(crate) fn ancestry(&self, id: ClassId) -> Vec<ClassId> {
        let mut all = vec![id];
        let mut at = 0;
        while at < all.len() && all.len() < CLIMB_MAX * 4 {
            for base in &self.class(all[at]).bases {
                if let Symbol::Class(base) = base
                    && !all.contains(base)
                {
                    all.push(*base);
                }
            }
            at += 1;
        }
        all
    }

    /// Method `name` of the class or of its project bases.
    pub(crate) fn method(&self, id: ClassId, name: &str) -> Option<FnId> {
        self.ancestry(id).into_iter().find_map(|c| self.class(c).methods.get(name).copied())
    }

    /// Class-level attribute `name` with the class that sets it.
    pub(crate) fn class_attr(&self, id: ClassId, name: &str) -> Option<(ClassId, &'a Expr)> {
        let mut classes = self.ancestry(id).into_iter();
        classes.find_map(|c| self.class(c).attrs.get(name).map(|value| (c, *value)))
    }

    /// `self.name` as set in a method, with the class that sets it.
    pub(crate) fn self_attr(&self, id: ClassId, name: &str) -> Option<(ClassId, &'a Expr)> {
        let mut classes = self.ancestry(id).into_iter();
        classes.find_map(|c| self.class(c).self_attrs.get(name).map(|value| (c, *value)))
    }

    /// Paths of the bases outside the project, of the whole ancestry.
    pub(crate) fn outside_bases(&self, id: ClassId) -> Vec<Arc<str>> {
        let classes = self.ancestry(id).into_iter();
        classes
            .flat_map(|c| &self.class(c).bases)
            .filter_map(|base| match base {
                Symbol::Outside(path) => Some(Arc::clone(path)),
                _ => None,
            })
            .collect()
    }

    /// Whether a base outside the project has one of the last names `names`.
    pub(crate) fn inherits_outside(&self, id: ClassId, names: &[&str]) -> bool {
        self.outside_bases(id)
            .iter()
            .any(|path| names.contains(&path.rsplit('.').next().unwrap_or(path)))
    }
}
