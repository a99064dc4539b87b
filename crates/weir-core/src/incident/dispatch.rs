//! What the dispatch does to classes, as actions of an incident: a cap that is set and lifted,
//! requests of an overloaded class that are refused early.
//!
//! It is read off the dispatch's state once a second, so that dispatching itself does no more for
//! it. What comes and goes between two looks is not told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::action::{Action, Effect, Lifted, Reason};
use super::desk::Note;
use crate::config::limits::DISPATCH_ACTIONS;
use crate::diagnosis::{Culprit, Figure, Measure};
use crate::dispatch::{Verdict as Seen, Why};
use crate::healing::{Prediction, Step, Verdict};
use crate::ledger::LedgerSnapshot;
use crate::time::Instant;

/// When the effect is measured.
const MEASURED_AFTER: Duration = Duration::from_secs(3);

/// A class that the dispatch limits at this moment.
#[derive(Debug, Clone)]
pub struct Control {
    /// The database name clients use.
    pub database: Arc<str>,
    /// The pool's user.
    pub user: Arc<str>,
    /// The class.
    pub route: Arc<str>,
    /// Slots it holds.
    pub held: u32,
    /// Most slots it may hold; `None` without a cap.
    pub cap: Option<u32>,
    /// Longer waits of it are refused; `None` while it is not overloaded.
    pub deadline: Option<Duration>,
    /// What the dispatch saw of it.
    pub seen: Seen,
}

/// What is known of the process beside its controls.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Clients that wait for a slot.
    pub waiting: u32,
    /// What is known of a class by name.
    pub class: &'a dyn Fn(&str) -> ClassNow,
}

/// A class over all pools and workers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassNow {
    /// Slots it holds.
    pub held: u32,
    /// Requests of it refused so far.
    pub refused: u64,
}

impl ClassNow {
    /// The class of this name, as the ledger knows it.
    #[must_use]
    pub fn of(ledger: &LedgerSnapshot, route: &str) -> Self {
        let rows = ledger.classes.iter().filter(|row| *row.label == *route);
        rows.fold(Self::default(), |sum, row| Self {
            held: sum.held + row.holding,
            refused: sum.refused + row.sums.refused.count,
        })
    }
}

type Key = (Arc<str>, Arc<str>, Arc<str>, Step);

/// A control that lasts.
#[derive(Debug, Clone, Copy)]
struct Lasting {
    number: u64,
    since: Instant,
    held: u32,
    waiting: u32,
    refused: u64,
    measured: bool,
}

/// Follows the controls of a process.
#[derive(Debug, Default)]
pub struct DispatchLog {
    lasting: BTreeMap<Key, Lasting>,
}

impl DispatchLog {
    /// Takes one look; what began, what it changed, what ended. `number` numbers actions.
    pub fn note(
        &mut self,
        now: Instant,
        controls: &[Control],
        around: Around<'_>,
        mut number: impl FnMut() -> u64,
    ) -> Vec<Note> {
        let mut notes = Vec::new();
        self.lasting.retain(|key, lasting| {
            let goes_on = controls.iter().any(|one| one.steps().any(|step| one.key(step) == *key));
            if !goes_on {
                let class = (around.class)(&key.2);
                notes.extend(lasting.effect(key.3, class.held, around.waiting));
                notes.push(Note::Lifted(lasting.lifted(now, class.refused)));
            }
            goes_on
        });
        for (control, step) in controls.iter().flat_map(|one| one.steps().map(move |s| (one, s))) {
            let key = control.key(step);
            if let Some(lasting) = self.lasting.get_mut(&key) {
                if now.since(lasting.since) >= MEASURED_AFTER {
                    notes.extend(lasting.effect(step, control.held, around.waiting));
                }
            } else if self.lasting.len() < DISPATCH_ACTIONS {
                let action = control.action(step, number(), around.waiting);
                let lasting = Lasting {
                    number: action.number,
                    since: now,
                    held: control.held,
                    waiting: around.waiting,
                    refused: (around.class)(&control.route).refused,
                    measured: false,
                };
                notes.push(Note::Action(Box::new(action)));
                self.lasting.insert(key, lasting);
            }
        }
        notes
    }
}

impl Lasting {
    /// What it changed, once. Refusals free no slot.
    fn effect(&mut self, step: Step, held: u32, waiting: u32) -> Option<Note> {
        let known = std::mem::replace(&mut self.measured, true);
        let freed = if step == Step::Cap { self.held.saturating_sub(held) } else { 0 };
        let effect = Effect {
            number: self.number,
            slots_freed: freed,
            waiting_before: self.waiting,
            waiting_after: waiting,
        };
        (!known).then_some(Note::Effect(effect))
    }

    fn lifted(&self, now: Instant, refused: u64) -> Lifted {
        let lasted_ms = u64::try_from(now.since(self.since).as_millis()).unwrap_or(u64::MAX);
        Lifted { number: self.number, lasted_ms, refused: refused.saturating_sub(self.refused) }
    }
}

impl Control {
    fn steps(&self) -> impl Iterator<Item = Step> + use<> {
        let cap = self.cap.map(|_| Step::Cap);
        cap.into_iter().chain(self.deadline.map(|_| Step::Shed))
    }

    fn key(&self, step: Step) -> Key {
        (Arc::clone(&self.database), Arc::clone(&self.user), Arc::clone(&self.route), step)
    }

    fn action(&self, step: Step, number: u64, waiting: u32) -> Action {
        let frees = self.cap.filter(|_| step == Step::Cap);
        let slots = frees.map_or(0, |cap| self.held.saturating_sub(cap));
        let target = Culprit {
            route: Some(self.route.to_string()),
            user: Some(self.user.to_string()),
            database: Some(self.database.to_string()),
            ..Culprit::default()
        };
        let usual = match step {
            Step::Shed => Reason::QueueTooLong,
            // Only who holds slots for long is capped, whatever was seen of it since.
            Step::Cap | Step::Quarantine | Step::Evict | Step::Cancel | Step::Close => {
                Reason::HoldsLong
            }
        };
        let why = Some(self.seen.why).filter(|why| step == Step::Shed || blames(*why));
        Action {
            number,
            step,
            verdict: Verdict::Done,
            target,
            reason: why.and_then(Reason::of_dispatch).unwrap_or(usual),
            evidence: self.evidence(step),
            prediction: Prediction { slots, waiting, waiting_after: waiting.saturating_sub(slots) },
        }
    }

    fn evidence(&self, step: Step) -> Vec<Figure> {
        let figure = |measure, value: u32| Figure::new(measure, f64::from(value));
        let seconds = |measure, span: Duration| Figure::new(measure, span.as_secs_f64());
        let mut known = vec![
            figure(Measure::SlotsHeld, self.held),
            figure(Measure::Slots, self.seen.slots),
            seconds(Measure::HoldTime, self.seen.hold),
        ];
        known.extend(self.seen.usual.map(|usual| seconds(Measure::HoldUsual, usual)));
        let peers = self.seen.peers_percent.and_then(|percent| u32::try_from(percent).ok());
        known.extend(peers.map(|p| Figure::new(Measure::PeerInflation, f64::from(p) / 100.0)));
        match step {
            Step::Cap => known.extend(self.cap.map(|cap| figure(Measure::SlotsAllowed, cap))),
            Step::Shed => {
                known.extend(self.deadline.map(|longest| seconds(Measure::WaitAllowed, longest)));
            }
            Step::Quarantine | Step::Evict | Step::Cancel | Step::Close => {}
        }
        known
    }
}

/// The class itself is to blame.
const fn blames(why: Why) -> bool {
    match why {
        Why::Inflated | Why::Dominant => true,
        Why::Nothing | Why::Common | Why::Deserted | Why::Hopeless | Why::Shed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(held: u32, cap: Option<u32>, deadline: Option<u64>) -> Control {
        Control {
            database: "shop".into(),
            user: "app".into(),
            route: "bulk".into(),
            held,
            cap,
            deadline: deadline.map(Duration::from_millis),
            seen: Seen { why: Why::Dominant, slots: 20, ..Seen::default() },
        }
    }

    /// A log with a clock, and numbers from 1.
    #[derive(Default)]
    struct World {
        log: DispatchLog,
        seconds: u64,
        numbers: u64,
    }

    impl World {
        fn second(&mut self, controls: &[Control], waiting: u32, refused: u64) -> Vec<Note> {
            self.seconds += 1;
            let now = Instant::from_millis(self.seconds * 1000);
            let around = Around { waiting, class: &|_| ClassNow { held: 4, refused } };
            self.log.note(now, controls, around, || {
                self.numbers += 1;
                self.numbers
            })
        }
    }

    #[test]
    fn a_cap_is_told_when_it_is_set_measured_once_and_told_when_it_is_lifted() {
        let mut world = World::default();
        assert_eq!(world.second(&[], 0, 0), []);
        let set = world.second(&[control(18, Some(4), None)], 30, 5);
        let [Note::Action(action)] = &set[..] else { panic!("{set:?}") };
        assert_eq!((action.step, action.reason, action.number), (Step::Cap, Reason::HoldsMost, 1));
        assert_eq!(action.prediction, Prediction { slots: 14, waiting: 30, waiting_after: 16 });
        assert!(action.evidence.contains(&Figure::new(Measure::SlotsAllowed, 4.0)));
        assert_eq!(world.second(&[control(10, Some(3), None)], 20, 5), []);
        assert_eq!(world.second(&[control(6, Some(3), None)], 9, 5), []);
        let effect = Effect { number: 1, slots_freed: 15, waiting_before: 30, waiting_after: 1 };
        assert_eq!(world.second(&[control(3, Some(3), None)], 1, 5), [Note::Effect(effect)]);
        assert_eq!(world.second(&[control(3, Some(9), None)], 1, 5), []);
        let lifted = Lifted { number: 1, lasted_ms: 5_000, refused: 7 };
        assert_eq!(world.second(&[], 0, 12), [Note::Lifted(lifted)]);
        assert_eq!(world.second(&[], 0, 12), []);
    }

    #[test]
    fn early_refusals_are_an_action_of_their_own() {
        let mut world = World::default();
        let both = world.second(&[control(18, Some(4), Some(250))], 30, 0);
        let steps: Vec<Step> = both
            .iter()
            .map(|note| match note {
                Note::Action(action) => action.step,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(steps, [Step::Cap, Step::Shed]);
        let ends = world.second(&[control(4, Some(4), None)], 0, 40);
        let effect = Effect { number: 2, slots_freed: 0, waiting_before: 30, waiting_after: 0 };
        let lifted = Lifted { number: 2, lasted_ms: 1_000, refused: 40 };
        assert_eq!(ends, [Note::Effect(effect), Note::Lifted(lifted)]);
    }
}
