//! Open transactions that wait for their application: it does something else between two
//! statements, such as calling another service.

use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen};
use crate::diagnosis::group::{code, count, culprit, largest, longest, median, name};
use crate::diagnosis::rules::loops;
use crate::diagnosis::{Cause, Culprit, Finding, GapEdge, Measure, Severity};

/// Fires when silent transactions take a fifth of connections that are scarce, when half of those
/// are silent at once, each for a short time, and when one is silent for long where there are
/// plenty. Longer silence still is a leak's; silence between fetches of a cursor is aggregation's.
pub(super) fn waits_on_application(picture: &Picture) -> Vec<Finding> {
    let Some((limit, silent)) = silent(picture) else { return Vec::new() };
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    vec![finding(picture, severity, limit, &silent)]
}

/// The silent transactions that matter, and for how long each is silent at least.
fn silent(picture: &Picture) -> Option<(Duration, Vec<Seen<'_>>)> {
    let thresholds = &picture.thresholds;
    let longer = |limit| -> Vec<Seen<'_>> {
        picture.clients().filter(|seen| is_silent(picture, *seen, limit)).collect()
    };
    if picture.pressure() == Pressure::Calm {
        let limit = thresholds.idle_transaction_calm;
        return Some((limit, longer(limit))).filter(|(_, silent)| !silent.is_empty());
    }
    let limit = thresholds.idle_transaction;
    let long = longer(limit);
    if picture.matters(long.len()) {
        return Some((limit, long));
    }
    // Calls that end in time each, and of which there is always one: what matters is their share.
    let limit = loops::GAP_MIN.min(limit);
    Some((limit, longer(limit))).filter(|(_, silent)| picture.is_half(silent.len()))
}

fn finding(picture: &Picture, severity: Severity, limit: Duration, silent: &[Seen<'_>]) -> Finding {
    let worst = largest(silent, code);
    let who = with_gap(picture, culprit(&worst));
    let silence = |seen: &Seen<'_>| seen.session.silent();
    let oldest = longest(silent.iter().filter_map(silence));
    let share = 100.0 * f64::from(count(silent.len())) / f64::from(picture.used().max(1));
    let summary = format!(
        "{} transactions are open and wait for their application, the longest silent for {:.1} s; \
         {} of them are from {}.",
        silent.len(),
        oldest.as_secs_f64(),
        worst.len(),
        name(&who),
    );
    Finding::new(Cause::WaitsOnApplication, severity, summary)
        .culprit(who)
        .figure(Measure::Explained, count(silent.len()))
        .figure(Measure::IdleInTransaction, count(silent.len()))
        .figure(Measure::IdleInTransactionPercent, share)
        .figure(Measure::OldestSilence, oldest.as_secs_f64())
        .figure(Measure::MedianSilence, median(silent.iter().filter_map(silence)).as_secs_f64())
        .figure(Measure::TimeLimit, limit.as_secs_f64())
        .leads_to(
            "The database does nothing for them, yet they keep their connections and locks: \
             the slower the other side, the more connections are gone.",
        )
        .helps(
            "Move what is slow (a call to another service, a sleep, a loop) out of the \
             transaction; set idle_in_transaction_session_timeout as a net.",
        )
}

fn is_silent(picture: &Picture, seen: Seen<'_>, limit: Duration) -> bool {
    let session = seen.session;
    let long = session
        .silent()
        .is_some_and(|silence| silence > limit && silence <= picture.thresholds.forgotten);
    (long || loops::is_gap(picture, seen))
        && session.statement.verb() != "fetch"
        && !picture.thresholds.exempts(seen.application(), &session.user)
}

/// Adds the gap: from the ledger both of its ends, from samples its beginning.
fn with_gap(picture: &Picture, mut who: Culprit) -> Culprit {
    let classes = picture.proxy.iter().flat_map(|proxy| &proxy.classes);
    let ledger = classes
        .filter(|class| Some(&class.route) == who.route.as_ref())
        .find_map(|class| class.gap.clone());
    who.gap = match (ledger, &who.statement) {
        (Some((before, after)), _) => Some(GapEdge { before, after: Some(after) }),
        (None, Some(before)) => Some(GapEdge { before: before.clone(), after: None }),
        (None, None) => None,
    };
    who
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Session;
    use crate::activity::tests::{Build, crowded, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    fn payments(count: i32, seconds: f64) -> Vec<Session> {
        (0..count)
            .map(|pid| session(pid).silent(seconds).sql("insert into payment values (1)"))
            .collect()
    }

    #[test]
    fn fires_where_connections_are_scarce_and_names_the_gap() {
        let mut sessions = payments(4, 3.0);
        sessions.extend((10..16).map(session));
        let finding = fires(waits_on_application, &server(sessions));
        assert_eq!(finding.severity, Severity::Critical);
        let gap = finding.culprit.gap.unwrap();
        assert!(gap.before.text.starts_with("insert into payment"), "{gap:?}");
    }

    #[test]
    fn fires_where_clients_wait_for_slots_of_a_small_pool() {
        let proxy = proxy_with(vec![crowded(2, 5)]);
        let finding = fires(waits_on_application, &joined(payments(2, 3.0), Some(proxy)));
        assert_eq!(finding.value(Measure::IdleInTransaction), Some(2.0));
    }

    #[test]
    fn fires_on_short_silence_when_half_of_all_are_in_it() {
        let with_idle = |silent: i32| {
            let mut sessions = payments(silent, 0.2);
            sessions.extend((20..30 - silent).map(session));
            server(sessions)
        };
        let finding = fires(waits_on_application, &with_idle(5));
        assert_eq!(finding.value(Measure::IdleInTransaction), Some(5.0));
        holds(waits_on_application, &with_idle(4));
    }

    #[test]
    fn fires_in_calm_on_long_silence_only() {
        assert_eq!(
            fires(waits_on_application, &server(payments(1, 400.0))).severity,
            Severity::Warning
        );
        holds(waits_on_application, &server(payments(5, 30.0)));
    }

    #[test]
    fn holds_for_short_silence_cursors_and_forgotten_transactions() {
        holds(waits_on_application, &server(payments(10, 0.01)));
        let cursor = |pid| session(pid).silent(3.0).sql("fetch forward 2000 from c");
        holds(waits_on_application, &server((0..10).map(cursor).collect()));
        holds(waits_on_application, &server(payments(10, 3600.0)));
        holds(waits_on_application, &server((0..10).map(|pid| session(pid).idle(30.0)).collect()));
    }

    #[test]
    fn fires_on_a_long_transaction_that_is_a_loop_of_gaps() {
        let work = |pid| session(pid).silent(0.15).transaction(30.0).sql("update orders set a = 1");
        let finding = fires(waits_on_application, &server((0..10).map(work).collect()));
        assert_eq!(finding.value(Measure::IdleInTransaction), Some(10.0));
    }
}
