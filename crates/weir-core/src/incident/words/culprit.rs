//! Who, in one line.

use crate::config::choices::Language;
use crate::diagnosis::{Culprit, GapEdge};

/// Route, application, user, database, address and backend, as far as they are known.
#[must_use]
pub fn place(culprit: &Culprit, language: Language) -> Option<String> {
    let pid = culprit.pid.map(|pid| pid.to_string());
    let named = [
        (language.pick("route", "路由"), culprit.route.as_deref()),
        (language.pick("application", "应用"), culprit.application.as_deref()),
        (language.pick("user", "用户"), culprit.user.as_deref()),
        (language.pick("database", "数据库"), culprit.database.as_deref()),
        (language.pick("from", "来自"), culprit.address.as_deref()),
        ("pid", pid.as_deref()),
    ];
    let same_as_route = |name: &str| culprit.route.as_deref() == Some(name);
    let parts: Vec<String> = named
        .iter()
        .enumerate()
        .filter_map(|(index, (label, value))| {
            // Where no tag names the route it is the application's name.
            let value = value.filter(|value| index != 1 || !same_as_route(value))?;
            Some(format!("{label} {value}"))
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The gap in which the application did something else.
#[must_use]
pub fn gap(gap: &GapEdge, language: Language) -> String {
    let before = &gap.before.text;
    match (&gap.after, language) {
        (Some(after), Language::En) => format!("silent between `{before}` and `{}`", after.text),
        (None, Language::En) => format!("silent after `{before}`"),
        (Some(after), Language::Zh) => format!("在 `{before}` 与 `{}` 之间等待应用", after.text),
        (None, Language::Zh) => format!("在 `{before}` 之后等待应用"),
    }
}

/// Everything that is known of who it is.
#[must_use]
pub fn culprit(culprit: &Culprit, language: Language) -> Option<String> {
    let statement = || culprit.statement.as_ref().map(|statement| format!("`{statement}`"));
    let what = culprit.gap.as_ref().map(|edge| gap(edge, language)).or_else(statement);
    let parts: Vec<String> = place(culprit, language).into_iter().chain(what).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Statement;

    #[test]
    fn who_is_named_by_what_is_known() {
        assert_eq!(culprit(&Culprit::default(), Language::En), None);
        let edge = GapEdge {
            before: Statement::of(b"update orders set x = 1"),
            after: Some(Statement::of(b"insert into log values (1)")),
        };
        let who = Culprit {
            route: Some("bulk".into()),
            application: Some("bulk".into()),
            user: Some("app".into()),
            gap: Some(edge),
            ..Culprit::default()
        };
        assert_eq!(
            culprit(&who, Language::En).unwrap(),
            "route bulk, user app: silent between `update orders set x = ?` and \
             `insert into log values (?)`"
        );
        assert!(culprit(&who, Language::Zh).unwrap().starts_with("路由 bulk, 用户 app: 在 `"));
    }
}
