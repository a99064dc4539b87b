//! `settings-pooler-startup-options`: start-up parameters that a pooler refuses or leaks.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-pooler-startup-options",
        summary: "many poolers refuse `options` at start-up, and `assume_role` stays on the shared connection",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-pooler-startup-options"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in &settings.databases {
        let Some(sure) = shared::pooled(context, database) else { continue };
        if let Some(options) = database.option("options") {
            let message = "a pooler may refuse the start-up parameter `options`, or ignore it";
            let help = "set the parameters on the role (`ALTER ROLE … SET …`), or in the pooler";
            sink.push(Draft::new(options.span, message, help).sure(sure));
        }
        if let Some(role) = database.option("assume_role") {
            let message = "`assume_role` sets the role of a server connection that others use next";
            let help = "connect as that role";
            sink.push(Draft::new(role.span, message, help).sure(sure));
        }
    }
}
