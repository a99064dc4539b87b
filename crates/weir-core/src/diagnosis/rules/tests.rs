//! Pictures for the rules' tests: what fires a rule, and what must not.

use crate::activity::tests::sample;
use crate::activity::{Contact, Picture, Proxy, Session, Trend};
use crate::diagnosis::{Cause, Finding, Measure, Thresholds};

/// A server with ten connections for ordinary roles, and these sessions.
pub(crate) fn server(sessions: Vec<Session>) -> Picture {
    joined(sessions, None)
}

/// The same with a proxy before it.
pub(crate) fn joined(sessions: Vec<Session>, proxy: Option<Proxy>) -> Picture {
    let sample = Some(sample(10, sessions));
    Picture::new(Contact::Up, sample, Trend::default(), proxy, Thresholds::default())
}

/// The one finding of a rule.
pub(crate) fn fires(rule: fn(&Picture) -> Vec<Finding>, picture: &Picture) -> Finding {
    let mut found = rule(picture);
    assert_eq!(found.len(), 1, "{found:#?}");
    let finding = found.remove(0);
    for text in [&finding.summary, &finding.consequence, &finding.remedy.text] {
        assert!(text.ends_with('.'), "no sentence: {text:?}");
    }
    assert!(!finding.evidence.is_empty(), "{}: no evidence", finding.summary);
    let missing = missing(&finding);
    assert!(missing.is_empty(), "{:?}: no {missing:?} in {:#?}", finding.cause, finding.culprit);
    finding
}

/// What a finding of this cause must name and does not.
fn missing(finding: &Finding) -> Vec<&'static str> {
    let who = &finding.culprit;
    let origin = who.route.is_some() || who.application.is_some() || who.user.is_some();
    let part = |known: bool, name| (!known).then_some(name);
    let origin = part(origin, "origin");
    let parts = match finding.cause {
        Cause::LongStatement | Cause::SlowRoute => {
            vec![origin, part(who.statement.is_some(), "statement")]
        }
        Cause::WaitsOnApplication => vec![origin, part(who.gap.is_some(), "gap")],
        // No session holds the locks of a prepared transaction.
        Cause::LockChain if finding.summary.contains("prepared") => Vec::new(),
        Cause::LockChain => vec![origin, part(who.pid.is_some(), "pid")],
        Cause::PoolTooSmall => vec![part(who.database.is_some(), "database"), origin],
        // The sessions of a storm may be gone before they are looked at.
        Cause::ConnectionStorm if finding.value(Measure::YoungSessions) == Some(0.0) => Vec::new(),
        Cause::ApplicationAggregation
        | Cause::ArrivalSurge
        | Cause::Leak
        | Cause::DoubleCheckout
        | Cause::ConnectionStorm
        | Cause::DirectConnections
        | Cause::Pinning => vec![origin],
        // Nobody in particular; who is near a limit depends on whose limit it is.
        Cause::CancelStorm
        | Cause::BudgetBeyondServer
        | Cause::DatabaseSlow
        | Cause::DatabaseDown
        | Cause::DescriptorLimit
        | Cause::LimitNear => Vec::new(),
    };
    parts.into_iter().flatten().collect()
}

/// Sees that a rule finds nothing.
pub(crate) fn holds(rule: fn(&Picture) -> Vec<Finding>, picture: &Picture) {
    let found = rule(picture);
    assert!(found.is_empty(), "{found:#?}");
}
