//! `settings-no-health-check`: persistent connections that are never checked.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-no-health-check",
        summary: "a persistent connection that the server or a firewall closed fails the next request",
        group: Group::Settings,
        severity: Severity::Warning,
        default_on: true,
        page: page!("settings-no-health-check"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in settings.databases.iter().filter(|_| !shared::is_development(context)) {
        let Some(age) = database.entry("CONN_MAX_AGE") else { continue };
        let persistent = shared::is_persistent(&shared::value(context, age.value));
        if persistent != Some(true) || database.entry("CONN_HEALTH_CHECKS").is_some() {
            continue;
        }
        if !database.defined && database.opaque && checks_elsewhere(context) {
            continue;
        }
        let message = format!(
            "connections of `{}` are kept, and not checked before they are used again",
            database.alias
        );
        let help = "add `\"CONN_HEALTH_CHECKS\": True` beside it (one `SELECT 1` a request)";
        let sure = if database.opaque { Confidence::Medium } else { Confidence::High };
        sink.push(Draft::new(age.span, message, help).sure(sure));
    }
}

fn checks_elsewhere(context: &Context<'_, '_>) -> bool {
    context
        .all_settings
        .iter()
        .any(|settings| settings.databases.iter().any(|d| d.entry("CONN_HEALTH_CHECKS").is_some()))
}
