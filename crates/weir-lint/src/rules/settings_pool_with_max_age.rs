//! `settings-pool-with-max-age`: the native pool together with `CONN_MAX_AGE`.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Severity;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-pool-with-max-age",
        summary: "Django refuses to start with the native pool and persistent connections together",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-pool-with-max-age"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    for database in &settings.databases {
        let Some(pool) = database.option("pool") else { continue };
        let pooled = !matches!(shared::value(context, pool.value).truth(), Some(false));
        let Some(age) = database.entry("CONN_MAX_AGE") else { continue };
        if pooled && shared::is_persistent(&shared::value(context, age.value)) == Some(true) {
            let message = "the native pool does not work with `CONN_MAX_AGE`: Django raises \
                           ImproperlyConfigured";
            let help = "delete `CONN_MAX_AGE` (the pool keeps connections by itself)";
            let note = context.note(pool.span, "the pool is turned on here");
            sink.push(Draft::new(age.span, message, help).with(note));
        }
    }
}
