//! What holds the healer back: a budget of destructive actions, a breaker, a freeze switch.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Instant;

use super::ladder::Step;

const MINUTE: Duration = Duration::from_secs(60);

/// How much the healer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// Destructive actions in any minute. Default 10.
    pub destructive_per_minute: u32,
    /// Destructive actions in a row without effect that open the breaker. Default 3.
    pub fruitless_max: u32,
}

impl Default for Envelope {
    fn default() -> Self {
        Self { destructive_per_minute: 10, fruitless_max: 3 }
    }
}

/// Why something is not done although it fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Withheld {
    /// An operator froze the healer.
    Frozen,
    /// What was done lately did not help; an operator must look and close the breaker.
    Breaker,
    /// The budget of this minute is used up.
    Budget,
}

impl Withheld {
    /// In a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Frozen => "frozen",
            Self::Breaker => "breaker",
            Self::Budget => "budget",
        }
    }
}

/// The healer's brakes.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    envelope: Envelope,
    frozen: bool,
    fruitless: u32,
    recent: VecDeque<Instant>,
}

impl Guard {
    /// Brakes for this envelope.
    #[must_use]
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, ..Self::default() }
    }

    /// Takes another budget and breaker.
    pub const fn set_envelope(&mut self, envelope: Envelope) {
        self.envelope = envelope;
    }

    /// FREEZE and UNFREEZE.
    pub const fn freeze(&mut self, frozen: bool) {
        self.frozen = frozen;
    }

    /// An operator froze the healer.
    #[must_use]
    pub const fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// An operator has looked: the breaker closes.
    pub const fn reset(&mut self) {
        self.fruitless = 0;
    }

    /// True when the healer has stopped because what it did had no effect.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.fruitless >= self.envelope.fruitless_max
    }

    /// Why a step may not be done now.
    #[must_use]
    pub fn withholds(&self, now: Instant, step: Step) -> Option<Withheld> {
        if self.frozen {
            return Some(Withheld::Frozen);
        }
        if !step.is_destructive() {
            return None;
        }
        let recent = self.recent.iter().filter(|&&at| now.since(at) < MINUTE).count();
        if self.is_open() {
            Some(Withheld::Breaker)
        } else if recent >= self.envelope.destructive_per_minute as usize {
            Some(Withheld::Budget)
        } else {
            None
        }
    }

    /// A step is done.
    pub fn did(&mut self, now: Instant, step: Step) {
        while self.recent.front().is_some_and(|&at| now.since(at) >= MINUTE) {
            self.recent.pop_front();
        }
        if step.is_destructive() {
            self.recent.push_back(now);
        }
    }

    /// The effect of a destructive step is known. True when the breaker opens by it.
    pub const fn learnt(&mut self, helped: bool) -> bool {
        let was_open = self.is_open();
        self.fruitless = if helped { 0 } else { self.fruitless.saturating_add(1) };
        self.is_open() && !was_open
    }
}
