//! Sessions that do not come through the proxy and eat the server's limit.

use crate::activity::{Picture, Pressure, Proxy, Seen, Session};
use crate::diagnosis::group::{count, culprit, largest, name, origin};
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Severity};

/// Direct sessions that matter, of the connections possible, percent.
const SHARE_PERCENT: f64 = 20.0;

/// Whether a session comes past the proxy.
pub(super) fn is_direct(proxy: &Proxy, session: &Session) -> bool {
    session.is_client() && !proxy.backends.contains(&session.pid)
}

/// Fires where connections are scarce on the server itself and a fifth of those possible are taken
/// past the proxy.
pub(super) fn direct_connections(picture: &Picture) -> Vec<Finding> {
    let Some(proxy) = &picture.proxy else { return Vec::new() };
    let direct: Vec<Seen<'_>> =
        picture.clients().filter(|seen| is_direct(proxy, seen.session)).collect();
    let possible = f64::from(picture.possible().max(1));
    let share = 100.0 * f64::from(count(direct.len())) / possible;
    let near = picture.percent() >= f64::from(picture.thresholds.near_percent);
    if !near || share < SHARE_PERCENT {
        return Vec::new();
    }
    let worst = largest(&direct, origin);
    let who = culprit(&worst);
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let summary = format!(
        "{} of {:.0} connections are taken past the proxy; {} of them by {}.",
        direct.len(),
        possible,
        worst.len(),
        name(&who),
    );
    let finding = Finding::new(Cause::DirectConnections, severity, summary)
        .confidence(Confidence::Certain)
        .culprit(who)
        .figure(Measure::Explained, count(direct.len()))
        .figure(Measure::DirectSessions, count(direct.len()))
        .figure(Measure::SessionsOfOrigin, count(worst.len()))
        .figure(Measure::ConnectionsUsed, picture.used())
        .figure(Measure::ConnectionsLimit, picture.possible())
        .leads_to("Nothing limits them but the server: the pools find no connection left.")
        .helps(
            "Let them come through the proxy, or limit them: ALTER ROLE … CONNECTION LIMIT, and \
             a budget for the pools that leaves them room.",
        );
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined};
    use crate::ids::Pid;

    fn sessions(direct: i32, pooled: i32) -> (Vec<Session>, Option<Proxy>) {
        let mut all: Vec<Session> =
            (0..direct).map(|pid| session(pid).application("cron")).collect();
        all.extend((100..100 + pooled).map(session));
        let mut proxy = proxy_with(Vec::new());
        proxy.backends = (100..100 + pooled).map(Pid).collect();
        (all, Some(proxy))
    }

    #[test]
    fn fires_when_they_fill_the_server() {
        let (all, proxy) = sessions(6, 4);
        let finding = fires(direct_connections, &joined(all, proxy));
        assert_eq!(finding.culprit.application.as_deref(), Some("cron"));
        assert_eq!(finding.value(Measure::DirectSessions), Some(6.0));
    }

    #[test]
    fn holds_while_there_is_room_and_when_the_pools_themselves_fill_it() {
        for (direct, pooled) in [(6, 1), (1, 9)] {
            let (all, proxy) = sessions(direct, pooled);
            holds(direct_connections, &joined(all, proxy));
        }
        let (all, _) = sessions(10, 0);
        holds(direct_connections, &joined(all, None));
    }
}
