//! The desk as a whole, over virtual time.

mod clock;
mod flapping;
mod story;

use super::*;
use crate::diagnosis::{Cause, Culprit, Finding, Measure, Severity};
use crate::healing::{Mode, Prediction, Step, Verdict, Withheld};
use crate::time::Instant;

/// A desk with a clock of its own.
struct World {
    desk: IncidentDesk,
    millis: u64,
    /// How far somebody has set the calendar forward or back, milliseconds.
    set_ms: i64,
    signals: Signals,
    records: Vec<Record>,
}

const START: u64 = 1_750_000_000_000;

impl World {
    fn new() -> Self {
        let desk = IncidentDesk::new(Rules::default(), 7);
        Self { desk, millis: 1_000, set_ms: 0, signals: Signals::default(), records: Vec::new() }
    }

    fn now(&self) -> Moment {
        let wall = (START + self.millis).saturating_add_signed(self.set_ms);
        Moment { mono: Instant::from_millis(self.millis), wall: Wall(wall) }
    }

    /// So many requests of which so many are refused, then a look, then a second passes.
    fn second(&mut self, requests: u64, refused: u64, findings: &[Finding]) {
        self.signals.requests_total += requests;
        self.signals.refused_total += refused;
        let now = self.now();
        self.records.extend(self.desk.observe(now, findings, &self.signals));
        self.millis += 1_000;
    }

    fn note(&mut self, note: Note) {
        let now = self.now();
        self.records.extend(self.desk.note(now, note));
    }

    fn told(&self) -> Vec<State> {
        let tell = |record: &Record| match record {
            Record::Tell(incident) => Some(incident.state),
            Record::Event(..) | Record::Incident(_) | Record::Flight(..) => None,
        };
        self.records.iter().filter_map(tell).collect()
    }

    fn events(&self) -> Vec<&Event> {
        fn event(record: &Record) -> Option<&Event> {
            match record {
                Record::Event(_, event) => Some(event),
                Record::Incident(_) | Record::Flight(..) | Record::Tell(_) => None,
            }
        }
        self.records.iter().filter_map(event).collect()
    }

    fn last(&self) -> &Incident {
        fn whole(record: &Record) -> Option<&Incident> {
            match record {
                Record::Incident(incident) => Some(incident),
                Record::Event(..) | Record::Flight(..) | Record::Tell(_) => None,
            }
        }
        self.records.iter().rev().find_map(whole).expect("an incident was written down")
    }
}

fn finding(cause: Cause, severity: Severity, route: &str, explained: f64) -> Finding {
    let culprit = Culprit { route: Some(route.into()), ..Culprit::default() };
    Finding::new(cause, severity, "something is wrong")
        .culprit(culprit)
        .figure(Measure::Explained, explained)
}
