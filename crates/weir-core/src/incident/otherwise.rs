//! What would have happened otherwise: an incident, as the ledger's history recorded it, played
//! again in the simulator under other rules, and with the call moved out of the transaction.

use std::time::Duration;

use super::book::Incident;
use super::moment::Wall;
use crate::ledger::Summary;
use crate::simulator::{Outcome, Plan, PlanError, Recorded, Rule, call_outside, compare, play};

/// An incident that was played again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What was played; the class to blame is marked.
    pub plan: Plan,
    /// With the code as it was, under each rule.
    pub as_it_was: Vec<(Rule, Outcome)>,
    /// With the call of the class to blame outside of its transaction; empty where it made none.
    pub call_outside: Vec<(Rule, Outcome)>,
    /// Claims in the trouble as the ledger counted them, and those of them that were refused.
    pub recorded: (u64, u64),
}

impl Replayed {
    /// Plays an incident again.
    ///
    /// # Errors
    /// When the history says nothing of its time, or it has more requests than can be played.
    pub fn of(incident: &Incident, stretches: &[Summary]) -> Result<Self, PlanError> {
        let (from, until) = span(incident);
        let lead = incident.lead().and_then(|suspect| suspect.finding.culprit.route.as_deref());
        let plan = Recorded { stretches, from, until, culprit: lead }.plan()?;
        let outside = call_outside(plan.clone());
        let all = |plan: &Plan| Rule::ALL.map(|rule| (rule, play(plan, rule))).to_vec();
        let in_trouble: Vec<&Summary> =
            stretches.iter().filter(|one| one.until > from && one.from < until).collect();
        let classes = in_trouble.iter().flat_map(|stretch| &stretch.classes);
        let recorded = classes.fold((0, 0), |(claims, refused), class| {
            (claims + class.sums.claims, refused + class.sums.refused.count)
        });
        let same = outside.classes == plan.classes && outside.events == plan.events;
        Ok(Self {
            as_it_was: all(&plan),
            call_outside: if same { Vec::new() } else { all(&outside) },
            recorded,
            plan,
        })
    }

    /// Tables for a terminal.
    #[must_use]
    pub fn text(&self) -> String {
        let (claims, refused) = self.recorded;
        let mut text = format!("In the incident {claims} claims, {refused} of them refused.\n\n");
        text.push_str(&compare(&self.plan, &self.as_it_was));
        if !self.call_outside.is_empty() {
            text.push('\n');
            text.push_str(&compare(&call_outside(self.plan.clone()), &self.call_outside));
        }
        text
    }
}

/// From when until when an incident hurt somebody.
#[must_use]
pub(super) fn span(incident: &Incident) -> (Wall, Wall) {
    let end = incident.opened.0.saturating_add(incident.impact.lasted_ms.max(1));
    (incident.opened, Wall(end))
}

/// The part of the history that is needed: the trouble, and some minutes on both sides.
#[must_use]
pub fn needed(incident: &Incident) -> (Wall, Wall) {
    const AROUND: Duration = Duration::from_secs(300);
    let around = u64::try_from(AROUND.as_millis()).unwrap_or(u64::MAX);
    let (from, until) = span(incident);
    (Wall(from.0.saturating_sub(around)), Wall(until.0.saturating_add(around)))
}
