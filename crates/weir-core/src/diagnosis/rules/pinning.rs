//! Clients that keep server connections between transactions.

use std::collections::BTreeMap;

use crate::activity::{Phase, Picture, PoolState, Pressure, Proxy};
use crate::diagnosis::group::count;
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Severity};

/// Fires when half of a pool's slots are pinned while clients wait, or all pins that are allowed
/// are taken.
pub(super) fn pinning(picture: &Picture) -> Vec<Finding> {
    let Some(proxy) = &picture.proxy else { return Vec::new() };
    let pinned = |pool: &&PoolState| {
        let kept = silent(proxy, pool);
        let most = kept > 0 && kept * 2 >= pool.size && pool.waiting > 0;
        most || (pool.pinned > 0 && pool.pinned >= pool.pins_max)
    };
    proxy.pools.iter().filter(pinned).map(|pool| finding(picture, proxy, pool)).collect()
}

/// Slots that are kept and do nothing.
fn silent(proxy: &Proxy, pool: &PoolState) -> u32 {
    count(proxy.holders_of(pool).filter(|holder| holder.phase == Phase::Pinned).count())
}

fn finding(picture: &Picture, proxy: &Proxy, pool: &PoolState) -> Finding {
    let mut reasons: BTreeMap<&str, u32> = BTreeMap::new();
    for holder in proxy.holders_of(pool).filter(|holder| !holder.pinned.is_empty()) {
        *reasons.entry(&holder.pinned).or_default() += 1;
    }
    let reason = reasons.iter().max_by_key(|(_, count)| **count).map_or("", |(reason, _)| reason);
    let first = proxy.holders_of(pool).find(|holder| holder.pinned == reason);
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let summary = format!(
        "{} of {} slots of {}/{} are pinned to their clients between transactions ({}).",
        pool.pinned.max(silent(proxy, pool)),
        pool.size,
        pool.database,
        pool.user,
        if reason.is_empty() { "session state" } else { reason },
    );
    let culprit = Culprit {
        application: first.map(|holder| holder.application.clone()),
        address: first.map(|holder| holder.host.clone()),
        database: Some(pool.database.clone()),
        user: Some(pool.user.clone()),
        ..Culprit::default()
    };
    Finding::new(Cause::Pinning, severity, summary)
        .confidence(Confidence::Certain)
        .culprit(culprit)
        .figure(Measure::Explained, pool.pinned.max(silent(proxy, pool)))
        .figure(Measure::Pinned, pool.pinned)
        .figure(Measure::PinsAllowed, pool.pins_max)
        .figure(Measure::Slots, pool.size)
        .figure(Measure::Waiting, pool.waiting)
        .leads_to("A pinned slot serves one client only; the pool is as small as what is left.")
        .helps(
            "Use locks and tables that end with the transaction (pg_advisory_xact_lock, ON COMMIT \
             DROP), or give programs that need a session a pool in session mode.",
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{crowded, holder, proxy_with};
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    fn pinned(waiting: u32, pinned: u32) -> Proxy {
        let mut pool = crowded(4, waiting);
        (pool.pinned, pool.pins_max) = (pinned, 3);
        let mut proxy = proxy_with(vec![pool]);
        let one = |pid| {
            let mut holder = holder(pid, Phase::Pinned, 60.0);
            holder.pinned = "advisory lock".into();
            holder
        };
        proxy.holders = (0..i32::try_from(pinned).unwrap()).map(one).collect();
        proxy
    }

    #[test]
    fn fires_when_half_is_pinned_while_clients_wait_and_says_why() {
        let finding = fires(pinning, &joined(Vec::new(), Some(pinned(5, 2))));
        assert!(finding.summary.contains("advisory lock"), "{}", finding.summary);
        assert_eq!(finding.culprit.application.as_deref(), Some("web"));
    }

    #[test]
    fn fires_when_no_more_pins_are_allowed() {
        assert_eq!(
            fires(pinning, &joined(Vec::new(), Some(pinned(0, 3)))).severity,
            Severity::Warning
        );
    }

    #[test]
    fn holds_for_a_pin_that_hurts_nobody() {
        holds(pinning, &joined(Vec::new(), Some(pinned(0, 2))));
        holds(pinning, &joined(Vec::new(), Some(pinned(5, 1))));
        holds(pinning, &joined(Vec::new(), None));
    }
}
