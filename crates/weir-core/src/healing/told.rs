//! A record in the words of incidents.

use crate::incident::{self, Intervention};

use super::ladder::{Mode, Step};
use super::outcome::{Record, Subject, Verdict};

impl Record {
    /// What is written into the timeline of an incident when it is made; nothing for what was held
    /// back.
    #[must_use]
    pub fn action(&self) -> Option<incident::Action> {
        let mode = match self.verdict {
            Verdict::Done | Verdict::Only(Mode::Enforce) => incident::Mode::Enforce,
            Verdict::Only(Mode::Warn) => incident::Mode::Warn,
            Verdict::Only(Mode::Observe) => incident::Mode::Observe,
            Verdict::Withheld(_) => return None,
        };
        Some(incident::Action {
            number: self.number,
            intervention: self.step.into(),
            mode,
            target: self.target(),
            reason: self.why.clone(),
            slots_expected: self.prediction.slots,
        })
    }

    /// What is written there when its effect is known.
    #[must_use]
    pub fn effect(&self) -> Option<incident::Effect> {
        let effect = self.effect?;
        let done = self.verdict == Verdict::Done && effect.freed;
        Some(incident::Effect {
            number: self.number,
            slots_freed: if done { self.prediction.slots } else { 0 },
            waiting_before: self.prediction.waiting,
            waiting_after: effect.waiting,
        })
    }

    /// What it is about, for people.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.subject, self.who.client) {
            (Subject::Holder(_), Some(client)) => {
                format!("route {}, client {} of {}", self.route, client.0, self.who.address)
            }
            (Subject::Holder(_), None) => format!("route {}", self.route),
            (Subject::Route(route), _) => format!("route {route}"),
            (Subject::Fingerprint(fingerprint), _) => {
                format!("statement {fingerprint} of route {}", self.route)
            }
        }
    }
}

impl From<Step> for Intervention {
    fn from(step: Step) -> Self {
        match step {
            Step::Shed => Self::Shed,
            Step::Cap => Self::Cap,
            Step::Quarantine => Self::Quarantine,
            Step::Evict => Self::Evict,
            Step::Cancel => Self::Cancel,
            Step::Close => Self::CloseConnection,
        }
    }
}
