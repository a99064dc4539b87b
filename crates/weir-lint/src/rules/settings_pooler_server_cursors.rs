//! `settings-pooler-server-cursors`: server-side cursors through a transaction pooler.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-pooler-server-cursors",
        summary: "server-side cursors break behind a transaction pooler, and Django itself uses them",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-pooler-server-cursors"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in settings.databases.iter().filter(|d| d.defined) {
        let Some(sure) = shared::pooled(context, database) else { continue };
        if let Some(entry) = database.entry("DISABLE_SERVER_SIDE_CURSORS")
            && shared::value(context, entry.value).truth() != Some(false)
        {
            continue;
        }
        let message = format!(
            "`{}` goes through a pooler, where server-side cursors outlive their connection",
            database.alias
        );
        let help = "set `\"DISABLE_SERVER_SIDE_CURSORS\": True`";
        sink.push(Draft::new(database.span, message, help).sure(sure));
    }
}
