//! `settings-no-statement-timeout`: nothing ends a query that runs too long.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-no-statement-timeout",
        summary: "without `statement_timeout` one bad query holds its connection as long as it likes",
        group: Group::Settings,
        severity: Severity::Info,
        default_on: true,
        page: page!("settings-no-statement-timeout"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    if shared::is_development(context) || timeout_anywhere(context) {
        return;
    }
    for database in settings.databases.iter().filter(|d| d.defined) {
        if !shared::is_postgresql(context, database) {
            continue;
        }
        let message = format!("no `statement_timeout` is set for `{}`", database.alias);
        let help = "set it on the role (`ALTER ROLE app SET statement_timeout = '30s'`), or as \
                    `\"options\": \"-c statement_timeout=30000\"` without a pooler";
        sink.push(Draft::new(database.span, message, help).sure(Confidence::Medium));
    }
}

fn timeout_anywhere(context: &Context<'_, '_>) -> bool {
    context.project.modules.iter().any(|module| module.text.contains("statement_timeout"))
}
