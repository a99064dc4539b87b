//! Django settings, in the shapes people write them: module-level dictionaries, assignments by
//! subscript, class attributes, `dict(…)`, URL helpers, environment variables with defaults.

mod read;
mod value;

use std::collections::HashMap;

pub(crate) use read::read;
pub(crate) use value::{Value, value_of};

use crate::project::ModuleId;
use crate::syntax::ast::{Expr, Span};

/// The settings one module holds.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    pub(crate) module: ModuleId,
    pub(crate) databases: Vec<Database<'a>>,
    /// Top-level names in capitals, with the whole assignment.
    pub(crate) names: HashMap<&'a str, Named>,
}

/// A top-level setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    pub(crate) statement: Span,
    /// How many times the module assigns it.
    pub(crate) assignments: usize,
}

/// One alias of `DATABASES`.
#[derive(Debug)]
pub(crate) struct Database<'a> {
    pub(crate) alias: String,
    /// Where it is defined.
    pub(crate) span: Span,
    pub(crate) entries: Vec<Entry<'a>>,
    pub(crate) options: Vec<Entry<'a>>,
    /// Part of it comes from a place that cannot be read.
    pub(crate) opaque: bool,
    /// It is defined here, not only changed.
    pub(crate) defined: bool,
}

/// One key of a database or of its `OPTIONS`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    /// The key in the source.
    pub(crate) span: Span,
    pub(crate) value: &'a Expr,
}

impl<'a> Database<'a> {
    /// Entry `key`, the last one given.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        self.entries.iter().rev().find(|entry| entry.key == key)
    }

    /// Option `key`, the last one given.
    pub(crate) fn option(&self, key: &str) -> Option<&Entry<'a>> {
        self.options.iter().rev().find(|entry| entry.key == key)
    }
}
