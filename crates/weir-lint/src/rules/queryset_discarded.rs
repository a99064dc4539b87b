//! `queryset-discarded`: a queryset method whose result is dropped.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;
use crate::trace::EventKind;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "queryset-discarded",
        summary: "querysets do not change in place: the refined query is thrown away",
        group: Group::Code,
        severity: Severity::Error,
        default_on: true,
        page: page!("queryset-discarded"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Dropped { query } = &event.kind else { continue };
        let model = context.model_name(query.model);
        let message =
            format!("the refined query of `{model}` is dropped: querysets do not change in place");
        let help = "assign it: `query = query.filter(…)`; delete the line if it is not needed";
        sink.push(Draft::new(event.span, message, help));
    }
}
