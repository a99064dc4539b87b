//! Clients that cancel statements in masses, as drivers do when their time limit ends.

use crate::activity::Picture;
use crate::config::limits;
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Fires when cancel requests come faster than the limit for storms, or fill all places on the way
/// to the server. Only the proxy sees cancel requests: PostgreSQL does not count them.
pub(super) fn cancel_storm(picture: &Picture) -> Vec<Finding> {
    let Some(proxy) = &picture.proxy else { return Vec::new() };
    let rate = proxy.cancels_per_second.unwrap_or(0.0);
    let under_way = proxy.cancels_under_way;
    let places = u32::try_from(limits::CANCELS_IN_FLIGHT).unwrap_or(u32::MAX);
    if rate < f64::from(picture.thresholds.storm_per_second) && under_way < places {
        return Vec::new();
    }
    let summary =
        format!("Clients cancel {rate:.0} statements a second; {under_way} cancels are under way.");
    let finding = Finding::new(Cause::CancelStorm, Severity::Warning, summary)
        .confidence(Confidence::Certain)
        .figure(Measure::Explained, under_way)
        .figure(Measure::CancelRate, rate)
        .figure(Measure::CancelsUnderWay, under_way)
        .leads_to(
            "Each cancel is a connection of its own, and a slot rests until it has settled: \
             cancels crowd out the work they were meant to make room for.",
        )
        .helps(
            "Set a statement_timeout on the server a little below the time limit of the clients, \
             so that the server ends statements by itself; retry with a growing pause.",
        );
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::proxy_with;
    use crate::diagnosis::rules::tests::{fires, holds, joined};

    #[test]
    fn fires_on_the_rate_and_on_the_places_taken() {
        let mut proxy = proxy_with(Vec::new());
        holds(cancel_storm, &joined(Vec::new(), Some(proxy.clone())));
        proxy.cancels_per_second = Some(99.0);
        fires(cancel_storm, &joined(Vec::new(), Some(proxy.clone())));
        (proxy.cancels_per_second, proxy.cancels_under_way) = (Some(1.0), 16);
        fires(cancel_storm, &joined(Vec::new(), Some(proxy)));
        holds(cancel_storm, &joined(Vec::new(), None));
    }
}
