//! Health for people.

use std::fmt::Write;

use super::{Connections, Health, LongRunning};
use crate::diagnosis::{Culprit, Finding};

/// The longest piece of a statement on one line, characters.
const STATEMENT_CHARS_MAX: usize = 100;

/// The whole answer as lines. Ends with a line end.
#[must_use]
pub fn text(health: &Health) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut out, health);
    out
}

fn write_all(out: &mut String, health: &Health) -> std::fmt::Result {
    write!(out, "{}: {}", health.server, health.status.as_str())?;
    if let Some(version) = &health.version {
        write!(out, " (PostgreSQL {version})")?;
    }
    writeln!(out)?;
    if let Some(error) = &health.error {
        writeln!(out, "  cannot tell: {error}")?;
    }
    if let Some(connections) = &health.connections {
        write_connections(out, connections)?;
    }
    for long in &health.long_running {
        write_long(out, long)?;
    }
    for issue in &health.issues {
        write_issue(out, issue)?;
    }
    if health.issues.is_empty() && health.error.is_none() {
        let hidden = health.connections.as_ref().is_some_and(|all| all.states.unknown > 0);
        let seen = if hidden { " with what can be seen" } else { "" };
        writeln!(out, "  nothing is wrong{seen}")?;
    }
    for spot in &health.blind_spots {
        writeln!(out, "  not seen: {spot}")?;
    }
    Ok(())
}

fn write_connections(out: &mut String, connections: &Connections) -> std::fmt::Result {
    let states = connections.states;
    writeln!(
        out,
        "  connections {}/{} ({:.0} %): {} active, {} idle in transaction, {} idle, {} not \
         known, {} waiting for locks; max_connections {}, {} reserved",
        connections.used,
        connections.limit,
        connections.percent,
        states.active,
        states.idle_in_transaction,
        states.idle,
        states.unknown,
        connections.waiting_for_lock,
        connections.max_connections,
        connections.reserved,
    )?;
    for (name, states) in &connections.databases {
        writeln!(
            out,
            "    {name}: {} ({} active, {} idle in transaction)",
            states.total, states.active, states.idle_in_transaction
        )?;
    }
    Ok(())
}

fn write_long(out: &mut String, long: &LongRunning) -> std::fmt::Result {
    let blocked = if long.blocked { ", waits for a lock" } else { "" };
    writeln!(
        out,
        "  long: pid {} for {:.0} s{blocked}, {} as {} in {}: {}",
        long.pid,
        long.seconds,
        named(&long.application),
        long.user,
        long.database,
        cut(&long.statement.text),
    )
}

fn write_issue(out: &mut String, issue: &Finding) -> std::fmt::Result {
    writeln!(out, "  {}: {} - {}", issue.severity.as_str(), issue.cause.title(), issue.summary)?;
    write_culprit(out, &issue.culprit)?;
    let evidence: Vec<String> = issue.evidence.iter().map(ToString::to_string).collect();
    if !evidence.is_empty() {
        writeln!(out, "    evidence: {}", evidence.join(", "))?;
    }
    writeln!(out, "    then: {}", issue.consequence)?;
    writeln!(out, "    do: {} See docs/{}.", issue.remedy.text, issue.remedy.page)
}

fn write_culprit(out: &mut String, culprit: &Culprit) -> std::fmt::Result {
    let pid = culprit.pid.map(|pid| pid.to_string());
    let parts = [
        ("route", culprit.route.as_deref()),
        ("application", culprit.application.as_deref()),
        ("role", culprit.user.as_deref()),
        ("database", culprit.database.as_deref()),
        ("address", culprit.address.as_deref()),
        ("pid", pid.as_deref()),
    ];
    let known: Vec<String> = parts
        .iter()
        .filter_map(|(label, value)| value.map(|value| format!("{label} {value}")))
        .collect();
    if !known.is_empty() {
        writeln!(out, "    who: {}", known.join(", "))?;
    }
    match (&culprit.gap, &culprit.statement) {
        (Some(gap), _) => {
            let after = gap.after.as_ref().map_or("(not yet)", |after| &after.text);
            writeln!(out, "    between: {} -> {}", cut(&gap.before.text), cut(after))
        }
        (None, Some(statement)) => writeln!(out, "    statement: {}", cut(&statement.text)),
        (None, None) => Ok(()),
    }
}

fn named(application: &str) -> &str {
    if application.is_empty() { "a program without a name" } else { application }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(STATEMENT_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::health::tests::health;

    #[test]
    fn people_read_what_is_wrong_who_does_it_and_what_helps() {
        let text = text(&health());
        for part in [
            "db:5432: critical (PostgreSQL 15.4)\n",
            "connections 10/10 (100 %): 1 active, 8 idle in transaction, 1 idle",
            "long: pid 1 for 40 s, web as app in shop: select ? from t\n",
            "critical: transactions wait on the application - 8 transactions",
            "between: update t set a = ? -> (not yet)\n",
            "See docs/operating/causes/waits-on-application.md.\n",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains("secret"));
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let text = text(&Health::unknown("db", "wrong password"));
        assert_eq!(text, "db: unknown\n  cannot tell: wrong password\n");
    }
}
