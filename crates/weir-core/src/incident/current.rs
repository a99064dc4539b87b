//! The incident at hand: events, suspects, impact and state as they grow.

use std::collections::VecDeque;
use std::time::Duration;

use super::action::{Effect, Lifted};
use super::book::{Counterfactual, Incident, IncidentId};
use super::desk::{Look, Note, Record};
use super::event::{EventKind, seconds};
use super::flight::Recorder;
use super::impact::Tally;
use super::machine::{Machine, State, Step};
use super::moment::{Moment, Wall};
use super::prelude::Before;
use super::rules::Rules;
use super::signals::Server;
use super::suspects::Suspects;
use super::timeline::Timeline;
use crate::config::limits::INCIDENT_ACTIONS;
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
    /// The process's numbers of its actions; their places from 1 are its own.
    actions: Vec<u64>,
    slots_freed: u32,
    counterfactuals: Vec<Counterfactual>,
    server_down: Option<Instant>,
    /// When people are told of the opening, should no cause be found before.
    tell_by: Option<Instant>,
    /// How long that waits.
    name_wait: Duration,
    /// When it opened, or trouble last came back.
    stretch: Wall,
    /// Something happened since the summary was written down.
    grew: bool,
    summary_at: Instant,
    flight_at: Instant,
}

impl Current {
    pub(super) fn open(
        id: IncidentId,
        now: Moment,
        rules: &Rules,
        before: Before,
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
            actions: Vec::new(),
            slots_freed: 0,
            counterfactuals: Vec::new(),
            server_down: None,
            tell_by: Some(now.mono + rules.name_wait),
            name_wait: rules.name_wait,
            stretch: now.wall,
            grew: false,
            summary_at: now.mono,
            flight_at: now.mono,
        };
        let Before { signs, mut notes } = before;
        let acts = in_force(&notes);
        for (at, sign) in signs {
            while notes.front().is_some_and(|(done, _)| done.mono <= at.mono) {
                current.catch_up(notes.pop_front(), records);
            }
            current.event(at, sign, records);
        }
        notes.into_iter().for_each(|note| current.catch_up(Some(note), records));
        current.event(now, EventKind::State { from: None, to: State::Open }, records);
        current.act(now, acts, records);
        current
    }

    pub(super) const fn state(&self) -> State {
        self.machine.state()
    }

    pub(super) const fn state_since(&self) -> Instant {
        self.machine.since()
    }

    pub(super) fn reopen(
        &mut self,
        now: Moment,
        notes: VecDeque<(Moment, Note)>,
        records: &mut Vec<Record>,
    ) {
        let acts = in_force(&notes);
        notes.into_iter().for_each(|note| self.catch_up(Some(note), records));
        if let Some(step) = self.machine.reopen(now.mono) {
            self.reopened += 1;
            self.come_back(now, step, records);
        }
        self.act(now, acts, records);
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
                self.change(now, step, records);
            } else if step.from == State::Watching && step.to != State::Closed {
                self.come_back(now, step, records);
            } else {
                self.change(now, step, records);
            }
        }
        if let Some(percent) = self.tally.add(look, self.lasted()) {
            self.event(now, EventKind::FailureRate { percent }, records);
        }
        self.tell_of_opening(now, records);
        self.write_down(now, recorder, records);
    }

    /// Takes what somebody did.
    pub(super) fn note(&mut self, now: Moment, note: Note, records: &mut Vec<Record>) {
        self.seen = now.mono;
        let acts = matches!(&note, Note::Action(action) if action.is_done());
        self.write(now, note, records);
        self.act(now, acts, records);
        if self.grew {
            self.sum_up(now, records);
        }
    }

    /// Takes what was done before the opening.
    fn catch_up(&mut self, done: Option<(Moment, Note)>, records: &mut Vec<Record>) {
        if let Some((at, note)) = done {
            self.write(at, note, records);
        }
    }

    fn write(&mut self, at: Moment, note: Note, records: &mut Vec<Record>) {
        match note {
            Note::Action(mut action) => {
                if self.actions.len() < INCIDENT_ACTIONS {
                    self.actions.push(action.number);
                    action.number = self.actions.len() as u64;
                    self.event(at, EventKind::Action(action), records);
                } else {
                    self.timeline.leave_out();
                }
            }
            Note::Effect(effect) => {
                // What belongs to no action of this incident is no event of it.
                let Some(number) = self.number(effect.number) else { return };
                self.slots_freed = self.slots_freed.saturating_add(effect.slots_freed);
                self.event(at, EventKind::Effect(Effect { number, ..effect }), records);
            }
            Note::Lifted(lifted) => {
                let Some(number) = self.number(lifted.number) else { return };
                self.event(at, EventKind::Lifted(Lifted { number, ..lifted }), records);
            }
            Note::ConfigChanged(what) => {
                self.event(at, EventKind::ConfigChanged { what }, records);
            }
            Note::Counterfactuals(known) if most(&known) >= most(&self.counterfactuals) => {
                self.counterfactuals = known;
            }
            Note::Counterfactuals(_) => {}
        }
    }

    /// Its own number for an action of the process.
    fn number(&self, of_process: u64) -> Option<u64> {
        let place = self.actions.iter().position(|&known| known == of_process)?;
        Some(place as u64 + 1)
    }

    /// Somebody acts. The message about an opening that waits for its cause goes on waiting.
    fn act(&mut self, now: Moment, acts: bool, records: &mut Vec<Record>) {
        if acts && let Some(step) = self.machine.act(now.mono) {
            let waits = self.tell_by.is_some();
            self.change_quietly(now, step, records);
            if !waits {
                self.tell(records);
            }
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
            suspects: self.suspects.told((!closed).then_some(self.stretch)),
            impact: self.tally.impact().clone(),
            actions: u32::try_from(self.actions.len()).unwrap_or(u32::MAX),
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
            if let Some(rank) = self.suspects.place(&finding, self.stretch) {
                let finding = Box::new(finding);
                self.event(now, EventKind::Offender { rank, finding }, records);
            }
        }
    }

    /// Trouble is here again. Its cause may be another one than before, so people are told as of
    /// an opening: when it is known.
    fn come_back(&mut self, now: Moment, step: Step, records: &mut Vec<Record>) {
        self.stretch = self.opened.wall_at(now.mono);
        self.tell_by = Some(now.mono + self.name_wait);
        self.change_quietly(now, step, records);
    }

    /// The opening is told as soon as a cause is known, else after a short wait.
    fn tell_of_opening(&mut self, now: Moment, records: &mut Vec<Record>) {
        let named = || self.suspects.named_since(self.stretch);
        if self.tell_by.is_some_and(|by| named() || now.mono >= by) {
            self.tell_by = None;
            self.tell(records);
        }
    }

    /// The last chance to tell of an opening that waits for its cause.
    pub(super) fn leave(&mut self, records: &mut Vec<Record>) {
        if self.tell_by.take().is_some() {
            self.tell(records);
        }
    }

    /// People are told of the trouble at hand, also of its end: of what they were told last. The
    /// record leads with the worst of the whole time once it is closed.
    fn tell(&self, records: &mut Vec<Record>) {
        let suspects = self.suspects.told(Some(self.stretch));
        records.push(Record::Tell(Box::new(Incident { suspects, ..self.incident() })));
    }

    fn change(&mut self, now: Moment, step: Step, records: &mut Vec<Record>) {
        self.change_quietly(now, step, records);
        // An opening that nobody was told of yet is told with this.
        self.tell_by = None;
        self.tell(records);
    }

    fn change_quietly(&mut self, now: Moment, step: Step, records: &mut Vec<Record>) {
        self.event(now, EventKind::State { from: Some(step.from), to: step.to }, records);
    }

    /// The summary never lags behind the events that are written down with it.
    fn write_down(&mut self, now: Moment, recorder: &Recorder, records: &mut Vec<Record>) {
        let closed = self.state() == State::Closed;
        if closed || self.grew || now.mono >= self.summary_at {
            self.sum_up(now, records);
        }
        if closed || now.mono >= self.flight_at {
            self.flight_at = now.mono + FLIGHT_EVERY;
            let flight = recorder.flight(self.opened.mono, self.machine.calm_since());
            records.push(Record::Flight(self.id.clone(), Box::new(flight)));
        }
    }

    fn sum_up(&mut self, now: Moment, records: &mut Vec<Record>) {
        self.grew = false;
        self.summary_at = now.mono + SUMMARY_EVERY;
        records.push(Record::Incident(Box::new(self.incident())));
    }

    fn event(&mut self, now: Moment, kind: EventKind, records: &mut Vec<Record>) {
        let at = self.opened.wall_at(now.mono);
        let added = self.timeline.add(at, kind);
        self.grew |= !added.is_empty();
        records.extend(added.into_iter().map(|event| Record::Event(self.id.clone(), event)));
    }
}

/// Something was done and lasts, or has no end of its own.
fn in_force(notes: &VecDeque<(Moment, Note)>) -> bool {
    let lifted = |number| {
        notes.iter().any(|(_, note)| match note {
            Note::Lifted(lifted) => lifted.number == number,
            Note::Action(_)
            | Note::Effect(_)
            | Note::ConfigChanged(_)
            | Note::Counterfactuals(_) => false,
        })
    };
    notes.iter().any(|(_, note)| match note {
        Note::Action(action) => action.is_done() && !lifted(action.number),
        Note::Effect(_) | Note::Lifted(_) | Note::ConfigChanged(_) | Note::Counterfactuals(_) => {
            false
        }
    })
}

/// The slots that were needed when they were needed most.
fn most(known: &[Counterfactual]) -> f64 {
    known.iter().map(|one| one.needed).fold(0.0, f64::max)
}
