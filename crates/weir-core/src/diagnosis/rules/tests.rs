//! Pictures for the rules' tests: what fires a rule, and what must not.

use crate::activity::tests::sample;
use crate::activity::{Contact, Picture, Proxy, Session, Trend};
use crate::diagnosis::{Finding, Thresholds};

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
    finding
}

/// Sees that a rule finds nothing.
pub(crate) fn holds(rule: fn(&Picture) -> Vec<Finding>, picture: &Picture) {
    let found = rule(picture);
    assert!(found.is_empty(), "{found:#?}");
}
