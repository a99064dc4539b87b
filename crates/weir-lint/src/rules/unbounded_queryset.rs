//! `unbounded-queryset`: a request reads a whole table.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::{EventKind, FetchBy, FrameId};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "unbounded-queryset",
        summary: "a request fetches every row of a table",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: false,
        page: page!("unbounded-queryset"),
    },
    check,
};

const HELP: &str = "paginate it, cap it with a slice, or stream it with `.iterator(chunk_size=…)` \
                    outside the request";

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Fetch { query, by, expr } = &event.kind else { continue };
        let wide = !query.narrowed && !query.capped && !query.streamed && !query.related;
        let known = query.model.is_some() && !query.empty && !query.grouped && !query.by_key;
        if !wide || !known || *by == FetchBy::Len || !in_request(context, event.frame) {
            continue;
        }
        let model = context.model_name(query.model);
        let (sure, message) = if query.filtered {
            (Confidence::Medium, format!("fetches every `{model}` that matches a constant filter"))
        } else {
            (Confidence::Medium, format!("fetches every `{model}`"))
        };
        let message = format!("{message} while a request waits: `{}`", context.text(expr));
        sink.push(Draft::new(event.span, message, HELP).sure(sure));
    }
}

/// Whether the place runs in a function that takes a request.
fn in_request(context: &Context<'_, '_>, frame: FrameId) -> bool {
    context.trace.function(frame).is_some_and(|id| {
        let def = context.project.function(id).def;
        def.params.iter().take(2).any(|p| &*p.name == "request")
    })
}
