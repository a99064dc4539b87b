//! What was seen before an incident opened: the first deviation, the first wait, and what was done
//! about them.

use std::collections::VecDeque;
use std::time::Duration;

use super::desk::Note;
use super::event::EventKind;
use super::moment::Moment;
use super::signals::Signals;
use crate::config::limits::INCIDENT_ACTIONS_BEFORE;
use crate::diagnosis::{Finding, Severity};
use crate::time::Instant;

/// A sign that nothing followed for so long has nothing to do with what comes later.
const MEMORY: Duration = Duration::from_secs(300);

/// What was seen and done before the opening, each in the order of time.
#[derive(Debug, Default)]
pub(super) struct Before {
    pub(super) signs: Vec<(Moment, EventKind)>,
    pub(super) notes: VecDeque<(Moment, Note)>,
}

/// The first signs since all was well.
#[derive(Debug, Clone, Default)]
pub(super) struct Prelude {
    deviation: Option<(Moment, Box<Finding>)>,
    wait: Option<(Moment, u32)>,
    /// What was done, the oldest first.
    notes: VecDeque<(Moment, Note)>,
    /// When a sign was last seen.
    last: Instant,
}

impl Prelude {
    /// Takes one look.
    pub(super) fn see(&mut self, now: Moment, findings: &[Finding], signals: &Signals) {
        if now.mono - self.last > MEMORY {
            (self.deviation, self.wait) = (None, None);
        }
        let worst = findings.iter().max_by_key(|finding| finding.severity);
        if let Some(worst) = worst.filter(|finding| finding.severity > Severity::Info) {
            self.last = now.mono;
            self.deviation.get_or_insert_with(|| (now, Box::new(worst.clone())));
        }
        let waiting = signals.slots.clients_waiting();
        if waiting > 0 {
            self.last = now.mono;
            self.wait.get_or_insert((now, waiting));
        }
    }

    /// Takes what was done, with its effect and its end.
    pub(super) fn note(&mut self, now: Moment, note: Note) {
        match note {
            Note::Action(_) | Note::Effect(_) | Note::Lifted(_) => {
                self.notes.push_back((now, note));
            }
            Note::ConfigChanged(_) | Note::Counterfactuals(_) => {}
        }
        while self.notes.len() > INCIDENT_ACTIONS_BEFORE
            || self.notes.front().is_some_and(|(at, _)| now.mono - at.mono > MEMORY)
        {
            self.notes.pop_front();
        }
    }

    /// What was seen and done. Nothing is remembered afterwards.
    pub(super) fn take(&mut self) -> Before {
        let deviation = self.deviation.take();
        let deviation = deviation.map(|(at, finding)| (at, EventKind::FirstDeviation { finding }));
        let wait = self.wait.take().map(|(at, waiting)| (at, EventKind::FirstWait { waiting }));
        let mut signs: Vec<_> = deviation.into_iter().chain(wait).collect();
        signs.sort_by_key(|(at, _)| at.mono);
        Before { signs, notes: std::mem::take(&mut self.notes) }
    }
}
