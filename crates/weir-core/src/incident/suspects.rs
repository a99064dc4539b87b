//! Findings of one trouble, brought together: who is behind it, in which order.
//!
//! The same cause of the same code is one suspect, whichever session shows it. Ranked by how bad,
//! then cause before symptom, then how many sessions it explains, how sure, how long seen.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::moment::Wall;
use crate::config::limits::INCIDENT_SUSPECTS;
use crate::diagnosis::{Cause, Finding, Measure};

/// One cause of an incident and who is behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suspect {
    /// The strongest finding of it: what explained most.
    pub finding: Finding,
    /// When it was first seen.
    pub first: Wall,
    /// When it was last seen.
    pub last: Wall,
    /// How many looks showed it.
    pub looks: u32,
}

/// What makes two findings the same trouble.
#[derive(Debug, PartialEq, Eq)]
struct Key<'a> {
    cause: Cause,
    /// Route, else application, else user; nothing for what is nobody's fault.
    origin: Option<&'a str>,
    database: Option<&'a str>,
    /// The statement before the silence, else the statement.
    statement: Option<&'a str>,
}

impl<'a> Key<'a> {
    fn of(finding: &'a Finding) -> Self {
        let culprit = &finding.culprit;
        let origin =
            culprit.route.as_ref().or(culprit.application.as_ref()).or(culprit.user.as_ref());
        let gap = culprit.gap.as_ref().map(|gap| &gap.before);
        let statement = gap.or(culprit.statement.as_ref());
        Self {
            cause: finding.cause,
            origin: origin.map(String::as_str),
            database: culprit.database.as_deref(),
            statement: statement.map(|statement| statement.text.as_str()),
        }
    }
}

impl Suspect {
    fn new(finding: &Finding, at: Wall) -> Self {
        Self { finding: finding.clone(), first: at, last: at, looks: 1 }
    }

    /// Sessions, slots or clients that it explains.
    #[must_use]
    pub fn explains(&self) -> f64 {
        self.finding.value(Measure::Explained).unwrap_or(0.0)
    }

    fn see(&mut self, finding: &Finding, at: Wall) {
        self.last = at;
        self.looks = self.looks.saturating_add(1);
        let strength = |one: &Finding| {
            (one.severity, one.value(Measure::Explained).unwrap_or(0.0), one.confidence)
        };
        if strength(finding) >= strength(&self.finding) {
            self.finding = finding.clone();
        }
    }

    /// Where it stands among the others: smaller is first.
    fn rank(&self) -> (Reverse<crate::diagnosis::Severity>, u8, Reverse<u64>, Reverse<u32>) {
        let finding = &self.finding;
        // Explained sessions are counts: hundredths are exact enough to compare.
        let explains = (self.explains() * 100.0).clamp(0.0, 1e15);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
        let explains = explains as u64;
        let sure = (finding.confidence as u32) * 10_000 + self.looks.min(9_999);
        (Reverse(finding.severity), finding.cause.depth(), Reverse(explains), Reverse(sure))
    }
}

/// The suspects of one incident, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Suspects {
    list: Vec<Suspect>,
}

impl Suspects {
    /// Takes the findings of one look. The causes (no symptoms) that were not known before.
    pub(super) fn see(&mut self, findings: &[Finding], at: Wall) -> Vec<Finding> {
        let mut new = Vec::new();
        for finding in findings {
            let key = Key::of(finding);
            match self.list.iter_mut().find(|known| Key::of(&known.finding) == key) {
                Some(known) => known.see(finding, at),
                None => {
                    self.list.push(Suspect::new(finding, at));
                    if !finding.cause.is_symptom() {
                        new.push(finding.clone());
                    }
                }
            }
        }
        self.list.sort_by_key(Suspect::rank);
        self.list.truncate(INCIDENT_SUSPECTS);
        new
    }

    /// All of them, in their order. While trouble lasts that began at `since`, those that were
    /// seen in it come before those of earlier trouble.
    pub(super) fn told(&self, since: Option<Wall>) -> Vec<Suspect> {
        let mut told = self.list.clone();
        if let Some(since) = since {
            told.sort_by_key(|suspect| suspect.last < since);
        }
        told
    }

    /// Whether something better than a symptom was seen since then.
    pub(super) fn named_since(&self, since: Wall) -> bool {
        let here = |suspect: &&Suspect| suspect.last >= since;
        self.list.iter().filter(here).any(|suspect| !suspect.finding.cause.is_symptom())
    }

    /// The place of a finding's suspect in the trouble that began at `since`, from 1; `None` when
    /// it was crowded out.
    pub(super) fn place(&self, finding: &Finding, since: Wall) -> Option<u32> {
        let key = Key::of(finding);
        let told = self.told(Some(since));
        let at = told.iter().position(|known| Key::of(&known.finding) == key)?;
        u32::try_from(at + 1).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

    use super::*;
    use crate::diagnosis::{Culprit, Severity};
    use crate::ids::Pid;

    /// Each look may show another session.
    static NEXT_PID: AtomicI32 = AtomicI32::new(100);

    fn finding(cause: Cause, route: &str, explained: f64) -> Finding {
        let culprit = Culprit {
            route: Some(route.into()),
            pid: Some(Pid(NEXT_PID.fetch_add(1, Relaxed))),
            ..Culprit::default()
        };
        Finding::new(cause, Severity::Critical, "x")
            .culprit(culprit)
            .figure(Measure::Explained, explained)
    }

    #[test]
    fn sessions_of_the_same_code_are_one_suspect_and_the_strongest_look_is_kept() {
        let mut suspects = Suspects::default();
        let new = suspects.see(&[finding(Cause::WaitsOnApplication, "bulk", 10.0)], Wall(1));
        assert_eq!(new.len(), 1);
        assert!(
            suspects.see(&[finding(Cause::WaitsOnApplication, "bulk", 40.0)], Wall(2)).is_empty()
        );
        suspects.see(&[finding(Cause::WaitsOnApplication, "bulk", 5.0)], Wall(3));
        let [only] = suspects.list.as_slice() else { panic!("{suspects:?}") };
        assert_eq!(
            (only.explains(), only.looks, only.first, only.last),
            (40.0, 3, Wall(1), Wall(3))
        );
    }

    #[test]
    fn causes_rank_before_symptoms_and_by_what_they_explain() {
        let mut suspects = Suspects::default();
        suspects.see(
            &[
                finding(Cause::LimitNear, "", 100.0),
                finding(Cause::LongStatement, "report", 30.0),
                finding(Cause::WaitsOnApplication, "bulk", 60.0),
            ],
            Wall(1),
        );
        let order: Vec<Cause> = suspects.list.iter().map(|one| one.finding.cause).collect();
        assert_eq!(order, [Cause::WaitsOnApplication, Cause::LongStatement, Cause::LimitNear]);
        assert_eq!(suspects.place(&finding(Cause::LongStatement, "report", 1.0), Wall(0)), Some(2));
    }

    #[test]
    fn a_pool_is_too_small_only_where_nothing_else_is_wrong() {
        let mut suspects = Suspects::default();
        let too_small = finding(Cause::PoolTooSmall, "", 40.0);
        suspects.see(std::slice::from_ref(&too_small), Wall(1));
        assert!(suspects.named_since(Wall(0)), "alone it is a cause");
        suspects.see(&[finding(Cause::WaitsOnApplication, "bulk", 29.0)], Wall(2));
        assert_eq!(suspects.place(&too_small, Wall(0)), Some(2));
    }

    #[test]
    fn a_thousand_culprits_keep_the_strongest() {
        let mut suspects = Suspects::default();
        for number in 0..1000_u32 {
            let one = finding(Cause::LongStatement, &format!("r{number}"), f64::from(number));
            suspects.see(&[one], Wall(number.into()));
        }
        assert_eq!(suspects.list.len(), INCIDENT_SUSPECTS);
        assert_eq!(suspects.list[0].explains(), 999.0);
    }
}
