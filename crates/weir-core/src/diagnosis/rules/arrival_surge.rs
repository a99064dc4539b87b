//! Far more work arrives than usual.

use crate::activity::{ClassState, Picture, Pressure};
use crate::diagnosis::group::{count, culprit, largest, origin};
use crate::diagnosis::{Cause, Culprit, Finding, Measure, Severity};

/// Fires where connections are scarce and work arrives at many times the usual rate: of one route
/// where the ledger knows routes, else of the whole server.
pub(super) fn arrival_surge(picture: &Picture) -> Vec<Finding> {
    if picture.pressure() == Pressure::Calm {
        return Vec::new();
    }
    let classes = picture.proxy.iter().flat_map(|proxy| &proxy.classes);
    let surges = classes.filter_map(|class| {
        let usual = class.usual_arrivals_per_second?;
        is_surge(picture, class.arrivals_per_second, usual).then_some((class, usual))
    });
    let worst = surges.max_by(|a, b| a.0.arrivals_per_second.total_cmp(&b.0.arrivals_per_second));
    if let Some((class, usual)) = worst {
        return vec![of_route(picture, class, usual)];
    }
    let trend = &picture.trend;
    let rates = trend.transactions_per_second.zip(trend.usual_transactions_per_second);
    let surge = rates.filter(|(now, usual)| is_surge(picture, *now, *usual));
    surge.map(|rates| of_server(picture, rates)).into_iter().collect()
}

fn is_surge(picture: &Picture, now: f64, usual: f64) -> bool {
    usual > 0.0 && now >= usual * f64::from(picture.thresholds.inflated_times)
}

fn of_route(picture: &Picture, class: &ClassState, usual: f64) -> Finding {
    let whose = format!("route \"{}\"", class.route);
    let culprit = Culprit { route: Some(class.route.clone()), ..Culprit::default() };
    finding(picture, &whose, (class.arrivals_per_second, usual)).culprit(culprit)
}

/// Without routes, whoever sends most is the likeliest.
fn of_server(picture: &Picture, rates: (f64, f64)) -> Finding {
    let busy: Vec<_> = picture.clients().filter(|seen| seen.session.running().is_some()).collect();
    finding(picture, "the server", rates).culprit(culprit(&largest(&busy, origin)))
}

fn finding(picture: &Picture, whose: &str, (now, usual): (f64, f64)) -> Finding {
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let busy = picture.clients().filter(|seen| seen.session.running().is_some()).count();
    let summary = format!(
        "{now:.0} transactions a second arrive at {whose}, {:.1} times the usual {usual:.0}.",
        now / usual
    );
    Finding::new(Cause::ArrivalSurge, severity, summary)
        .figure(Measure::Explained, count(busy))
        .figure(Measure::TransactionRate, now)
        .figure(Measure::UsualRate, usual)
        .figure(Measure::ActiveStatements, count(busy))
        .leads_to("Work queues for as long as more arrives than the slots can do.")
        .helps(
            "Find what began: a campaign, a retry loop, a cache that was emptied. Compute a \
             cached value once however many ask for it; retry with a growing pause.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::rules::tests::{fires, holds, server};

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
}
