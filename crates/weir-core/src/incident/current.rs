//! The incident at hand: events, suspects, impact and state as they grow.

use std::time::Duration;

use super::book::{Counterfactual, Incident, IncidentId};
use super::desk::{Look, Note, Record};
use super::event::{EventKind, Mode, seconds};
use super::flight::Recorder;
use super::impact::Tally;
use super::machine::{Machine, State, Step};
use super::moment::Moment;
use super::rules::Rules;
use super::signals::Server;
use super::suspects::Suspects;
use super::timeline::Timeline;
use crate::diagnosis::Finding;
use crate::time::Instant;

/// How often the summary is written down while nothing changes.
const SUMMARY_EVERY: Duration = Duration::from_secs(10);

/// How often the flight recorder is.
const FLIGHT_EVERY: Duration = Duration::from_secs(30);

/// An incident that grows.
#[derive(Debug)]
pub(super) struct Current {
    id: IncidentId,
    opened: Moment,
    /// The last moment that was seen.
    seen: Instant,
    machine: Machine,
    timeline: Timeline,
    suspects: Suspects,
    tally: Tally,
    reopened: u32,
    actions: u32,
    slots_freed: u32,
    counterfactuals: Vec<Counterfactual>,
    server_down: Option<Instant>,
    /// When people are told of the opening, should no cause be found before.
    tell_by: Option<Instant>,
    summary_at: Instant,
    flight_at: Instant,
}

impl Current {
    pub(super) fn open(
        id: IncidentId,
        now: Moment,
        rules: &Rules,
        signs: Vec<(Moment, EventKind)>,
        records: &mut Vec<Record>,
    ) -> Self {
        let mut current = Self {
            id,
            opened: now,
            seen: now.mono,
            machine: Machine::open(now.mono, rules),
            timeline: Timeline::default(),
            suspects: Suspects::default(),
            tally: Tally::default(),
            reopened: 0,
            actions: 0,
            slots_freed: 0,
            counterfactuals: Vec::new(),
            server_down: None,
            tell_by: Some(now.mono + rules.name_wait),
            summary_at: now.mono,
            flight_at: now.mono,
        };
        for (at, sign) in signs {
            current.event(at, sign, records);
        }
        current.event(now, EventKind::State { from: None, to: State::Open }, records);
        current
    }

    pub(super) const fn state(&self) -> State {
        self.machine.state()
    }

    pub(super) const fn state_since(&self) -> Instant {
        self.machine.since()
    }

    pub(super) fn reopen(&mut self, now: Moment, records: &mut Vec<Record>) {
        if let Some(step) = self.machine.reopen(now.mono) {
            self.reopened += 1;
            self.change(now, step, records);
        }
    }

    /// Takes one look.
    pub(super) fn look(&mut self, look: &Look<'_>, recorder: &Recorder, records: &mut Vec<Record>) {
        if self.state() == State::Closed {
            return;
        }
        let now = look.now;
        self.seen = now.mono;
        self.firsts(look, records);
        self.server(look, records);
        self.blame(now, look.findings, records);
        if let Some(step) = self.machine.observe(now.mono, look.trouble) {
            if step.to == State::Watching {
                let lasted = self.lasted();
                let calm = Moment { mono: self.opened.mono + lasted, ..now };
                let kind = EventKind::Recovered { seconds: seconds(lasted) };
                self.event(calm, kind, records);
            }
            self.change(now, step, records);
        }
        for percent in self.tally.add(look, self.lasted()) {
            self.event(now, EventKind::FailureRate { percent }, records);
        }
        self.tell_of_opening(now, records);
        self.write_down(now, recorder, records);
    }

    /// Takes what somebody did.
    pub(super) fn note(&mut self, now: Moment, note: Note, records: &mut Vec<Record>) {
        self.seen = now.mono;
        match note {
            Note::Action(action) => {
                let done = action.mode == Mode::Enforce;
                self.actions += 1;
                self.event(now, EventKind::Action(action), records);
                if done && let Some(step) = self.machine.act(now.mono) {
                    self.change(now, step, records);
                }
            }
            Note::Effect(effect) => {
                self.slots_freed = self.slots_freed.saturating_add(effect.slots_freed);
                self.event(now, EventKind::Effect(effect), records);
            }
            Note::ConfigChanged(what) => {
                self.event(now, EventKind::ConfigChanged { what }, records);
            }
            Note::Counterfactuals(known) if most(&known) >= most(&self.counterfactuals) => {
                self.counterfactuals = known;
            }
            Note::Counterfactuals(_) => {}
        }
    }

    /// What is known now.
    pub(super) fn incident(&self) -> Incident {
        let updated = self.opened.wall_at(self.seen);
        let closed = self.state() == State::Closed;
        Incident {
            id: self.id.clone(),
            state: self.state(),
            opened: self.opened.wall,
            updated,
            closed: closed.then(|| self.opened.wall_at(self.state_since())),
            reopened: self.reopened,
            suspects: self.suspects.as_slice().to_vec(),
            impact: self.tally.impact().clone(),
            actions: self.actions,
            slots_freed: self.slots_freed,
            counterfactuals: self.counterfactuals.clone(),
        }
    }

    /// From the opening to the last trouble.
    fn lasted(&self) -> Duration {
        self.machine.calm_since().unwrap_or(self.seen) - self.opened.mono
    }

    /// What happens for the first time.
    fn firsts(&mut self, look: &Look<'_>, records: &mut Vec<Record>) {
        let (signals, delta) = (look.signals, look.delta);
        if let Some(worst) = look.findings.iter().max_by_key(|finding| finding.severity) {
            let kind = EventKind::FirstDeviation { finding: Box::new(worst.clone()) };
            self.first(look.now, kind, records);
        }
        let waiting = signals.slots.clients_waiting();
        if waiting > 0 {
            self.first(look.now, EventKind::FirstWait { waiting }, records);
        }
        if let Some((used, limit)) = signals.connections.filter(|(used, limit)| used >= limit) {
            self.first(look.now, EventKind::LimitReached { used, limit }, records);
        }
        if delta.refused > 0 {
            self.first(look.now, EventKind::FirstRefusal { refused: delta.refused }, records);
        }
        if delta.failed > 0 {
            self.first(look.now, EventKind::FirstFailure { failed: delta.failed }, records);
        }
    }

    fn first(&mut self, now: Moment, kind: EventKind, records: &mut Vec<Record>) {
        let same = std::mem::discriminant(&kind);
        if !self.timeline.has(|known| std::mem::discriminant(known) == same) {
            self.event(now, kind, records);
        }
    }

    fn server(&mut self, look: &Look<'_>, records: &mut Vec<Record>) {
        match (look.signals.server, self.server_down) {
            (Server::Down, None) => {
                self.server_down = Some(look.now.mono);
                self.event(look.now, EventKind::ServerLost, records);
            }
            (Server::Up, Some(since)) => {
                self.server_down = None;
                let seconds = seconds(look.now.mono - since);
                self.event(look.now, EventKind::ServerBack { seconds }, records);
            }
            (Server::Down, Some(_)) | (Server::Up, None) | (Server::Unknown, _) => {}
        }
    }

    fn blame(&mut self, now: Moment, findings: &[Finding], records: &mut Vec<Record>) {
        let at = self.opened.wall_at(now.mono);
        for finding in self.suspects.see(findings, at) {
            if let Some(rank) = self.suspects.place(&finding) {
                let finding = Box::new(finding);
                self.event(now, EventKind::Offender { rank, finding }, records);
            }
        }
    }

    /// The opening is told as soon as a cause is known, else after a short wait.
    fn tell_of_opening(&mut self, now: Moment, records: &mut Vec<Record>) {
        if self.tell_by.is_some_and(|by| self.suspects.named() || now.mono >= by) {
            self.tell_by = None;
            records.push(Record::Tell(Box::new(self.incident())));
        }
    }

    /// The last chance to tell of an opening that waits for its cause.
    pub(super) fn leave(&mut self, records: &mut Vec<Record>) {
        if self.tell_by.take().is_some() {
            records.push(Record::Tell(Box::new(self.incident())));
        }
    }

    fn change(&mut self, now: Moment, step: Step, records: &mut Vec<Record>) {
        self.event(now, EventKind::State { from: Some(step.from), to: step.to }, records);
        let incident = self.incident();
        records.push(Record::Incident(Box::new(incident.clone())));
        // An opening that nobody was told of yet is told with this.
        self.tell_by = None;
        records.push(Record::Tell(Box::new(incident)));
    }

    fn write_down(&mut self, now: Moment, recorder: &Recorder, records: &mut Vec<Record>) {
        let closed = self.state() == State::Closed;
        if closed || now.mono >= self.summary_at {
            self.summary_at = now.mono + SUMMARY_EVERY;
            records.push(Record::Incident(Box::new(self.incident())));
        }
        if closed || now.mono >= self.flight_at {
            self.flight_at = now.mono + FLIGHT_EVERY;
            let flight = recorder.flight(self.opened.mono, self.machine.calm_since());
            records.push(Record::Flight(self.id.clone(), Box::new(flight)));
        }
    }

    fn event(&mut self, now: Moment, kind: EventKind, records: &mut Vec<Record>) {
        let at = self.opened.wall_at(now.mono);
        let added = self.timeline.add(at, kind);
        records.extend(added.into_iter().map(|event| Record::Event(self.id.clone(), event)));
    }
}

/// The slots that were needed when they were needed most.
fn most(known: &[Counterfactual]) -> f64 {
    known.iter().map(|one| one.needed).fold(0.0, f64::max)
}
