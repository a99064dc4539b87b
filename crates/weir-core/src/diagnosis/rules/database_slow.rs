//! Everything on the server got slow.

use std::collections::BTreeSet;

use crate::activity::{Picture, Pressure, Seen, Wait};
use crate::diagnosis::group::{count, median};
use crate::diagnosis::locality::{Locality, locality};
use crate::diagnosis::{Cause, Confidence, Finding, Measure, Scope, Severity};

/// Different statements that must be slow at once, at least.
const DIFFERENT_MIN: usize = 4;

/// Fires when many different statements run for long at the same time and none of them is most of
/// it, when the ledger says that all routes got slow together, and when the server takes long to
/// answer the guard itself.
pub(super) fn database_slow(picture: &Picture) -> Vec<Finding> {
    let Some(sample) = &picture.sample else { return Vec::new() };
    let active = active(picture);
    let common = common(picture);
    let many = many(picture, &active);
    let slow_answer = sample.took > picture.thresholds.slow_answer;
    if !many && common.is_none() && !slow_answer {
        return Vec::new();
    }
    let severity = match picture.pressure() {
        Pressure::Full => Severity::Critical,
        Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    vec![finding(picture, severity, &active, common.as_ref(), many)]
}

/// Whether statements or routes of all kinds are slow together, so that none is to blame.
pub(super) fn is_common(picture: &Picture) -> bool {
    common(picture).is_some() || many(picture, &active(picture))
}

fn active(picture: &Picture) -> Vec<Seen<'_>> {
    let runs = |seen: &Seen<'_>| {
        seen.session.running().is_some()
            && matches!(seen.session.wait, Wait::None | Wait::Server)
            && !picture.is_exempt(*seen)
    };
    picture.clients().filter(runs).collect()
}

fn common(picture: &Picture) -> Option<Locality> {
    locality(picture).filter(|found| found.scope == Scope::Common)
}

/// Whether many different statements run for long where connections are scarce.
fn many(picture: &Picture, active: &[Seen<'_>]) -> bool {
    let middle = median(active.iter().filter_map(|seen| seen.session.running()));
    spread(active) && middle > picture.thresholds.slow_answer && picture.pressure() > Pressure::Calm
}

fn finding(
    picture: &Picture,
    severity: Severity,
    active: &[Seen<'_>],
    common: Option<&Locality>,
    many: bool,
) -> Finding {
    let middle = median(active.iter().filter_map(|seen| seen.session.running()));
    let took = picture.sample.as_ref().map(|sample| sample.took).unwrap_or_default();
    let waiting = active.iter().filter(|seen| seen.session.wait == Wait::Server).count();
    let seen = many || common.is_some();
    let summary = match seen {
        true => format!(
            "Everything is slow: {} different statements run at once, half of them longer than {:.1} \
         s, {waiting} wait inside the server, and the guard's own question took {:.2} s.",
            different(active).len(),
            middle.as_secs_f64(),
            took.as_secs_f64(),
        ),
        false => format!(
            "The server took {:.2} s to answer the guard, and no statement shows why.",
            took.as_secs_f64()
        ),
    };
    let confidence = if seen { Confidence::Likely } else { Confidence::Possible };
    Finding::new(Cause::DatabaseSlow, severity, summary)
        .confidence(confidence)
        .figure(Measure::Explained, count(active.len()))
        .figure(Measure::ActiveStatements, count(active.len()))
        .figure(Measure::WaitingInServer, count(waiting))
        .figure(Measure::DifferentStatements, count(different(active).len()))
        .figure(Measure::OldestStatement, middle.as_secs_f64())
        .figure(Measure::AnswerTime, took.as_secs_f64())
        .leads_to(
            "Every connection is held longer, so all pools run dry together; no single program is \
             to blame.",
        )
        .helps(
            "Look at the server itself: processor, disk, memory, a checkpoint, a vacuum, a new \
             plan, a neighbour. Let less work in until it is over; do not add connections.",
        )
}

/// Whether different statements are slow and none of them is half of it.
fn spread(active: &[Seen<'_>]) -> bool {
    let kinds = different(active);
    let most = kinds
        .iter()
        .map(|kind| active.iter().filter(|s| s.session.statement.fingerprint.0 == *kind).count())
        .max()
        .unwrap_or(0);
    kinds.len() >= DIFFERENT_MIN && most * 2 < active.len()
}

fn different(active: &[Seen<'_>]) -> BTreeSet<u64> {
    active.iter().map(|seen| seen.session.statement.fingerprint.0).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::activity::Session;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::rules::tests::{fires, holds, server};

    fn statements(different: i32, seconds: f64) -> Vec<Session> {
        let text = |pid: i32| format!("select a{} from t", pid % different);
        (0..10).map(|pid| session(pid).active(seconds).sql(&text(pid))).collect()
    }

    #[test]
    fn fires_when_many_different_statements_are_slow_at_once() {
        let finding = fires(database_slow, &server(statements(5, 3.0)));
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.value(Measure::DifferentStatements), Some(5.0));
    }

    #[test]
    fn fires_when_the_guard_itself_waits_for_its_answer() {
        let mut picture = server(vec![session(1)]);
        picture.sample.as_mut().unwrap().took = Duration::from_secs(2);
        let finding = fires(database_slow, &picture);
        assert_eq!(finding.confidence, Confidence::Possible);
        assert!(finding.summary.contains("2.00 s to answer the guard"), "{}", finding.summary);
    }

    #[test]
    fn holds_when_one_statement_is_slow_or_all_are_quick() {
        holds(database_slow, &server(statements(1, 3.0)));
        holds(database_slow, &server(statements(10, 0.1)));
    }
}
