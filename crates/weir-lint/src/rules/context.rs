//! What a rule sees, and where it puts what it finds.

use std::cell::OnceCell;

use crate::config::Config;
use crate::finding::{Confidence, Finding, Fix, Related};
use crate::project::{FnId, ModuleId, Project};
use crate::settings::{self, Settings};
use crate::source::Module;
use crate::suppress;
use crate::syntax::ast::{Expr, Span};
use crate::trace::{EffectKind, Effects, EventKind, ModuleTrace, Reach};

use super::{RULES, Rule};

/// A project ready to be checked.
#[derive(Debug)]
pub struct Check<'p, 'a> {
    project: &'p Project<'a>,
    traces: &'p [ModuleTrace<'a>],
    effects: Effects,
    settings: Vec<Settings<'a>>,
}

/// One module as rules see it.
pub(super) struct Context<'p, 'a> {
    pub(super) project: &'p Project<'a>,
    pub(super) module: &'a Module,
    pub(super) id: ModuleId,
    pub(super) trace: &'p ModuleTrace<'a>,
    pub(super) effects: &'p Effects,
    pub(super) config: &'p Config,
    /// The settings this module holds, if it is a settings module.
    pub(super) settings: Option<&'p Settings<'a>>,
    /// The settings of the whole project.
    pub(super) all_settings: &'p [Settings<'a>],
    /// Places that wait for something outside, or queue a job (then true); found on first use.
    waits: OnceCell<Vec<(Span, bool)>>,
}

/// A finding before it has its place in a file.
pub(super) struct Draft {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) help: String,
    pub(super) confidence: Confidence,
    pub(super) related: Vec<Related>,
    pub(super) fix: Option<Fix>,
}

/// Collects the findings of one rule in one module.
pub(super) struct Sink<'s> {
    rule: &'s Rule,
    module: &'s Module,
    threshold: Confidence,
    out: &'s mut Vec<Finding>,
}

impl<'p, 'a> Check<'p, 'a> {
    /// Gathers what rules need of the whole project. `traces` has one entry for each module, in
    /// order.
    #[must_use]
    pub fn new(project: &'p Project<'a>, traces: &'p [ModuleTrace<'a>]) -> Self {
        let effects = Effects::gather(project, traces);
        let settings = settings::read(project);
        Self { project, traces, effects, settings }
    }

    /// Runs the rules over module number `number`.
    #[must_use]
    pub fn module(&self, number: usize) -> Vec<Finding> {
        let Some(trace) = self.traces.get(number) else { return Vec::new() };
        let config = self.project.config;
        let context = Context {
            project: self.project,
            module: self.project.module(trace.module),
            id: trace.module,
            trace,
            effects: &self.effects,
            config,
            settings: self.settings.iter().find(|s| s.module == trace.module),
            all_settings: &self.settings,
            waits: OnceCell::new(),
        };
        let mut out = Vec::new();
        let running = RULES.iter().filter(|r| config.runs(r.info.name, r.info.default_on));
        for rule in running {
            let module = context.module;
            let mut sink = Sink { rule, module, threshold: config.confidence, out: &mut out };
            (rule.check)(&context, &mut sink);
        }
        out.sort();
        out.dedup_by(|a, b| a.rule == b.rule && a.start == b.start);
        let ran = |name: &str| {
            RULES.iter().any(|r| r.info.name == name && config.runs(name, r.info.default_on))
        };
        suppress::apply(context.module, out, &ran)
    }
}

impl<'p, 'a> Context<'p, 'a> {
    /// The source of `expr` on one line, shortened to 60 characters.
    pub(super) fn text(&self, expr: &Expr) -> String {
        let words: Vec<&str> = self.module.slice(expr.span).split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(60) {
            Some((cut, _)) => format!("{}…", &line[..cut]),
            None => line,
        }
    }

    /// A note about a place in this module.
    pub(super) fn note(&self, span: Span, message: impl Into<String>) -> Related {
        self.note_in(self.id, span, message)
    }

    /// A note about a place in any module.
    pub(super) fn note_in(
        &self,
        module: ModuleId,
        span: Span,
        message: impl Into<String>,
    ) -> Related {
        let module = self.project.module(module);
        Related {
            path: module.path.clone(),
            line: module.place(span.start).line,
            message: message.into(),
        }
    }

    /// A note about what a call leads to, and the functions on the way.
    pub(super) fn way(&self, reach: &Reach) -> Related {
        let names: Vec<&str> =
            reach.path.iter().map(|id| &*self.project.function(*id).def.name).collect();
        let message = format!("`{}` here, reached through {}", reach.what, names.join(" → "));
        self.note_in(reach.module, reach.span, message)
    }

    /// Whether the module is run by hand, by itself and once: a management command, a script.
    pub(super) fn is_command(&self) -> bool {
        self.module.path.contains("management/commands/") || self.is_script()
    }

    /// Whether the module is a script beside the application.
    pub(super) fn is_script(&self) -> bool {
        let mut parts = self.module.path.split('/');
        parts.any(|part| matches!(part, "scripts" | "bin" | "tools" | "hack" | "docs"))
    }

    /// Whether a function is named for many: `process_bulk_orders`, `import_rows`.
    pub(super) fn is_named_for_many(&self, id: FnId) -> bool {
        let mut words = self.project.function(id).def.name.split('_');
        words.any(|w| matches!(w, "bulk" | "import" | "sync" | "ingest" | "all" | "mass"))
    }

    /// Whether something inside `span` uses the network or sleeps, or, if `jobs` is set, queues a
    /// job.
    pub(super) fn waits_in(&self, span: Span, jobs: bool) -> bool {
        let places = self.waits.get_or_init(|| {
            let places = self.trace.events.iter().filter_map(|event| match &event.kind {
                EventKind::Network(_) | EventKind::Sleep { .. } => Some((event.span, false)),
                EventKind::Enqueue { .. } => Some((event.span, true)),
                EventKind::Call { target, .. } => {
                    let reached = self.effects.reach(*target, EffectKind::Network);
                    reached.map(|_| (event.span, false))
                }
                _ => None,
            });
            places.collect()
        });
        places.iter().any(|(place, is_job)| (jobs || !is_job) && span.contains(*place))
    }

    /// The name of a model, or a word for an unknown one.
    pub(super) fn model_name(&self, model: Option<crate::project::ClassId>) -> String {
        model.map_or_else(|| "a model".to_owned(), |id| self.project.class(id).def.name.to_string())
    }
}

impl Draft {
    /// A finding of high confidence.
    pub(super) fn new(span: Span, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            span,
            message: message.into(),
            help: help.into(),
            confidence: Confidence::High,
            related: Vec::new(),
            fix: None,
        }
    }

    /// With another confidence.
    pub(super) fn sure(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// With a place that explains it.
    pub(super) fn with(mut self, related: Related) -> Self {
        self.related.push(related);
        self
    }
}

impl Sink<'_> {
    /// Adds a finding, unless it is less sure than asked for.
    pub(super) fn push(&mut self, draft: Draft) {
        if draft.confidence < self.threshold {
            return;
        }
        self.out.push(Finding {
            path: self.module.path.clone(),
            start: self.module.place(draft.span.start),
            end: self.module.place(draft.span.end),
            rule: self.rule.info.name,
            message: draft.message,
            help: draft.help,
            severity: self.rule.info.severity,
            confidence: draft.confidence,
            related: draft.related,
            fix: draft.fix,
        });
    }
}
