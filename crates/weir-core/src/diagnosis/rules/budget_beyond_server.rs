//! The pools may open more connections than the server gives.

use crate::activity::{Picture, Session};
use crate::diagnosis::group::count;
use crate::diagnosis::rules::direct_connections::is_direct;
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Fires when the pools that exist have together more slots than ordinary roles can open, those of
/// direct sessions taken off. Critical when the server refuses to open more.
pub(super) fn budget_beyond_server(picture: &Picture) -> Vec<Finding> {
    let (Some(proxy), Some(sample)) = (&picture.proxy, &picture.sample) else {
        return Vec::new();
    };
    let slots: u32 = proxy.pools.iter().map(|pool| pool.size).sum();
    let direct = |session: &&Session| is_direct(proxy, session);
    let direct = count(sample.clients().filter(direct).count());
    let possible = picture.possible();
    if slots <= possible.saturating_sub(direct) {
        return Vec::new();
    }
    let refused = proxy.pools.iter().any(|pool| pool.failures > 0) && picture.used() >= possible;
    let severity = if refused { Severity::Critical } else { Severity::Warning };
    let summary = format!(
        "The pools have {slots} slots, and the server gives {possible} connections, {direct} of \
         them taken by others.",
    );
    let finding = Finding::new(Cause::BudgetBeyondServer, severity, summary)
        .confidence(Confidence::Certain)
        .figure(Measure::Explained, slots.saturating_sub(possible.saturating_sub(direct)))
        .figure(Measure::SlotsOfAllPools, slots)
        .figure(Measure::ConnectionsLimit, possible)
        .figure(Measure::DirectSessions, direct)
        .leads_to(
            "Under load the server refuses connections that the pools count on; clients then wait \
             for slots that can never be filled.",
        )
        .helps(format!(
            "State what the server can give: budgets = {{ \"host:port\" = {} }}, or lower the sizes \
             of the pools.",
            possible.saturating_sub(direct)
        ));
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{pool, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    #[test]
    fn fires_when_the_sizes_do_not_fit_under_the_limit() {
        let proxy = proxy_with(vec![pool(6), pool(6)]);
        let finding = fires(budget_beyond_server, &joined(Vec::new(), Some(proxy)));
        assert_eq!(finding.severity, Severity::Warning);
        assert_eq!(finding.value(Measure::SlotsOfAllPools), Some(12.0));
    }

    #[test]
    fn direct_sessions_take_from_what_the_pools_can_have() {
        let proxy = || Some(proxy_with(vec![pool(8)]));
        holds(budget_beyond_server, &joined(vec![session(1), session(2)], proxy()));
        let sessions = (1..=3).map(session).collect();
        fires(budget_beyond_server, &joined(sessions, proxy()));
    }

    #[test]
    fn is_critical_when_the_server_refuses() {
        let mut full = pool(12);
        full.failures = 3;
        let sessions = (1..=10).map(session).collect();
        let mut proxy = proxy_with(vec![full]);
        proxy.backends = (1..=10).map(crate::ids::Pid).collect();
        let finding = fires(budget_beyond_server, &joined(sessions, Some(proxy)));
        assert_eq!(finding.severity, Severity::Critical);
    }
}
