//! The events of one incident, in their order, within a bound.

use super::event::{Event, EventKind};
use super::moment::Wall;
use crate::config::limits::INCIDENT_EVENTS;

/// What has happened so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    events: Vec<Event>,
    left_out: u64,
}

impl Timeline {
    /// Adds an event and gives it back with its number; `None` when there is no room for it. What
    /// was left out is told before the next change of state, for which there is always room.
    pub(super) fn add(&mut self, at: Wall, kind: EventKind) -> Vec<Event> {
        let essential = matches!(kind, EventKind::State { .. } | EventKind::Recovered { .. });
        if self.events.len() >= INCIDENT_EVENTS && !essential {
            self.left_out += 1;
            return Vec::new();
        }
        let mut added = Vec::new();
        if essential && self.left_out > 0 {
            let count = std::mem::take(&mut self.left_out);
            added.push(self.push(at, EventKind::LeftOut { count }));
        }
        added.push(self.push(at, kind));
        added
    }

    /// Counts an event that is not kept.
    pub(super) const fn leave_out(&mut self) {
        self.left_out += 1;
    }

    pub(super) fn has(&self, is: impl Fn(&EventKind) -> bool) -> bool {
        self.events.iter().any(|event| is(&event.kind))
    }

    fn push(&mut self, at: Wall, kind: EventKind) -> Event {
        let seq = u32::try_from(self.events.len() + 1).unwrap_or(u32::MAX);
        // Times of one incident never run backwards, whatever was noted late.
        let at = self.events.last().map_or(at, |last| last.at.max(at));
        let event = Event { seq, at, severity: kind.severity(), kind };
        self.events.push(event.clone());
        event
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::State;

    #[test]
    fn beyond_the_bound_only_changes_of_state_are_kept_and_the_rest_is_counted() {
        let mut timeline = Timeline::default();
        let config = || EventKind::ConfigChanged { what: "x".into() };
        for second in 0..INCIDENT_EVENTS as u64 + 7 {
            timeline.add(Wall(second), config());
        }
        let to_closed = EventKind::State { from: Some(State::Watching), to: State::Closed };
        let last = timeline.add(Wall(9_999_999), to_closed);
        assert_eq!(last[0].kind, EventKind::LeftOut { count: 7 });
        assert_eq!((last.len(), last[1].seq as usize), (2, INCIDENT_EVENTS + 2));
    }

    #[test]
    fn time_does_not_run_backwards() {
        let mut timeline = Timeline::default();
        timeline.add(Wall(50), EventKind::ServerLost);
        let late = timeline.add(Wall(40), EventKind::ServerBack { seconds: 1 });
        assert_eq!((late[0].seq, late[0].at), (2, Wall(50)));
    }
}
