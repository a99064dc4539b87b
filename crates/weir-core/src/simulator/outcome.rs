//! What a scenario came to.

use std::time::Duration;

use crate::time::Instant;

use super::plan::Plan;

/// Served well: a server connection within this time of the first attempt, and success.
pub(super) const SOON: Duration = Duration::from_secs(1);
/// Recovery is judged in windows of this length.
const WINDOW: Duration = Duration::from_millis(500);
/// A window is well when so many of its requests are served soon, in tenths of a percent.
const WELL_PERMILLE: u64 = 950;

/// One request with all its attempts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Journey {
    pub(super) class: usize,
    pub(super) started: Instant,
    pub(super) tries_left: u32,
    /// From the beginning until an attempt that succeeded had its server connection.
    pub(super) took: Option<Duration>,
}

/// One class begun in the trouble.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClassOutcome {
    /// Its name.
    pub name: String,
    /// Requests begun.
    pub asked: u64,
    /// Served, with a server connection within a second of their beginning.
    pub soon: u64,
    /// Served at all, by any attempt.
    pub served: u64,
}

/// What a scenario came to under one rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Each class, for requests begun in the trouble.
    pub classes: Vec<ClassOutcome>,
    /// Innocent classes together, or all where there is no culprit.
    pub innocent: ClassOutcome,
    /// All classes together.
    pub all: ClassOutcome,
    /// From the end of the trouble until innocent requests are served well and stay so; none when
    /// that did not come.
    pub recovery: Option<Duration>,
    /// Attempts sent in the trouble.
    pub tries: u64,
    /// Those of them that succeeded while their clients waited.
    pub good: u64,
    /// Most server connections open at once.
    pub open_max: u32,
    /// Attempts refused, whenever.
    pub refused: u64,
    /// Attempts refused before the usual wait limit.
    pub refused_early: u64,
    /// Transactions ended by force.
    pub killed: u64,
    /// Times a cap fell to half or less, the first time or after it had doubled.
    pub swings: u64,
    /// Looks at which some class was capped.
    pub capped: u64,
}

impl ClassOutcome {
    /// Served within a second, in tenths of a percent; 1000 when nobody asked.
    #[must_use]
    pub fn soon_permille(&self) -> u64 {
        (self.soon * 1_000).checked_div(self.asked).unwrap_or(1_000)
    }

    /// Served at all, in tenths of a percent.
    #[must_use]
    pub fn served_permille(&self) -> u64 {
        (self.served * 1_000).checked_div(self.asked).unwrap_or(1_000)
    }

    fn add(&mut self, journey: &Journey) {
        self.asked += 1;
        self.served += u64::from(journey.took.is_some());
        self.soon += u64::from(is_soon(journey));
    }
}

fn is_soon(journey: &Journey) -> bool {
    journey.took.is_some_and(|took| took <= SOON)
}

impl Outcome {
    /// Adds up what became of the journeys.
    pub(super) fn sum_up(&mut self, plan: &Plan, journeys: &[Journey]) {
        let named = |name: &str| ClassOutcome { name: name.into(), ..ClassOutcome::default() };
        self.classes = plan.classes.iter().map(|class| named(&class.name)).collect();
        (self.innocent, self.all) = (named("innocent"), named("all"));
        let (from, to) = plan.trouble();
        for journey in journeys.iter().filter(|one| from <= one.started && one.started < to) {
            self.classes[journey.class].add(journey);
            self.all.add(journey);
            if is_innocent(plan, journey.class) {
                self.innocent.add(journey);
            }
        }
        self.recovery = recovery(plan, journeys);
    }
}

/// True for classes that must be served well: those that are no culprits, all where all are.
pub(super) fn is_innocent(plan: &Plan, class: usize) -> bool {
    !plan.classes[class].culprit || plan.classes.iter().all(|one| one.culprit)
}

/// The end of the last bad window after the trouble; none when the last windows of all are bad.
fn recovery(plan: &Plan, journeys: &[Journey]) -> Option<Duration> {
    let (_, to) = plan.trouble();
    let end = Instant::from_millis(plan.seconds * 1_000);
    let windows = (end - to).as_nanos() / WINDOW.as_nanos();
    let mut tally = vec![(0u64, 0u64); usize::try_from(windows).unwrap_or(0)];
    for journey in journeys.iter().filter(|one| one.started >= to) {
        let at = (journey.started - to).as_nanos() / WINDOW.as_nanos();
        let place = usize::try_from(at).ok().and_then(|at| tally.get_mut(at));
        if let Some(place) = place.filter(|_| is_innocent(plan, journey.class)) {
            place.0 += 1;
            place.1 += u64::from(is_soon(journey));
        }
    }
    let bad = |&(asked, soon): &(u64, u64)| soon * 1_000 < asked * WELL_PERMILLE;
    let after = tally.iter().rposition(bad).map_or(0, |last| last + 1);
    let length = u32::try_from(after).unwrap_or(u32::MAX);
    (after < tally.len()).then(|| WINDOW * length)
}
