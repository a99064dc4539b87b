//! Everyone who holds a slot of the pool waits for a second one: no statement can end this.

use std::collections::BTreeMap;

use crate::activity::{Phase, Picture, PoolState, Proxy};
use crate::diagnosis::group::{count, longest};
use crate::diagnosis::{Cause, Culprit, Finding, Measure, Severity};

/// Fires when every slot of a pool is held by a silent transaction, each program that holds one
/// waits for at least as many more, and each silence began before the waits did not end.
pub(super) fn double_checkout(picture: &Picture) -> Vec<Finding> {
    let Some(proxy) = &picture.proxy else { return Vec::new() };
    let stuck = |pool: &&PoolState| is_stuck(picture, proxy, pool);
    proxy.pools.iter().filter(stuck).map(|pool| finding(proxy, pool)).collect()
}

fn is_stuck(picture: &Picture, proxy: &Proxy, pool: &PoolState) -> bool {
    let patience = picture.thresholds.slot_wait;
    let silent = |phase| matches!(phase, Phase::IdleInTransaction | Phase::Pinned);
    let mut balance: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for holder in proxy.holders_of(pool) {
        if !silent(holder.phase) || holder.phase_for <= patience {
            return false;
        }
        *balance.entry((&holder.application, &holder.host)).or_default() -= 1;
    }
    for waiter in proxy.waiters_of(pool).filter(|waiter| waiter.waited > patience) {
        *balance.entry((&waiter.application, &waiter.host)).or_default() += 1;
    }
    let full = pool.held >= pool.size && pool.held > 0;
    let holders_wait = balance.values().all(|surplus| *surplus >= 0);
    full && pool.waiting > 0 && proxy.holders_of(pool).count() > 0 && holders_wait
}

fn finding(proxy: &Proxy, pool: &PoolState) -> Finding {
    let holders: Vec<_> = proxy.holders_of(pool).collect();
    let first = holders.first();
    let same = |value: fn(&crate::activity::Holder) -> &String| {
        let first = value(first?);
        holders.iter().all(|holder| value(holder) == first).then(|| first.clone())
    };
    let culprit = Culprit {
        application: same(|holder| &holder.application),
        address: same(|holder| &holder.host),
        database: Some(pool.database.clone()),
        user: Some(pool.user.clone()),
        ..Culprit::default()
    };
    let silence = longest(holders.iter().map(|holder| holder.phase_for));
    let summary = format!(
        "All {} slots of {}/{} are held by transactions that do nothing, while the same programs \
         wait for {} more, the oldest for {:.1} s.",
        pool.held,
        pool.database,
        pool.user,
        pool.waiting,
        pool.oldest_wait.as_secs_f64(),
    );
    Finding::new(Cause::DoubleCheckout, Severity::Critical, summary)
        .culprit(culprit)
        .figure(Measure::Explained, pool.held + pool.waiting)
        .figure(Measure::Slots, pool.size)
        .figure(Measure::SlotsHeld, pool.held)
        .figure(Measure::Waiting, count(proxy.waiters_of(pool).count()))
        .figure(Measure::OldestWait, pool.oldest_wait.as_secs_f64())
        .figure(Measure::OldestSilence, silence.as_secs_f64())
        .leads_to(
            "Nobody can go on until a time limit ends one of them: each holds a connection and \
             needs a second one to let go of it.",
        )
        .helps(
            "Do not ask for a connection while holding one: pass the open transaction on to what \
             is called inside, and keep threads from opening their own.",
        )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::activity::Waiter;
    use crate::activity::tests::{crowded, holder, proxy_with};
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    fn waiter(application: &str, seconds: u64) -> Waiter {
        Waiter {
            database: "shop".into(),
            user: "app".into(),
            application: application.into(),
            host: "10.0.0.1".into(),
            waited: Duration::from_secs(seconds),
        }
    }

    fn stuck(phase: Phase, waiters: Vec<Waiter>) -> Proxy {
        let mut proxy = proxy_with(vec![crowded(2, count(waiters.len()))]);
        proxy.holders = vec![holder(1, phase, 4.0), holder(2, phase, 5.0)];
        proxy.waiters = waiters;
        proxy
    }

    #[test]
    fn fires_when_the_holders_are_those_who_wait() {
        let proxy = stuck(Phase::IdleInTransaction, vec![waiter("web", 4), waiter("web", 4)]);
        let finding = fires(double_checkout, &joined(Vec::new(), Some(proxy)));
        assert_eq!(finding.culprit.application.as_deref(), Some("web"));
        assert_eq!(finding.value(Measure::SlotsHeld), Some(2.0));
    }

    #[test]
    fn holds_when_others_wait_or_somebody_works() {
        let other = stuck(Phase::IdleInTransaction, vec![waiter("cron", 4), waiter("cron", 4)]);
        holds(double_checkout, &joined(Vec::new(), Some(other)));
        let fewer = stuck(Phase::IdleInTransaction, vec![waiter("web", 4)]);
        holds(double_checkout, &joined(Vec::new(), Some(fewer)));
        let works = stuck(Phase::Executing, vec![waiter("web", 4), waiter("web", 4)]);
        holds(double_checkout, &joined(Vec::new(), Some(works)));
        holds(double_checkout, &joined(Vec::new(), None));
    }
}
