//! `settings-atomic-requests`: every view in one transaction.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-atomic-requests",
        summary: "with ATOMIC_REQUESTS a request holds its transaction through templates and network calls",
        group: Group::Settings,
        severity: Severity::Info,
        default_on: true,
        page: page!("settings-atomic-requests"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in &settings.databases {
        if shared::is_other_database(context, database) {
            continue;
        }
        let Some(entry) = database.entry("ATOMIC_REQUESTS") else { continue };
        if shared::value(context, entry.value).truth() == Some(true) {
            let message = format!(
                "every view of `{}` runs in one transaction, network calls and rendering included",
                database.alias
            );
            let help = "mark views that call out with `@transaction.non_atomic_requests` and use \
                        short `atomic` blocks in them";
            sink.push(Draft::new(entry.span, message, help));
        }
    }
}
