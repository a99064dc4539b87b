//! The statements of one route are slow, each still short of a long one, and take most of the
//! slots.

use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen, Wait};
use crate::diagnosis::group::{code, count, culprit, largest, longest, median, name};
use crate::diagnosis::locality::locality;
use crate::diagnosis::rules::application_aggregation::takes_many_rows;
use crate::diagnosis::rules::database_slow::is_common;
use crate::diagnosis::rules::loops::Chatter;
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Scope, Severity};

/// Fires when connections are scarce, statements of one route run on half of them at once, and
/// they are slow: half of them have run for longer than a statement should, or the ledger says
/// that this route alone got slow. What is long by itself, waits for a lock or for its client, or
/// walks over rows is another cause's, and so is a route that is slow because everything is.
pub(super) fn slow_route(picture: &Picture) -> Vec<Finding> {
    if picture.pressure() == Pressure::Calm || is_common(picture) {
        return Vec::new();
    }
    let chatter = Chatter::of(picture);
    let works = |seen: &Seen<'_>| works(picture, *seen) && !chatter.is(picture, *seen);
    let working: Vec<Seen<'_>> = picture.clients().filter(works).collect();
    let route = largest(&working, asked_by);
    let middle = median(route.iter().filter_map(|seen| seen.session.running()));
    let alone = got_slow_alone(picture, &route);
    let slow = middle > picture.thresholds.slow_statement || alone;
    if !slow || !picture.is_half(route.len()) || takes_many_rows(picture, &route) {
        return Vec::new();
    }
    let confidence = if alone { Confidence::Certain } else { Confidence::Likely };
    vec![finding(picture, &route, middle).confidence(confidence)]
}

/// The route where one is told, else program and statement: a program without routes is many.
fn asked_by(seen: &Seen<'_>) -> (String, String, u64) {
    match seen.route() {
        Some(route) => (route.to_owned(), String::new(), 0),
        None => code(seen),
    }
}

/// Whether it runs a statement of its own that is not long yet.
fn works(picture: &Picture, seen: Seen<'_>) -> bool {
    let short = |time| time <= picture.thresholds.long_statement;
    seen.session.running().is_some_and(short)
        && matches!(seen.session.wait, Wait::None | Wait::Server)
        && !picture.is_exempt(seen)
}

/// Whether the ledger says of this route that it got slow and others did not.
fn got_slow_alone(picture: &Picture, route: &[Seen<'_>]) -> bool {
    let local = locality(picture).filter(|found| found.scope == Scope::Local);
    let named = |found: &str| {
        route.iter().all(|seen| seen.route().unwrap_or_else(|| seen.application()) == found)
    };
    !route.is_empty() && local.is_some_and(|found| named(&found.route))
}

fn finding(picture: &Picture, route: &[Seen<'_>], middle: Duration) -> Finding {
    let who = culprit(&largest(route, code));
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let oldest = longest(route.iter().filter_map(|seen| seen.session.running()));
    let summary = format!(
        "{} slow statements of {} run at once, half of them for more than {:.1} s; they take most \
         of the connections that are scarce.",
        route.len(),
        name(&who),
        middle.as_secs_f64(),
    );
    Finding::new(Cause::SlowRoute, severity, summary)
        .culprit(who)
        .figure(Measure::Explained, count(route.len()))
        .figure(Measure::ActiveStatements, count(route.len()))
        .figure(Measure::MedianStatement, middle.as_secs_f64())
        .figure(Measure::OldestStatement, oldest.as_secs_f64())
        .figure(Measure::TimeLimit, picture.thresholds.slow_statement.as_secs_f64())
        .figure_if(Measure::RowsRead, picture.trend.rows_read_per_second)
        .figure(Measure::ConnectionsPercent, picture.percent())
        .leads_to(
            "Each ends in time, and the next one takes its place: everything else gets what this \
             one route leaves over.",
        )
        .helps(
            "Look at the statement's plan (EXPLAIN) and make it quick; until then give the route \
             a ceiling of slots (classes.NAME.ceiling). More slots would only feed it.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, crowded, proxy_with, session};
    use crate::activity::{ClassState, Proxy, Session};
    use crate::diagnosis::diagnose;
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    /// Sessions of one route, and so many idle ones that the server is full.
    fn route(count: i32, seconds: f64) -> Vec<Session> {
        let slow = |pid| {
            let slow = session(pid).active(seconds).sql("select a from t order by b limit 20");
            Session { route: Some("/search".into()), ..slow }
        };
        (0..count).map(slow).chain((count..10).map(session)).collect()
    }

    fn class(route: &str, hold_ms: u64, rows: Option<f64>) -> ClassState {
        ClassState {
            route: route.into(),
            held: 2,
            arrivals_per_second: 1.0,
            usual_arrivals_per_second: None,
            hold: Duration::from_millis(hold_ms),
            usual_hold: Some(Duration::from_millis(30)),
            rows_per_transaction: rows,
            gap: None,
        }
    }

    fn proxied(classes: Vec<ClassState>) -> Proxy {
        Proxy { classes, ..proxy_with(vec![crowded(5, 6)]) }
    }

    #[test]
    fn fires_when_slow_statements_of_one_route_take_half_of_what_is_scarce() {
        let finding = fires(slow_route, &server(route(6, 3.0)));
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.culprit.route.as_deref(), Some("/search"));
        assert_eq!(finding.value(Measure::MedianStatement), Some(3.0));
        let found = diagnose(&server(route(6, 3.0)));
        let causes: Vec<Cause> = found.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::SlowRoute, Cause::LimitNear]);
    }

    #[test]
    fn different_statements_of_a_route_are_together_and_those_of_a_mere_program_are_not() {
        let mut sessions = route(6, 3.0);
        sessions[0] =
            Session { route: sessions[0].route.take(), ..sessions[0].clone().sql("with") };
        fires(slow_route, &server(sessions));
        let program = |pid: i32| session(pid).active(3.0).sql(&format!("select a{}", pid % 3));
        holds(slow_route, &server((0..10).map(program).collect()));
    }

    #[test]
    fn fires_on_quick_statements_when_the_ledger_says_that_this_route_alone_got_slow() {
        let calm = || [class("/a", 30, None), class("/b", 31, None)];
        let slow = [calm().to_vec(), vec![class("/search", 300, None)]].concat();
        let finding = fires(slow_route, &joined(route(5, 0.2), Some(proxied(slow))));
        assert_eq!(finding.confidence, Confidence::Certain);
        let usual = [calm().to_vec(), vec![class("/search", 40, None)]].concat();
        holds(slow_route, &joined(route(5, 0.2), Some(proxied(usual))));
    }

    #[test]
    fn more_slots_are_no_advice_while_one_route_takes_them_all() {
        let mut picture = joined(route(5, 3.0), Some(proxied(Vec::new())));
        picture.sample.as_mut().unwrap().sessions.truncate(5);
        let found: Vec<Cause> = diagnose(&picture).iter().map(|one| one.cause).collect();
        assert_eq!(found, [Cause::SlowRoute]);
    }

    #[test]
    fn holds_for_what_is_quick_few_long_calm_exempt_or_anothers() {
        holds(slow_route, &server(route(6, 0.5)));
        holds(slow_route, &server(route(4, 3.0)));
        holds(slow_route, &server(route(10, 31.0)));
        holds(slow_route, &server(route(6, 3.0)[..6].to_vec()));
        let each = |change: fn(Session) -> Session| -> Vec<Session> {
            route(8, 3.0).into_iter().map(change).collect()
        };
        holds(slow_route, &server(each(|one| one.application("pg_dump"))));
        holds(slow_route, &server(each(|one| one.wait(Wait::ClientWrite))));
        holds(slow_route, &server(each(|one| one.blocked_by(&[99]))));
        let walks = proxied(vec![class("/search", 3000, Some(300_000.0))]);
        holds(slow_route, &joined(route(5, 3.0), Some(walks)));
        let common = ["/a", "/b", "/search"].map(|route| class(route, 3000, None));
        holds(slow_route, &joined(route(5, 3.0), Some(proxied(common.to_vec()))));
    }
}
