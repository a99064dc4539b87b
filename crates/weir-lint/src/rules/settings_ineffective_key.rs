//! `settings-ineffective-key`: a database setting in a place where Django does not look.

use super::shared;
use super::{Context, Draft, Group, Rule, RuleInfo, Sink, page};
use crate::finding::Fix;
use crate::finding::Severity;
use crate::settings::Entry;
use crate::syntax::ast::{Span, StmtKind};
use crate::syntax::visit;

pub(super) const RULE: Rule = Rule {
    info: RuleInfo {
        name: "settings-ineffective-key",
        summary: "a database setting written where Django does not read it has no effect",
        group: Group::Settings,
        severity: Severity::Warning,
        default_on: true,
        page: page!("settings-ineffective-key"),
    },
    check,
};

/// Settings of a database that people write at the top level.
const TOP_LEVEL: [&str; 5] = [
    "ATOMIC_REQUESTS",
    "CONN_MAX_AGE",
    "CONN_HEALTH_CHECKS",
    "DISABLE_SERVER_SIDE_CURSORS",
    "AUTOCOMMIT",
];

/// Options that people write beside `OPTIONS` instead of in it.
const IN_OPTIONS: [&str; 9] = [
    "sslmode",
    "connect_timeout",
    "pool",
    "application_name",
    "isolation_level",
    "sslrootcert",
    "options",
    "assume_role",
    "server_side_binding",
];

fn check(context: &Context<'_, '_>, sink: &mut Sink<'_>) {
    let Some(settings) = context.settings else { return };
    let mut top: Vec<_> =
        TOP_LEVEL.iter().filter_map(|n| settings.names.get_key_value(n)).collect();
    top.sort_by_key(|(_, named)| named.statement);
    for (name, named) in top {
        if is_read(context, name) {
            continue;
        }
        let message = format!("Django does not read a top-level `{name}`: it has no effect");
        let help = format!("put it into `DATABASES[\"default\"][\"{name}\"]`, or delete it");
        let mut draft = Draft::new(named.statement, message, help);
        draft.fix = (named.assignments == 1).then(|| delete_line(context, named.statement));
        sink.push(draft);
    }
    for database in &settings.databases {
        for entry in &database.entries {
            misplaced(entry, sink);
        }
    }
}

fn misplaced(entry: &Entry<'_>, sink: &mut Sink<'_>) {
    let key = entry.key;
    if IN_OPTIONS.contains(&key) {
        let message = format!("Django does not read `{key}` here: it has no effect");
        sink.push(Draft::new(entry.span, message, "move it into `OPTIONS`"));
    } else if let Some(right) = near_miss(key) {
        let message =
            format!("Django does not know the database setting `{key}`: it has no effect");
        sink.push(Draft::new(entry.span, message, format!("write `{right}`")));
    }
}

/// The setting that `key` is a misspelling of.
fn near_miss(key: &str) -> Option<&'static str> {
    if shared::DATABASE_KEYS.contains(&key) {
        return None;
    }
    let plain = |text: &str| text.to_ascii_uppercase().replace(['-', '_'], "");
    let known = shared::DATABASE_KEYS.iter().copied();
    known.into_iter().find(|right| {
        let (key, right) = (plain(key), plain(right));
        key == right || key == format!("{right}S") || format!("{key}S") == right
    })
}

/// Whether any module reads the name, as `settings.NAME` or as a plain name.
fn is_read(context: &Context<'_, '_>, name: &str) -> bool {
    context.project.modules.iter().any(|module| {
        module.text.contains(name) && {
            let mut read = false;
            visit::each_stmt(&module.body, true, &mut |stmt| {
                let assigned = match &stmt.kind {
                    StmtKind::Assign(targets, _) => {
                        targets.iter().any(|t| t.as_name() == Some(name))
                    }
                    _ => false,
                };
                let exprs = visit::stmt_exprs(stmt);
                let exprs = exprs.iter().filter(|e| !(assigned && e.as_name() == Some(name)));
                for expr in exprs {
                    read = read
                        || visit::any_expr(expr, &mut |e| {
                            e.as_name() == Some(name)
                                || e.as_attr().is_some_and(|(_, attr)| attr == name)
                        });
                }
            });
            read
        }
    })
}

/// Deletes the statement with its line, when nothing else is on it.
fn delete_line(context: &Context<'_, '_>, statement: Span) -> Fix {
    let text = &context.module.text;
    let (start, end) = (statement.start as usize, statement.end as usize);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[end..].find('\n').map_or(text.len(), |at| end + at + 1);
    let alone = text[line_start..start].trim().is_empty() && {
        let rest = text[end..line_end].trim();
        rest.is_empty() || rest.starts_with('#')
    };
    // An indented statement may be the only one of its block.
    let indented = start != line_start;
    let title = "delete the setting that has no effect".to_owned();
    if alone && !indented {
        Fix { start: line_start, end: line_end, text: String::new(), title }
    } else {
        Fix { start, end, text: "pass".to_owned(), title }
    }
}
