//! What calling a project function leads to, followed a few calls deep.

use super::{Event, EventKind, FrameKind, ModuleTrace};
use crate::project::{FnId, ModuleId, Project};
use crate::syntax::ast::{ExprKind, Span};
use crate::syntax::visit;

/// How many calls are followed below the one that is looked at.
const CALLS_MAX: usize = 2;

/// An effect worth following through calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EffectKind {
    Network,
    Enqueue,
    Sleep,
    /// A query whenever the function is called, on no condition.
    Query,
    /// Any use of the ORM, so that a connection is opened.
    Orm,
}

/// One thing a function does.
#[derive(Debug, Clone)]
struct Done {
    kind: EffectKind,
    what: String,
    span: Span,
    conditional: bool,
}

#[derive(Debug, Default)]
struct Summary {
    done: Vec<Done>,
    calls: Vec<(FnId, bool)>,
    /// The function decides by itself what waits for the commit.
    defers: bool,
}

/// Summaries of all functions.
#[derive(Debug)]
pub(crate) struct Effects {
    summaries: Vec<Summary>,
    modules: Vec<ModuleId>,
}

/// An effect found behind a call.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) what: String,
    pub(crate) module: ModuleId,
    pub(crate) span: Span,
    /// Only on some condition in the function that does it.
    pub(crate) conditional: bool,
    /// The functions on the way, the called one first.
    pub(crate) path: Vec<FnId>,
}

impl Effects {
    /// Summarizes `traces`.
    pub(crate) fn gather(project: &Project<'_>, traces: &[ModuleTrace<'_>]) -> Self {
        let mut summaries: Vec<Summary> = Vec::new();
        summaries.resize_with(project.functions.len(), Summary::default);
        for trace in traces {
            for event in &trace.events {
                if let Some(function) = trace.function(event.frame) {
                    add(&mut summaries[function.0 as usize], trace, event);
                }
            }
        }
        for (summary, info) in summaries.iter_mut().zip(&project.functions) {
            summary.defers |= defers_itself(info.def);
        }
        let modules = project.functions.iter().map(|f| f.module).collect();
        Self { summaries, modules }
    }

    /// The first effect of `kind` that calling `function` has, by itself or in what it calls.
    pub(crate) fn reach(&self, function: FnId, kind: EffectKind) -> Option<Reach> {
        self.reach_within(function, kind, CALLS_MAX, &mut Vec::new())
    }

    fn reach_within(
        &self,
        function: FnId,
        kind: EffectKind,
        calls: usize,
        path: &mut Vec<FnId>,
    ) -> Option<Reach> {
        let summary = &self.summaries[function.0 as usize];
        if summary.defers || path.contains(&function) {
            return None;
        }
        path.push(function);
        let counts =
            |done: &&Done| done.kind == kind && !(kind == EffectKind::Query && done.conditional);
        let found = summary.done.iter().find(counts).map(|done| Reach {
            what: done.what.clone(),
            module: self.modules[function.0 as usize],
            span: done.span,
            conditional: done.conditional,
            path: path.clone(),
        });
        let found = found.or_else(|| {
            let follow = summary
                .calls
                .iter()
                .filter(|(_, conditional)| !(kind == EffectKind::Query && *conditional));
            let calls = calls.checked_sub(1)?;
            follow.map(|(id, _)| *id).find_map(|id| self.reach_within(id, kind, calls, path))
        });
        path.pop();
        found
    }
}

fn add(summary: &mut Summary, trace: &ModuleTrace<'_>, event: &Event<'_>) {
    let in_handler =
        trace.inside(event.frame).any(|frame| matches!(frame.kind, FrameKind::Handler));
    let conditional = in_handler
        || trace.inside(event.frame).any(|frame| matches!(frame.kind, FrameKind::Branch(_)));
    let mut done = |kind, what: String| {
        summary.done.push(Done { kind, what, span: event.span, conditional });
    };
    match &event.kind {
        EventKind::Network(network) if !in_handler => {
            done(EffectKind::Network, network.what.clone());
        }
        EventKind::Enqueue { what, delayed: false } => done(EffectKind::Enqueue, what.clone()),
        EventKind::Sleep { seconds } if !in_handler && seconds.is_none_or(|s| s > 0.0) => {
            done(EffectKind::Sleep, "sleep".to_owned());
        }
        EventKind::Ask(ask) if !ask.query.preloaded_itself => {
            done(EffectKind::Query, format!(".{}()", ask.method));
            done(EffectKind::Orm, format!(".{}()", ask.method));
        }
        EventKind::Fetch { .. } | EventKind::Sql { .. } => {
            done(EffectKind::Orm, "a query".to_owned());
        }
        EventKind::Write { method, .. } => done(EffectKind::Orm, format!(".{method}()")),
        EventKind::Call { target, .. } => summary.calls.push((*target, conditional)),
        EventKind::OnCommit { .. } => {}
        _ => {}
    }
}

/// Project helpers that look at the open transaction, or are decorated to wait for its end.
fn defers_itself(def: &crate::syntax::ast::Function) -> bool {
    let by_decorator = def.decorators.iter().any(|decorator| {
        super::classify::decorator_name(decorator).is_some_and(|name| name.contains("commit"))
    });
    by_decorator
        || visit::any_in_body(&def.body, &mut |expr| match &expr.kind {
            ExprKind::Attr(_, attr) => matches!(&**attr, "in_atomic_block" | "needs_rollback"),
            _ => false,
        })
}
