//! Sessions wait for the locks of one.

use crate::activity::{Chain, Picture, Pressure};
use crate::diagnosis::group::{count, culprit, name};
use crate::diagnosis::{Cause, Confidence, Culprit, Finding, Measure, Severity};
use crate::ids::Pid;

/// So many waiters make a chain at once, however short they have waited.
const WAITERS_MANY: usize = 3;

/// Fires for each chain that has lasted, or has many waiters where connections are scarce.
pub(super) fn lock_chain(picture: &Picture) -> Vec<Finding> {
    let lasts = |chain: &&Chain| {
        chain.oldest_wait > picture.thresholds.lock_wait
            || (chain.waiters.len() >= WAITERS_MANY && picture.pressure() > Pressure::Calm)
    };
    picture.chains.iter().filter(lasts).map(|chain| finding(picture, chain)).collect()
}

fn finding(picture: &Picture, chain: &Chain) -> Finding {
    let root = picture.seen(chain.root);
    let who = root.map_or_else(Culprit::default, |root| culprit(&[root]));
    let silence = root.and_then(|root| root.session.silent());
    let open = root.and_then(|root| root.session.transaction);
    let matters = picture.matters(chain.waiters.len() + 1);
    let severity = match picture.pressure() {
        Pressure::Full if matters => Severity::Critical,
        Pressure::Full | Pressure::Near | Pressure::Calm => Severity::Warning,
    };
    let doing = match (chain.root, silence) {
        (Pid(0), _) => "which is a prepared transaction".to_owned(),
        (_, Some(time)) => format!("which has been silent for {:.1} s", time.as_secs_f64()),
        (_, None) => "which is still running".to_owned(),
    };
    let summary = format!(
        "{} sessions wait for locks of one transaction (pid {}, {}), {doing}.",
        chain.waiters.len(),
        chain.root,
        name(&who),
    );
    Finding::new(Cause::LockChain, severity, summary)
        .confidence(Confidence::Certain)
        .culprit(who)
        .figure(Measure::Explained, count(chain.waiters.len() + 1))
        .figure(Measure::Blocked, count(chain.waiters.len()))
        .figure(Measure::ChainDepth, chain.depth)
        .figure(Measure::OldestWait, chain.oldest_wait.as_secs_f64())
        .figure_if(Measure::RootTransaction, open.map(|time| time.as_secs_f64()))
        .figure_if(Measure::OldestSilence, silence.map(|time| time.as_secs_f64()))
        .leads_to("Each waiter keeps its connection; whoever touches the same rows joins them.")
        .helps(remedy(chain))
}

fn remedy(chain: &Chain) -> String {
    match chain.root {
        Pid(0) => "COMMIT PREPARED or ROLLBACK PREPARED the transaction shown in \
                   pg_prepared_xacts."
            .into(),
        Pid(pid) => format!(
            "Let the root's transaction end: shorten it, and take nothing slow into it. \
             pg_terminate_backend({pid}) ends it now; it is rolled back. lock_timeout keeps \
             waiters from queueing without end."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Session;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::rules::tests::{fires, holds, server};

    fn chain(root: Session, waiters: i32, seconds: f64) -> Vec<Session> {
        let blocker = root.pid.0;
        let waiter = |pid| session(pid).active(seconds).blocked_by(&[blocker]);
        std::iter::once(root).chain((100..100 + waiters).map(waiter)).collect()
    }

    #[test]
    fn fires_with_the_root_as_culprit() {
        let root = session(7).silent(20.0).sql("update stock set n = 1").application("batch");
        let finding = fires(lock_chain, &server(chain(root, 9, 10.0)));
        assert_eq!(finding.culprit.pid, Some(Pid(7)));
        assert_eq!(finding.culprit.application.as_deref(), Some("batch"));
        assert_eq!(finding.value(Measure::Blocked), Some(9.0));
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.remedy.text.contains("pg_terminate_backend(7)"));
    }

    #[test]
    fn fires_in_calm_only_when_it_lasts() {
        let finding = fires(lock_chain, &server(chain(session(7).active(30.0), 1, 10.0)));
        assert_eq!(finding.severity, Severity::Warning);
        holds(lock_chain, &server(chain(session(7).active(3.0), 3, 1.0)));
    }

    #[test]
    fn a_prepared_transaction_is_named_as_such() {
        let waiter = session(1).active(60.0).blocked_by(&[0]);
        let finding = fires(lock_chain, &server(vec![waiter]));
        assert!(finding.remedy.text.contains("ROLLBACK PREPARED"));
    }

    #[test]
    fn holds_where_nobody_waits() {
        holds(lock_chain, &server((0..10).map(|pid| session(pid).active(50.0)).collect()));
    }
}
