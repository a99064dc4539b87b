//! Far more work arrives than usual.

use crate::activity::{ClassState, Picture, Pressure, Seen};
use crate::diagnosis::group::{count, culprit, largest, origin};
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Severity};

/// Fires where connections are scarce and work arrives at many times the usual rate: of routes
/// whose additional work takes half of what is scarce, where the ledger knows what is usual for
/// routes; else of the whole server. Clients that come again because a slow route has the slots
/// are many, and take few.
pub(super) fn arrival_surge(picture: &Picture) -> Vec<Finding> {
    if picture.pressure() == Pressure::Calm {
        return Vec::new();
    }
    let classes = || picture.proxy.iter().flat_map(|proxy| &proxy.classes);
    if classes().all(|class| class.usual_arrivals_per_second.is_none()) {
        let trend = &picture.trend;
        let rates = trend.transactions_per_second.zip(trend.usual_transactions_per_second);
        let surge = rates.filter(|(now, usual)| is_surge(picture, *now, *usual));
        return surge.map(|rates| of_server(picture, rates)).into_iter().collect();
    }
    let surges: Vec<Surge<'_>> = classes().filter_map(|class| Surge::of(picture, class)).collect();
    let slots: f64 = surges.iter().map(|surge| surge.slots).sum();
    let worst = surges.iter().max_by(|a, b| a.slots.total_cmp(&b.slots));
    let worst = worst.filter(|_| picture.is_half(whole(slots)));
    worst.map(|worst| of_routes(picture, worst, &surges)).into_iter().collect()
}

/// A route that is asked for at many times its usual rate.
struct Surge<'a> {
    class: &'a ClassState,
    usual: f64,
    /// Slots that what arrives beyond the usual takes (Little's law).
    slots: f64,
}

impl<'a> Surge<'a> {
    fn of(picture: &Picture, class: &'a ClassState) -> Option<Self> {
        let usual = class.usual_arrivals_per_second?;
        let now = class.arrivals_per_second;
        let slots = (now - usual) * class.hold.as_secs_f64();
        is_surge(picture, now, usual).then_some(Self { class, usual, slots })
    }

    /// Its sessions that this explains: all, unless each also takes far longer than usual. Then
    /// both made the load.
    fn explains(&self, picture: &Picture) -> f64 {
        let route = self.class.route.as_str();
        let own = |seen: &Seen<'_>| seen.route().unwrap_or_else(|| seen.application()) == route;
        let busy = f64::from(count(busy(picture).filter(own).count()));
        let times = f64::from(picture.thresholds.inflated_times);
        let slow = self.class.usual_hold.is_some_and(|it| self.class.hold > it.mul_f64(times));
        if slow { busy * beyond(self.class.arrivals_per_second, self.usual) } else { busy }
    }
}

/// The part of a rate that is beyond the usual.
fn beyond(now: f64, usual: f64) -> f64 {
    1.0 - usual / now
}

fn is_surge(picture: &Picture, now: f64, usual: f64) -> bool {
    usual > 0.0 && now >= usual * f64::from(picture.thresholds.inflated_times)
}

/// Client sessions that run a statement.
fn busy(picture: &Picture) -> impl Iterator<Item = Seen<'_>> {
    picture.clients().filter(|seen| seen.session.running().is_some())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn whole(value: f64) -> usize {
    value.round().max(0.0) as usize
}

fn of_routes(picture: &Picture, worst: &Surge<'_>, all: &[Surge<'_>]) -> Finding {
    let whose = format!("route \"{}\"", worst.class.route);
    let culprit = Culprit { route: Some(worst.class.route.clone()), ..Culprit::default() };
    let explained = all.iter().map(|surge| surge.explains(picture)).sum();
    let rates = (worst.class.arrivals_per_second, worst.usual);
    finding(picture, &whose, rates, explained).confidence(Confidence::Certain).culprit(culprit)
}

/// Without routes, whoever sends most is the likeliest. A statement that is slow is not one of
/// many that arrive.
fn of_server(picture: &Picture, rates: (f64, f64)) -> Finding {
    let slow = picture.thresholds.slow_statement;
    let quick = |seen: &Seen<'_>| seen.session.running().is_some_and(|time| time <= slow);
    let quick: Vec<_> = picture.clients().filter(quick).collect();
    let explained = f64::from(count(quick.len())) * beyond(rates.0, rates.1);
    let culprit = culprit(&largest(&quick, origin));
    finding(picture, "the server", rates, explained).culprit(culprit)
}

fn finding(picture: &Picture, whose: &str, (now, usual): (f64, f64), explained: f64) -> Finding {
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let digits = usize::from(usual < 10.0);
    let summary = format!(
        "{now:.digits$} transactions a second arrive at {whose}, {:.1} times the usual \
         {usual:.digits$}.",
        now / usual
    );
    Finding::new(Cause::ArrivalSurge, severity, summary)
        .figure(Measure::Explained, count(whole(explained)))
        .figure(Measure::TransactionRate, now)
        .figure(Measure::UsualRate, usual)
        .figure(Measure::ActiveStatements, count(busy(picture).count()))
        .leads_to("Work queues for as long as more arrives than the slots can do.")
        .helps(
            "Find what began: a campaign, a retry loop, a cache that was emptied. Compute a \
             cached value once however many ask for it; retry with a growing pause.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::activity::tests::{Build, crowded, proxy_with, session};
    use crate::activity::{Proxy, Session};
    use crate::diagnosis::diagnose;
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    #[test]
    fn fires_where_connections_are_scarce_and_arrivals_are_many_times_the_usual() {
        let mut picture = server((0..10).map(|pid| session(pid).active(0.1)).collect());
        holds(arrival_surge, &picture);
        picture.trend.usual_transactions_per_second = Some(100.0);
        picture.trend.transactions_per_second = Some(250.0);
        holds(arrival_surge, &picture);
        picture.trend.transactions_per_second = Some(400.0);
        assert_eq!(fires(arrival_surge, &picture).value(Measure::UsualRate), Some(100.0));
        let mut calm = server(vec![session(1)]);
        calm.trend = picture.trend;
        holds(arrival_surge, &calm);
    }

    /// Of the route, once usual: so many a second, each for so many milliseconds.
    fn class(route: &str, now: (f64, u64), usual: (f64, u64)) -> ClassState {
        ClassState {
            route: route.into(),
            held: 1,
            arrivals_per_second: now.0,
            usual_arrivals_per_second: Some(usual.0),
            hold: Duration::from_millis(now.1),
            usual_hold: Some(Duration::from_millis(usual.1)),
            rows_per_transaction: None,
            gap: None,
        }
    }

    /// Four slots that clients wait for, and these holders.
    fn four(sessions: Vec<Session>, classes: Vec<ClassState>) -> Picture {
        joined(sessions, Some(Proxy { classes, ..proxy_with(vec![crowded(4, 9)]) }))
    }

    fn running(pid: i32, route: &str, seconds: f64) -> Session {
        let session = session(pid).active(seconds).sql("select a from t");
        Session { route: Some(route.into()), ..session }
    }

    fn causes(picture: &Picture) -> Vec<Cause> {
        diagnose(picture).iter().map(|finding| finding.cause).collect()
    }

    #[test]
    fn who_comes_again_because_a_slow_route_has_the_slots_is_no_surge() {
        let mut sessions: Vec<Session> = (0..3).map(|pid| running(pid, "/search", 4.0)).collect();
        sessions.push(running(3, "/usual", 0.01));
        let slow = class("/search", (1.0, 4000), (1.0, 30));
        let again = class("/usual", (60.0, 10), (2.0, 10));
        assert_eq!(causes(&four(sessions, vec![slow, again])), [Cause::SlowRoute]);
    }

    #[test]
    fn what_is_slow_is_not_one_of_many_that_arrive_at_the_server() {
        let slow = (0..6).map(|pid| running(pid, "/search", 4.0));
        let quick = (6..10).map(|pid| running(pid, "/usual", 0.01));
        let mut picture = server(slow.chain(quick).collect());
        picture.trend.usual_transactions_per_second = Some(20.0);
        picture.trend.transactions_per_second = Some(90.0);
        let found = causes(&picture);
        assert_eq!(found[..2], [Cause::SlowRoute, Cause::ArrivalSurge]);
    }

    #[test]
    fn of_a_route_that_is_slow_and_asked_for_more_the_growth_decides() {
        let sessions = || (0..4).map(|pid| running(pid, "/search", 4.0)).collect();
        let slow = class("/search", (3.0, 4000), (1.0, 30));
        assert_eq!(causes(&four(sessions(), vec![slow]))[0], Cause::SlowRoute);
        let asked = class("/search", (3.0, 4000), (1.0, 3900));
        assert_eq!(causes(&four(sessions(), vec![asked]))[0], Cause::ArrivalSurge);
    }

    #[test]
    fn several_routes_that_are_asked_for_more_are_one_surge() {
        let sessions = || (0..4).map(|pid| running(pid, ["/a", "/b"][pid as usize % 2], 0.1));
        let one = class("/a", (13.0, 100), (2.0, 100));
        let other = class("/b", (14.0, 100), (2.0, 100));
        let finding = fires(arrival_surge, &four(sessions().collect(), vec![one.clone(), other]));
        assert_eq!(finding.culprit.route.as_deref(), Some("/b"));
        assert_eq!(finding.value(Measure::Explained), Some(4.0));
        assert!(finding.summary.contains("7.0 times the usual 2.0."), "{}", finding.summary);
        holds(arrival_surge, &four(sessions().collect(), vec![one]));
    }
}
