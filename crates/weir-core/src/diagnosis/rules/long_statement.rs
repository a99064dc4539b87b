//! Statements that run for long on the server itself.

use crate::activity::{Picture, Pressure, Seen, Wait};
use crate::diagnosis::group::{code, count, culprit, largest, longest, name};
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Fires when more statements run long than are allowed at once, or when fewer do and take a fifth
/// of connections that are scarce. What waits for a lock or for its client is another cause's.
pub(super) fn long_statement(picture: &Picture) -> Vec<Finding> {
    let limit = picture.thresholds.long_statement;
    let long: Vec<Seen<'_>> = picture.clients().filter(|seen| is_long(picture, *seen)).collect();
    let many = count(long.len()) > picture.thresholds.long_statements_max;
    let scarce = picture.pressure() > Pressure::Calm && picture.matters(long.len());
    if long.is_empty() || !(many || scarce) {
        return Vec::new();
    }
    let severity = match picture.pressure() {
        Pressure::Full if scarce => Severity::Critical,
        Pressure::Full | Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let worst = largest(&long, code);
    let who = culprit(&worst);
    let oldest = longest(long.iter().filter_map(|seen| seen.session.running()));
    let summary = format!(
        "{} statements run longer than {:.0} s, the oldest for {:.0} s; {} of them are from {}.",
        long.len(),
        limit.as_secs_f64(),
        oldest.as_secs_f64(),
        worst.len(),
        name(&who),
    );
    let finding = Finding::new(Cause::LongStatement, severity, summary)
        .confidence(Confidence::Certain)
        .culprit(who)
        .figure(Measure::Explained, count(long.len()))
        .figure(Measure::LongStatements, count(long.len()))
        .figure(Measure::OldestStatement, oldest.as_secs_f64())
        .figure(Measure::TimeLimit, limit.as_secs_f64())
        .figure(Measure::ConnectionsPercent, picture.percent())
        .leads_to("Each keeps its connection until it ends; new work finds none left.")
        .helps(
            "Look at the statement's plan (EXPLAIN), bound its result, and give the role a \
             statement_timeout. pg_cancel_backend(pid) ends one now.",
        );
    vec![finding]
}

fn is_long(picture: &Picture, seen: Seen<'_>) -> bool {
    let elsewhere = matches!(seen.session.wait, Wait::Lock | Wait::ClientRead | Wait::ClientWrite);
    seen.session.running().is_some_and(|time| time > picture.thresholds.long_statement)
        && !elsewhere
        && !picture.is_exempt(seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Session;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::rules::tests::{fires, holds, server};

    fn reports(count: i32, seconds: f64) -> Vec<Session> {
        (0..count)
            .map(|pid| {
                session(pid).active(seconds).sql("select sum(a) from t").application("report")
            })
            .collect()
    }

    #[test]
    fn fires_on_many_long_statements() {
        let finding = fires(long_statement, &server(reports(6, 40.0)));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.culprit.application.as_deref(), Some("report"));
        assert_eq!(finding.value(Measure::LongStatements), Some(6.0));
    }

    #[test]
    fn fires_on_a_few_where_connections_are_scarce() {
        let mut sessions = reports(3, 40.0);
        sessions.extend((10..17).map(session));
        assert_eq!(fires(long_statement, &server(sessions)).severity, Severity::Critical);
    }

    #[test]
    fn holds_for_few_idle_blocked_or_exempt_ones() {
        holds(long_statement, &server(reports(5, 40.0)));
        holds(long_statement, &server(reports(9, 20.0)));
        holds(long_statement, &server((0..9).map(|pid| session(pid).idle(4000.0)).collect()));
        let blocked = |pid: i32| session(pid).active(99.0).blocked_by(&[1]);
        holds(long_statement, &server((2..11).map(blocked).collect()));
        let backup = |session: Session| session.application("pg_dump");
        holds(long_statement, &server(reports(9, 99.0).into_iter().map(backup).collect()));
    }
}
