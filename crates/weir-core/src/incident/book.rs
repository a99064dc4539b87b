//! One incident as a whole: what is stored, listed, sent and reported.

use serde::{Deserialize, Serialize};

use super::desk::Record;
use super::event::{Event, EventKind};
use super::impact::Impact;
use super::machine::State;
use super::moment::Wall;
use super::suspects::Suspect;

/// The name of an incident: when it opened, and four digits of chance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub String);

impl IncidentId {
    pub(super) fn new(opened: Wall, chance: u64) -> Self {
        Self(format!("{}-{:04x}", opened.digits(), chance & 0xffff))
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How many slots would have been enough, had one thing been otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counterfactual {
    /// What would have been otherwise.
    pub change: Change,
    /// Slots needed as it was.
    pub needed: f64,
    /// Slots needed then.
    pub needed_then: f64,
}

/// What could have been otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// No transaction waits for its application.
    NoWaitInTransaction,
    /// This one gap is moved out of the transaction.
    NoGap {
        /// The route.
        route: String,
        /// The statement before the gap.
        before: String,
    },
    /// No transaction is silent for longer than this.
    IdleLimit {
        /// Milliseconds.
        millis: u64,
    },
    /// A slot is taken with the first statement after BEGIN.
    DeferredBegin,
    /// Readers are fast.
    NoSlowReader,
}

/// What is known of one incident at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// Its state.
    pub state: State,
    /// When it opened.
    pub opened: Wall,
    /// When this was written down.
    pub updated: Wall,
    /// When it closed.
    pub closed: Option<Wall>,
    /// How often it came back after closing.
    pub reopened: u32,
    /// Who is behind it, the strongest first.
    pub suspects: Vec<Suspect>,
    /// Who was hurt.
    pub impact: Impact,
    /// Actions that were done, and those that were only foretold.
    pub actions: u32,
    /// Slots that the actions freed.
    pub slots_freed: u32,
    /// What would have been enough, where the ledger knows.
    pub counterfactuals: Vec<Counterfactual>,
}

impl Incident {
    /// The strongest suspect that is more than a symptom; else the strongest.
    #[must_use]
    pub fn lead(&self) -> Option<&Suspect> {
        let cause = self.suspects.iter().find(|suspect| !suspect.finding.cause.is_symptom());
        cause.or(self.suspects.first())
    }
}

/// What is written down of an incident that was open when its process ended: that it was, and
/// that it is closed. `events` is how many it has.
#[must_use]
pub fn interrupted(incident: &Incident, events: u32, now: Wall) -> Vec<Record> {
    let event = |seq, kind: EventKind| {
        Record::Event(
            incident.id.clone(),
            Event { seq, at: now.max(incident.updated), severity: kind.severity(), kind },
        )
    };
    let to_closed = EventKind::State { from: Some(incident.state), to: State::Closed };
    let closed =
        Incident { state: State::Closed, closed: Some(incident.updated), ..incident.clone() };
    vec![
        event(events + 1, EventKind::Interrupted),
        event(events + 2, to_closed),
        Record::Incident(Box::new(closed)),
    ]
}
