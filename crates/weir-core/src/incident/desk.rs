//! The desk: findings and signals in, a record of incidents out. At most one is open at a time.
//!
//! Deterministic: the same input gives the same record. What comes back is to be stored first and
//! told afterwards, so that nothing is ever shown that a crash could take away.

use super::action::{Action, Effect, Lifted};
use super::book::{Counterfactual, Incident, IncidentId};
use super::current::Current;
use super::event::Event;
use super::flight::{Flight, Recorder};
use super::machine::State;
use super::moment::Moment;
use super::prelude::Prelude;
use super::rules::Rules;
use super::signals::{Delta, Server, Signals, Totals};
use crate::diagnosis::Finding;

/// What others tell the desk.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// The healer or the dispatch acts.
    Action(Box<Action>),
    /// What an action changed.
    Effect(Effect),
    /// An action that lasts is over.
    Lifted(Lifted),
    /// The configuration was changed: what, in one line.
    ConfigChanged(String),
    /// What would have been enough, from the ledger. What was said when most was needed is kept.
    Counterfactuals(Vec<Counterfactual>),
}

/// What the desk hands out.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Something happened: to append.
    Event(IncidentId, Event),
    /// What is known now: the last one counts.
    Incident(Box<Incident>),
    /// The flight recorder: the last one counts.
    Flight(IncidentId, Box<Flight>),
    /// People are to be told.
    Tell(Box<Incident>),
}

/// Keeps incidents.
#[derive(Debug)]
pub struct IncidentDesk {
    rules: Rules,
    seed: u64,
    totals: Totals,
    recorder: Recorder,
    prelude: Prelude,
    /// The last one, open or closed.
    current: Option<Current>,
}

impl IncidentDesk {
    /// A desk without incidents. The seed gives them their names.
    #[must_use]
    pub fn new(rules: Rules, seed: u64) -> Self {
        Self {
            rules,
            seed,
            totals: Totals::default(),
            recorder: Recorder::default(),
            prelude: Prelude::default(),
            current: None,
        }
    }

    /// Takes other rules. An open incident keeps the times it has.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The incident that is open now.
    #[must_use]
    pub fn open_incident(&self) -> Option<Incident> {
        let current = self.current.as_ref()?;
        (current.state() != State::Closed).then(|| current.incident())
    }

    /// Takes one look: each second, in the order of time.
    pub fn observe(&mut self, now: Moment, findings: &[Finding], signals: &Signals) -> Vec<Record> {
        let delta = self.totals.advance(signals);
        let trouble = self.is_trouble(findings, signals, delta);
        let is_open = self.current.as_ref().is_some_and(|one| one.state() != State::Closed);
        self.recorder.add(now.mono, delta, signals, is_open || trouble);
        self.prelude.see(now, findings, signals);
        let look = Look { now, findings, signals, delta, trouble };
        let mut records = Vec::new();
        if trouble && !is_open {
            self.open(now, &mut records);
        }
        if let Some(current) = &mut self.current {
            current.look(&look, &self.recorder, &mut records);
        }
        records
    }

    /// Takes what somebody did. Without an open incident, actions are kept for a while: one may
    /// open because of what they could not prevent. Anything else is nobody's event.
    pub fn note(&mut self, now: Moment, note: Note) -> Vec<Record> {
        let mut records = Vec::new();
        match &mut self.current {
            Some(current) if current.state() != State::Closed => {
                current.note(now, note, &mut records);
            }
            Some(_) | None => self.prelude.note(now, note),
        }
        records
    }

    /// Nothing will be observed any more: tells what still waits to be told.
    pub fn leave(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        if let Some(current) = &mut self.current {
            current.leave(&mut records);
        }
        records
    }

    fn is_trouble(&self, findings: &[Finding], signals: &Signals, delta: Delta) -> bool {
        delta.lost() > 0
            || signals.server == Server::Down
            || findings.iter().any(|finding| finding.severity >= self.rules.open_at)
    }

    /// Opens a new incident, or the last one again where it closed a short time ago.
    fn open(&mut self, now: Moment, records: &mut Vec<Record>) {
        let before = self.prelude.take();
        if let Some(current) = &mut self.current
            && now.mono - current.state_since() < self.rules.reopen
        {
            current.reopen(now, before.notes, records);
            return;
        }
        let id = IncidentId::new(now.wall, self.chance());
        self.current = Some(Current::open(id, now, &self.rules, before, records));
    }

    /// Vigna's SplitMix64.
    fn chance(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// One look, as the incident sees it.
pub(super) struct Look<'a> {
    pub(super) now: Moment,
    pub(super) findings: &'a [Finding],
    pub(super) signals: &'a Signals,
    pub(super) delta: Delta,
    pub(super) trouble: bool,
}
