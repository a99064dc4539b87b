//! The pool has fewer slots than healthy work needs.

use crate::activity::{Holder, Phase, Picture, PoolState, Proxy, Session};
use crate::diagnosis::group::count;
use crate::diagnosis::locality::locality;
use crate::diagnosis::rules::slow_route::slow_route;
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Scope, Severity};

/// Holders that must be healthy, of all, in tenths.
const HEALTHY_TENTHS: usize = 8;

/// A wait so many times the limit for waits is critical.
const CRITICAL_TIMES: u32 = 20;

/// Fires when clients wait too long for the slots of a pool, nearly all of these do healthy work
/// (short statements, no lock, no long silence), and the server has connections left.
pub(super) fn pool_too_small(picture: &Picture) -> Vec<Finding> {
    let Some(proxy) = &picture.proxy else { return Vec::new() };
    if locality(picture).is_some_and(|found| found.scope == Scope::Local) {
        // One route got slow: more slots would only feed it.
        return Vec::new();
    }
    if !slow_route(picture).is_empty() {
        // So it would here.
        return Vec::new();
    }
    let free = picture.possible().saturating_sub(picture.used());
    let small = |pool: &&PoolState| {
        pool.waiting > 0
            && pool.oldest_wait > picture.thresholds.slot_wait
            && pool.held >= pool.size
            && free > 0
            && is_healthy(picture, proxy, pool)
    };
    proxy.pools.iter().filter(small).map(|pool| finding(picture, proxy, pool, free)).collect()
}

fn is_healthy(picture: &Picture, proxy: &Proxy, pool: &PoolState) -> bool {
    let all = proxy.holders_of(pool).count();
    let silent = |holder: &&Holder| holder.phase == Phase::IdleInTransaction;
    if proxy.holders_of(pool).filter(silent).count() * 2 >= all {
        // However short each silence is: the slots are lent to the application, not to work.
        return false;
    }
    let healthy = proxy
        .holders_of(pool)
        .filter(|holder| {
            let session = picture.seen(holder.pid).map(|seen| seen.session);
            match holder.phase {
                Phase::Executing => session.is_none_or(|session| works(picture, session)),
                // Silence as long as a wait that is too long is no part of healthy work.
                Phase::IdleInTransaction => holder.phase_for <= picture.thresholds.slot_wait,
                Phase::ClientBlocked | Phase::Pinned => false,
            }
        })
        .count();
    healthy * 10 >= all * HEALTHY_TENTHS
}

fn works(picture: &Picture, session: &Session) -> bool {
    session.blocked_by.is_empty()
        && session.running().is_none_or(|time| time <= picture.thresholds.long_statement)
}

fn finding(picture: &Picture, proxy: &Proxy, pool: &PoolState, free: u32) -> Finding {
    let wait = pool.oldest_wait;
    let critical = wait > picture.thresholds.slot_wait * CRITICAL_TIMES;
    let severity = if critical { Severity::Critical } else { Severity::Warning };
    let executing =
        proxy.holders_of(pool).filter(|holder| holder.phase == Phase::Executing).count();
    let summary = format!(
        "{} clients wait for {}/{}, the oldest for {:.1} s, while all {} slots do healthy work and \
         the server has {free} connections left.",
        pool.waiting,
        pool.database,
        pool.user,
        wait.as_secs_f64(),
        pool.size,
    );
    let culprit = Culprit {
        database: Some(pool.database.clone()),
        user: Some(pool.user.clone()),
        ..Culprit::default()
    };
    Finding::new(Cause::PoolTooSmall, severity, summary)
        .confidence(Confidence::Likely)
        .culprit(culprit)
        .figure(Measure::Explained, pool.held)
        .figure(Measure::Slots, pool.size)
        .figure(Measure::SlotsExecuting, count(executing))
        .figure(Measure::Waiting, pool.waiting)
        .figure(Measure::OldestWait, wait.as_secs_f64())
        .figure(Measure::SlotsNeeded, needed(proxy).unwrap_or(f64::from(pool.size + pool.waiting)))
        .leads_to("Clients wait in a queue although nothing is wrong with their work.")
        .helps(format!(
            "Raise the pool's size by a few slots, at most by the {free} that the server has left; \
             more than about twice its processors makes the server slower, not faster."
        ))
}

/// Slots that arrive as work: rate times hold time, over all routes (Little's law).
fn needed(proxy: &Proxy) -> Option<f64> {
    let of =
        |class: &crate::activity::ClassState| class.arrivals_per_second * class.hold.as_secs_f64();
    (!proxy.classes.is_empty()).then(|| proxy.classes.iter().map(of).sum())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::activity::ClassState;
    use crate::activity::tests::{Build, crowded, holder, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    fn busy(phase: Phase, seconds: f64) -> Proxy {
        let mut proxy = proxy_with(vec![crowded(2, 6)]);
        proxy.holders = vec![holder(1, phase, seconds), holder(2, phase, seconds)];
        proxy
    }

    fn sessions() -> Vec<Session> {
        (1..=2).map(|pid| session(pid).active(0.02)).collect()
    }

    #[test]
    fn fires_when_healthy_work_waits_and_the_server_has_room() {
        let finding = fires(pool_too_small, &joined(sessions(), Some(busy(Phase::Executing, 0.1))));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.value(Measure::Waiting), Some(6.0));
    }

    #[test]
    fn holds_when_the_holders_are_not_healthy() {
        for seconds in [0.05, 0.4, 9.0] {
            let silent = busy(Phase::IdleInTransaction, seconds);
            holds(pool_too_small, &joined(sessions(), Some(silent)));
        }
        let blocked = (1..=2).map(|pid| session(pid).active(9.0).blocked_by(&[9])).collect();
        holds(pool_too_small, &joined(blocked, Some(busy(Phase::Executing, 9.0))));
        let long = (1..=2).map(|pid| session(pid).active(90.0)).collect();
        holds(pool_too_small, &joined(long, Some(busy(Phase::Executing, 90.0))));
    }

    #[test]
    fn holds_when_one_route_got_slow() {
        let class = |route: &str, hold, usual| ClassState {
            route: route.into(),
            held: 1,
            arrivals_per_second: 1.0,
            usual_arrivals_per_second: None,
            hold: Duration::from_millis(hold),
            usual_hold: Some(Duration::from_millis(usual)),
            rows_per_transaction: None,
            gap: None,
        };
        let mut slow = busy(Phase::Executing, 0.1);
        slow.classes = vec![class("bulk", 900, 30), class("a", 30, 30), class("b", 31, 30)];
        holds(pool_too_small, &joined(sessions(), Some(slow)));
    }

    #[test]
    fn holds_when_the_server_is_full_or_nobody_waits() {
        let full = (1..=10).map(|pid| session(pid).active(0.1)).collect();
        holds(pool_too_small, &joined(full, Some(busy(Phase::Executing, 0.1))));
        let mut calm = busy(Phase::Executing, 0.1);
        calm.pools[0].waiting = 0;
        holds(pool_too_small, &joined(sessions(), Some(calm)));
    }
}
