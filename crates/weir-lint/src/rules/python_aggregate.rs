//! `python-aggregate`: rows are fetched to be counted or added up in Python.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::syntax::ast::{Expr, ExprKind};
use crate::trace::{Event, EventKind, FetchBy};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "python-aggregate",
        summary: "all rows are fetched to compute what the database could give as one row",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("python-aggregate"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        match &event.kind {
            EventKind::Aggregate { query, how, iter }
                if !query.capped && !query.empty && !read_again(context, event, iter) =>
            {
                let message = format!("{how} over all rows, computed in Python");
                let help = "let the database do it: `.aggregate(Sum(…))`, or \
                            `.values(key).annotate(…)` for one result per group";
                // Rows of an instance from elsewhere may have been prefetched for this.
                let sure = match (query.related, query.owner_known) {
                    (true, false) => Confidence::Low,
                    (true, true) => Confidence::Medium,
                    (false, _) => Confidence::High,
                };
                sink.push(Draft::new(event.span, message, help).sure(sure));
            }
            EventKind::Fetch { query, by: FetchBy::Len, expr }
                if !query.capped && (query.owner_known || !query.related) =>
            {
                // A name may be read again, and then its rows are needed anyway.
                if matches!(expr.kind, ExprKind::Call(_)) {
                    let message = "`len()` fetches every row to count them";
                    let help = "count in the database: `.count()`";
                    sink.push(Draft::new(event.span, message, help));
                }
            }
            _ => {}
        }
    }
}

/// Whether the function goes over the rows of this name a second time: then they are needed anyway.
fn read_again(context: &Context<'_, '_>, event: &Event<'_>, iter: &Expr) -> bool {
    let Some(name) = iter.as_name() else { return false };
    let function = context.trace.function(event.frame);
    let reads = context.trace.events.iter().filter(|other| {
        matches!(&other.kind, EventKind::Fetch { expr, .. } if expr.as_name() == Some(name))
            && context.trace.function(other.frame) == function
    });
    reads.count() > 1
}
