//! Connections or transactions that were opened and forgotten.

use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen, State};
use crate::diagnosis::group::{count, culprit, largest, longest, median, name, origin};
use crate::diagnosis::{Cause, Finding, Measure, Severity};

/// Fires on transactions that have been silent for longer than anybody waits for anything, and,
/// where connections are scarce, on an origin whose idle sessions nobody has used for as long and
/// that are half of all.
pub(super) fn leak(picture: &Picture) -> Vec<Finding> {
    [transactions(picture), connections(picture)].into_iter().flatten().collect()
}

fn transactions(picture: &Picture) -> Option<Finding> {
    let limit = picture.thresholds.forgotten;
    let is_forgotten = |seen: &Seen<'_>| {
        seen.session.silent().is_some_and(|silence| silence > limit) && !picture.is_exempt(*seen)
    };
    let forgotten: Vec<Seen<'_>> = picture.clients().filter(is_forgotten).collect();
    if forgotten.is_empty() {
        return None;
    }
    let worst = largest(&forgotten, origin);
    let silences = || forgotten.iter().filter_map(|seen| seen.session.silent());
    let summary = format!(
        "{} transactions were opened and forgotten, the oldest silent for {:.0} s; {} of them are \
         from {}.",
        forgotten.len(),
        longest(silences()).as_secs_f64(),
        worst.len(),
        name(&culprit(&worst)),
    );
    let finding = Finding::new(Cause::Leak, severity(picture, forgotten.len()), summary)
        .figure(Measure::IdleInTransaction, count(forgotten.len()))
        .leads_to(
            "They never come back by themselves; they keep connections and locks, and VACUUM \
             cannot clean up behind them.",
        )
        .helps(
            "Find the path that leaves without COMMIT or ROLLBACK (an exception, a return, a \
             thread); set idle_in_transaction_session_timeout as a net.",
        );
    Some(with_times(finding, &worst, silences(), limit, forgotten.len()))
}

fn connections(picture: &Picture) -> Option<Finding> {
    let limit = picture.thresholds.forgotten;
    let ours = |seen: &Seen<'_>| {
        picture.proxy.iter().any(|proxy| proxy.backends.contains(&seen.session.pid))
    };
    let unused: Vec<Seen<'_>> = picture
        .clients()
        .filter(|seen| seen.session.state == State::Idle && seen.session.state_for > limit)
        .filter(|seen| !ours(seen))
        .collect();
    let worst = largest(&unused, origin);
    let half = count(worst.len()) * 2 >= picture.used() && !worst.is_empty();
    if picture.pressure() == Pressure::Calm || !half {
        return None;
    }
    let idle = || worst.iter().map(|seen| seen.session.state_for);
    let summary = format!(
        "{} connections of {} have not been used for {:.0} s and longer.",
        worst.len(),
        name(&culprit(&worst)),
        limit.as_secs_f64(),
    );
    let finding = Finding::new(Cause::Leak, severity(picture, worst.len()), summary)
        .figure(Measure::IdleSessions, count(worst.len()))
        .leads_to("They do nothing, and others find no connection.")
        .helps(
            "Give the program's pool a maximum and an idle limit, and close connections that \
             threads opened; behind a proxy that pools transactions they cost nothing.",
        );
    Some(with_times(finding, &worst, idle(), limit, worst.len()))
}

fn with_times(
    finding: Finding,
    worst: &[Seen<'_>],
    times: impl Iterator<Item = Duration> + Clone,
    limit: Duration,
    explained: usize,
) -> Finding {
    finding
        .culprit(culprit(worst))
        .figure(Measure::Explained, count(explained))
        .figure(Measure::OldestSilence, longest(times.clone()).as_secs_f64())
        .figure(Measure::MedianSilence, median(times).as_secs_f64())
        .figure(Measure::TimeLimit, limit.as_secs_f64())
}

fn severity(picture: &Picture, sessions: usize) -> Severity {
    match picture.pressure() {
        Pressure::Full if picture.matters(sessions) => Severity::Critical,
        Pressure::Full | Pressure::Near | Pressure::Calm => Severity::Warning,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    #[test]
    fn fires_on_a_forgotten_transaction() {
        let sessions = vec![session(1).silent(3600.0).application("cron"), session(2)];
        let finding = fires(leak, &server(sessions));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.culprit.application.as_deref(), Some("cron"));
    }

    #[test]
    fn fires_on_connections_that_nobody_uses_where_others_need_them() {
        let sessions = |count| (0..count).map(|pid| session(pid).idle(3600.0)).collect();
        let finding = fires(leak, &server(sessions(9)));
        assert_eq!(finding.value(Measure::IdleSessions), Some(9.0));
        holds(leak, &server(sessions(5)));
    }

    #[test]
    fn holds_for_sessions_in_use_and_for_those_of_the_proxy() {
        holds(leak, &server((0..10).map(|pid| session(pid).idle(60.0)).collect()));
        holds(leak, &server((0..10).map(|pid| session(pid).silent(60.0)).collect()));
        let mut proxy = proxy_with(Vec::new());
        proxy.backends = (0..10).map(crate::ids::Pid).collect();
        let pooled = (0..10).map(|pid| session(pid).idle(3600.0)).collect();
        holds(leak, &joined(pooled, Some(proxy)));
    }
}
