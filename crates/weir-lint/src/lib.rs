//! The checker: Django sources in, findings out.
//!
//! Two passes. [`Module::parse`] reads each file on its own, so the caller may run it in parallel;
//! [`Project::link`] gathers the facts of all of them; [`Project::trace`] walks each module's
//! functions with those facts, again in parallel if the caller likes; [`Check::new`] summarizes
//! what functions do, and [`Check::module`] runs the rules. [`check`] does it all in a row.
//!
//! Nothing here touches a file, a clock, a thread or the environment, and no input makes it panic.

#![forbid(unsafe_code)]

mod baseline;
mod config;
mod finding;
mod fix;
mod infer;
pub mod output;
mod project;
mod rules;
mod settings;
mod source;
mod suppress;
mod syntax;
mod trace;

pub use baseline::{Baseline, BaselineError};
pub use config::{Config, ConfigError, Pooler};
pub use finding::{Confidence, Finding, Fix, Related, Severity};
pub use fix::apply_fixes;
pub use project::Project;
pub use rules::{Check, Group, RuleInfo, nearest, rule_named, rules};
pub use source::{Module, Place, Problem, Source};
pub use syntax::ast::Span;
pub use syntax::guard::{FILE_BYTES_MAX, NESTING_MAX, Refusal};
pub use trace::ModuleTrace;

impl<'a> Project<'a> {
    /// Walks module number `number`.
    #[must_use]
    pub fn trace(&self, number: usize) -> ModuleTrace<'a> {
        let id = project::ModuleId(u32::try_from(number).unwrap_or(u32::MAX));
        trace::trace_module(self, id)
    }
}

/// Checks `modules` from first to last; findings sorted by file and place.
#[must_use]
pub fn check(modules: &[Module], config: &Config) -> Vec<Finding> {
    let project = Project::link(modules, config);
    let traces: Vec<ModuleTrace<'_>> = (0..modules.len()).map(|n| project.trace(n)).collect();
    let check = Check::new(&project, &traces);
    let mut findings: Vec<Finding> =
        (0..modules.len()).flat_map(|number| check.module(number)).collect();
    findings.sort();
    findings
}
