//! Connections that are opened for a moment each.

use std::time::Duration;

use crate::activity::{Picture, Pressure, Seen};
use crate::diagnosis::group::{count, culprit, largest, name, origin};
use crate::diagnosis::{Cause, Finding, Measure, Severity};

/// A session younger than this is young.
const YOUNG: Duration = Duration::from_secs(10);

/// Fires when connections are opened faster than the limit for storms, on the server or at the
/// proxy. That many are young is no storm by itself: so they are after a start.
pub(super) fn connection_storm(picture: &Picture) -> Vec<Finding> {
    let storm = f64::from(picture.thresholds.storm_per_second);
    let rate = picture.trend.sessions_per_second.unwrap_or(0.0);
    let logins = picture.proxy.as_ref().and_then(|proxy| proxy.logins_per_second).unwrap_or(0.0);
    let is_young = |seen: &Seen<'_>| seen.session.age < YOUNG;
    let young: Vec<Seen<'_>> = picture.clients().filter(is_young).collect();
    if rate < storm && logins < storm {
        return Vec::new();
    }
    let worst = largest(&young, origin);
    let who = culprit(&worst);
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let summary = format!(
        "Connections are opened in masses: {:.0} a second, and {} sessions are younger than {} s; \
         {} of them are from {}.",
        rate.max(logins),
        young.len(),
        YOUNG.as_secs(),
        worst.len(),
        name(&who),
    );
    let finding = Finding::new(Cause::ConnectionStorm, severity, summary)
        .culprit(who)
        .figure(Measure::Explained, count(young.len()))
        .figure(Measure::ConnectionRate, rate.max(logins))
        .figure(Measure::YoungSessions, count(young.len()))
        .figure(Measure::SessionsOfOrigin, count(worst.len()))
        .figure_if(Measure::UntilFull, picture.until_full().map(|time| time.as_secs_f64()))
        .leads_to(
            "Each costs the server a new process and a login; together they slow down everybody \
             and run into the limit.",
        )
        .helps(
            "Keep connections open and share them: a pool in the program with a maximum, or this \
             proxy between; after errors, reconnect with a growing pause.",
        );
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, proxy_with, session};
    use crate::diagnosis::rules::tests::{fires, holds, joined, server};

    #[test]
    fn fires_on_the_rate_of_the_server_and_of_the_proxy() {
        let mut picture = server(vec![session(1)]);
        picture.trend.sessions_per_second = Some(80.0);
        assert_eq!(fires(connection_storm, &picture).severity, Severity::Warning);
        let mut proxy = proxy_with(Vec::new());
        proxy.logins_per_second = Some(80.0);
        fires(connection_storm, &joined(vec![session(1)], Some(proxy)));
    }

    #[test]
    fn names_the_origin_of_most_young_sessions() {
        let sessions = (0..9).map(|pid| session(pid).aged(2.0).application("lambda")).collect();
        let mut picture = server(sessions);
        picture.trend.sessions_per_second = Some(80.0);
        let finding = fires(connection_storm, &picture);
        assert_eq!(finding.culprit.application.as_deref(), Some("lambda"));
    }

    #[test]
    fn holds_for_a_pool_that_starts_and_for_old_sessions() {
        holds(connection_storm, &server((0..10).map(|pid| session(pid).aged(2.0)).collect()));
        holds(connection_storm, &server((0..10).map(session).collect()));
    }
}
