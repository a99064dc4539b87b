//! All rules on one picture, the finding that explains most first.

use std::cmp::Reverse;

use super::figure::Measure;
use super::finding::{Finding, Scope};
use super::locality::{Locality, locality};
use super::{Cause, rules};
use crate::activity::Picture;

/// What is wrong, worst first: by severity, causes before symptoms, by the sessions a finding
/// explains, by confidence.
#[must_use]
pub fn diagnose(picture: &Picture) -> Vec<Finding> {
    let compared = locality(picture);
    let mut findings: Vec<Finding> = Cause::ALL
        .iter()
        .flat_map(|cause| rules::rule(*cause)(picture))
        .map(|finding| scoped(finding, compared.as_ref()))
        .collect();
    findings.sort_by_key(order);
    findings
}

fn order(finding: &Finding) -> impl Ord + use<> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let explained = finding.value(Measure::Explained).unwrap_or(0.0) as u64;
    (
        Reverse(finding.severity),
        finding.cause.depth(),
        Reverse(explained),
        Reverse(finding.confidence),
        finding.cause,
    )
}

/// Adds the comparison of routes. A finding that blames a route is local only for the route that
/// got slow.
fn scoped(mut finding: Finding, compared: Option<&Locality>) -> Finding {
    let Some(compared) = compared else { return finding };
    finding.scope = match (compared.scope, &finding.culprit.route) {
        (Scope::Local, Some(route)) if *route != compared.route => Scope::Undecided,
        (scope, _) => scope,
    };
    finding.evidence.extend(compared.figures());
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::Severity;
    use crate::diagnosis::rules::tests::server;

    #[test]
    fn what_explains_most_comes_first_and_the_symptom_last() {
        let mut sessions = vec![session(1).silent(9.0).sql("update t set a = 1")];
        sessions.extend((2..8).map(|pid| session(pid).active(8.0).blocked_by(&[1])));
        sessions.extend((8..11).map(|pid| session(pid).silent(9.0).sql("select b")));
        let found = diagnose(&server(sessions));
        let causes: Vec<Cause> = found.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::LockChain, Cause::WaitsOnApplication, Cause::LimitNear]);
        assert!(found.iter().all(|finding| finding.severity == Severity::Critical));
    }

    #[test]
    fn a_healthy_server_has_no_findings() {
        assert_eq!(diagnose(&server((0..5).map(|pid| session(pid).active(0.1)).collect())), []);
        assert_eq!(diagnose(&server(Vec::new())), []);
    }

    #[test]
    fn a_finding_comes_back_from_json_as_it_was() {
        let found = diagnose(&server((0..10).map(|pid| session(pid).silent(9.0)).collect()));
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Finding>>(&json).unwrap(), found);
    }
}
