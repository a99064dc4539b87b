//! `settings-persistent-asgi`: persistent connections under ASGI.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::{Confidence, Severity};

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-persistent-asgi",
        summary: "under ASGI a persistent connection is abandoned after its request, not used again",
        group: Group::Settings,
        severity: Severity::Error,
        default_on: true,
        page: page!("settings-persistent-asgi"),
    },
    check,
};

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    let Some(sure) = asgi(context) else { return };
    for database in settings.databases.iter().filter(|_| !shared::is_development(context)) {
        let Some(age) = database.entry("CONN_MAX_AGE") else { continue };
        if shared::is_persistent(&shared::value(context, age.value)) == Some(true) {
            let message = format!(
                "`{}` keeps connections, but under ASGI each request has a new thread and leaks its own",
                database.alias
            );
            let help = "set `CONN_MAX_AGE` to 0 and put a pooler in front, or use `\"pool\": True`";
            sink.push(Draft::new(age.span, message, help).sure(sure));
        }
    }
}

/// How sure it is that the project is served over ASGI.
fn asgi(context: &Context<'_, '_>) -> Option<Confidence> {
    match context.config.asgi {
        Some(true) => return Some(Confidence::High),
        Some(false) => return None,
        None => {}
    }
    let mut names = context.all_settings.iter().map(|s| &s.names);
    let asgi = names.any(|names| names.contains_key("ASGI_APPLICATION"));
    let mut names = context.all_settings.iter().map(|s| &s.names);
    let wsgi = names.any(|names| names.contains_key("WSGI_APPLICATION"));
    match (asgi, wsgi) {
        (true, false) => Some(Confidence::High),
        (true, true) => Some(Confidence::Medium),
        (false, _) => None,
    }
}
