//! `http-no-timeout`: an HTTP call that can wait for ever.

use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};
use crate::trace::{EventKind, Limit};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "http-no-timeout",
        summary: "without a time limit one silent peer holds a worker, and its connection, for ever",
        group: Group::Code,
        severity: Severity::Warning,
        default_on: true,
        page: page!("http-no-timeout"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    for event in &context.trace.events {
        let EventKind::Network(network) = &event.kind else { continue };
        let what = &network.what;
        let message = match network.limit {
            Limit::Missing => format!("`{what}` has no time limit"),
            Limit::Disabled => format!("`{what}` turns its time limit off"),
            Limit::Unset => format!("`{what}` has no time limit unless a caller gives one"),
            Limit::Given | Limit::Unknown => continue,
        };
        let help = "pass `timeout=(connect_s, read_s)`; it bounds each socket operation, so give \
                    the whole job a deadline too";
        // A script beside the application holds nobody's connection.
        let sure = match network.limit {
            _ if context.is_script() => Confidence::Low,
            Limit::Unset => Confidence::Medium,
            _ => Confidence::High,
        };
        sink.push(Draft::new(event.span, message, help).sure(sure));
    }
}
