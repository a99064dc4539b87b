//! The application takes many rows, or sends many small statements, to compute what one statement
//! could.

use crate::activity::{ClassState, Phase, Picture, Pressure, Seen, Wait};
use crate::diagnosis::group::{code, count, culprit, largest, longest, name};
use crate::diagnosis::rules::loops::Chatter;
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Severity};

/// Rows of one transaction from which it is a walk over a table.
const ROWS_MANY: f64 = 10_000.0;

const LEADS_TO: &str = "A connection is held as long as the application computes, and the more \
                        data there is, the longer that takes.";
const HELPS: &str = "Let the database aggregate (GROUP BY, one statement for all), bound the \
                     result, and read it outside of a transaction.";

/// Fires on readers that are slower than the server, on cursors that wait between fetches, on
/// transactions of very many statements: when they take a fifth of connections that are scarce, or
/// a reader is slow for as long as a statement may run. With the ledger also on a route whose
/// transactions take very many rows: while nobody gets a connection as a part of the cause,
/// however few it holds itself.
pub(super) fn application_aggregation(picture: &Picture) -> Vec<Finding> {
    let chatter = Chatter::of(picture);
    let walks = |seen: &Seen<'_>| walks(picture, *seen) || chatter.is(picture, *seen);
    let walks: Vec<Seen<'_>> =
        picture.clients().filter(walks).filter(|seen| !picture.is_exempt(*seen)).collect();
    let oldest = longest(walks.iter().filter_map(|seen| seen.session.transaction));
    let scarce = picture.pressure() > Pressure::Calm && picture.matters(walks.len());
    if scarce || oldest > picture.thresholds.long_statement {
        return vec![by_sessions(picture, &walks, oldest.as_secs_f64())];
    }
    picture
        .proxy
        .iter()
        .flat_map(|proxy| &proxy.classes)
        .filter_map(|class| by_class(picture, class))
        .collect()
}

fn walks(picture: &Picture, seen: Seen<'_>) -> bool {
    let session = seen.session;
    let limit = picture.thresholds.slow_reader;
    let slow = |wait| session.wait == wait && session.running().is_some_and(|time| time > limit);
    let behind = seen
        .holder
        .is_some_and(|holder| holder.phase == Phase::ClientBlocked && holder.phase_for > limit);
    let cursor = session.statement.verb() == "fetch"
        && session.silent().is_some()
        && session.transaction.is_some_and(|time| time > limit);
    slow(Wait::ClientWrite) || behind || cursor
}

fn by_sessions(picture: &Picture, walks: &[Seen<'_>], oldest: f64) -> Finding {
    let worst = largest(walks, code);
    let who = culprit(&worst);
    let blocked = walks.iter().filter(|seen| seen.session.wait == Wait::ClientWrite).count();
    let unsure = match picture.proxy {
        Some(_) => "",
        None => " So say samples of what they wait for; without the proxy no rows are counted.",
    };
    let summary = format!(
        "{} sessions hand over rows or small statements to an application that computes with \
         them, the oldest for {oldest:.0} s; {} of them are from {}.{unsure}",
        walks.len(),
        worst.len(),
        name(&who),
    );
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    Finding::new(Cause::ApplicationAggregation, severity, summary)
        .culprit(who)
        .figure(Measure::Explained, count(walks.len()))
        .figure(Measure::BlockedOnClient, count(blocked))
        .figure(Measure::OldestStatement, oldest)
        .figure_if(Measure::RowsRead, picture.trend.rows_read_per_second)
        .leads_to(LEADS_TO)
        .helps(HELPS)
}

fn by_class(picture: &Picture, class: &ClassState) -> Option<Finding> {
    let rows = class.rows_per_transaction.filter(|rows| *rows >= ROWS_MANY)?;
    let held = usize::try_from(class.held).unwrap_or(usize::MAX);
    let asks = class.held > 0 || class.arrivals_per_second > 0.0;
    let severity = match picture.pressure() {
        Pressure::Near | Pressure::Full if picture.matters(held) => Severity::Critical,
        Pressure::Full if asks => Severity::Warning,
        Pressure::Calm | Pressure::Near | Pressure::Full => return None,
    };
    let summary = format!(
        "Route \"{}\" takes {rows:.0} rows a transaction, and holds {} slots.",
        class.route, class.held,
    );
    let finding = Finding::new(Cause::ApplicationAggregation, severity, summary)
        .confidence(Confidence::Certain)
        .culprit(Culprit { route: Some(class.route.clone()), ..Culprit::default() })
        .figure(Measure::Explained, class.held)
        .figure(Measure::RowsPerTransaction, rows)
        .leads_to(LEADS_TO)
        .helps(HELPS);
    Some(finding)
}

/// Whether the ledger says that the transactions of these sessions' route take very many rows.
pub(super) fn takes_many_rows(picture: &Picture, sessions: &[Seen<'_>]) -> bool {
    let classes = picture.proxy.iter().flat_map(|proxy| &proxy.classes);
    let many =
        |class: &ClassState| class.rows_per_transaction.is_some_and(|rows| rows >= ROWS_MANY);
    classes.filter(|class| many(class)).any(|class| {
        sessions
            .iter()
            .any(|seen| seen.route().unwrap_or_else(|| seen.application()) == class.route)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::activity::Session;
    use crate::activity::tests::{Build, crowded, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    fn slow_readers(count: i32, seconds: f64) -> Vec<Session> {
        let reader =
            |pid| session(pid).active(seconds).wait(Wait::ClientWrite).sql("select * from t");
        (0..count).map(reader).collect()
    }

    #[test]
    fn fires_on_slow_readers_where_connections_are_scarce() {
        let mut sessions = slow_readers(3, 6.0);
        sessions.extend((10..17).map(session));
        let finding = fires(application_aggregation, &server(sessions));
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.value(Measure::BlockedOnClient), Some(3.0));
        assert_eq!(finding.value(Measure::RowsRead), None, "one look has no rate");
        let mut later = server(slow_readers(9, 6.0));
        later.trend.rows_read_per_second = Some(400_000.0);
        let finding = fires(application_aggregation, &later);
        assert_eq!(finding.value(Measure::RowsRead), Some(400_000.0));
        assert!(finding.summary.contains("without the proxy no rows are counted"));
    }

    #[test]
    fn fires_in_calm_on_a_reader_that_is_slow_for_long() {
        let finding = fires(application_aggregation, &server(slow_readers(1, 40.0)));
        assert_eq!(finding.severity, Severity::Warning);
        holds(application_aggregation, &server(slow_readers(3, 6.0)));
    }

    #[test]
    fn fires_on_cursors_and_on_loops_of_statements() {
        let cursor = |pid| session(pid).silent(1.0).transaction(9.0).sql("FETCH 2000 FROM c");
        fires(application_aggregation, &server((0..9).map(cursor).collect()));
        let chatter = |pid| session(pid).active(0.001).transaction(9.0).sql("select a from t");
        fires(application_aggregation, &server((0..9).map(chatter).collect()));
        // One that is between two gaps is what those of the same code are.
        let gap = |pid| session(pid).silent(0.4).transaction(90.0).sql("update t set a = 1");
        let mut gaps: Vec<Session> = (0..8).map(gap).collect();
        gaps.push(session(8).active(0.001).transaction(90.0).sql("select a from t"));
        holds(application_aggregation, &server(gaps));
    }

    #[test]
    fn holds_for_backups_and_for_short_work() {
        let backup = |session: Session| session.application("pg_dump");
        holds(
            application_aggregation,
            &server(slow_readers(9, 90.0).into_iter().map(backup).collect()),
        );
        holds(
            application_aggregation,
            &server((0..9).map(|pid| session(pid).active(0.1)).collect()),
        );
    }

    #[test]
    fn the_ledger_tells_of_rows() {
        let class = ClassState {
            route: "/report".into(),
            held: 2,
            arrivals_per_second: 1.0,
            usual_arrivals_per_second: None,
            hold: Duration::from_secs(2),
            usual_hold: None,
            rows_per_transaction: Some(300_000.0),
            gap: None,
        };
        let mut proxy = proxy_with(vec![crowded(2, 3)]);
        proxy.classes.push(class.clone());
        let finding =
            fires(application_aggregation, &joined(vec![session(1)], Some(proxy.clone())));
        assert_eq!(finding.culprit.route.as_deref(), Some("/report"));
        assert_eq!(finding.severity, Severity::Critical);
        proxy.pools = vec![crowded(39, 3)];
        let sessions = (1..40).map(session).collect();
        let finding = fires(application_aggregation, &joined(sessions, Some(proxy.clone())));
        assert_eq!(finding.severity, Severity::Warning, "2 of 39 slots are a part of the cause");
        proxy.classes = vec![ClassState { rows_per_transaction: Some(20.0), ..class }];
        holds(application_aggregation, &joined(vec![session(1)], Some(proxy)));
    }
}
