//! The steps, from mild to hard, and what each may do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::ClassId;

/// What can be done, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Refuse claims at the door.
    Shed,
    /// Limit the slots of a class.
    Cap,
    /// Let a class in one at a time.
    Quarantine,
    /// Roll back an idle transaction and take its slot; the client stays connected.
    Evict,
    /// Cancel a statement.
    Cancel,
    /// Close a server connection that a cancel cannot free.
    Close,
}

impl Step {
    /// All of them, the mildest first.
    pub const ALL: [Self; 6] =
        [Self::Shed, Self::Cap, Self::Quarantine, Self::Evict, Self::Cancel, Self::Close];

    /// True when it ends work that was begun.
    #[must_use]
    pub const fn is_destructive(self) -> bool {
        match self {
            Self::Shed | Self::Cap | Self::Quarantine => false,
            Self::Evict | Self::Cancel | Self::Close => true,
        }
    }

    /// How long what it did lasts, unless it is done again.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        match self {
            Self::Shed | Self::Cap => Duration::from_secs(1),
            Self::Quarantine => Duration::from_secs(30),
            Self::Evict | Self::Cancel | Self::Close => Duration::ZERO,
        }
    }
}

/// How far a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is recorded what would have been done.
    Observe,
    /// The same, and people are told.
    Warn,
    /// It is done.
    Enforce,
}

/// The mode of each step, with exceptions for classes. By default steps that refuse or cap are
/// enforced, and steps that end work only warn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ladder {
    steps: BTreeMap<Step, Mode>,
    classes: BTreeMap<(ClassId, Step), Mode>,
}

impl Ladder {
    /// Sets the mode of a step for all classes without one of their own.
    pub fn set(&mut self, step: Step, mode: Mode) {
        self.steps.insert(step, mode);
    }

    /// Sets the mode of a step for one class; none takes it back.
    pub fn set_class(&mut self, class: ClassId, step: Step, mode: Option<Mode>) {
        match mode {
            Some(mode) => self.classes.insert((class, step), mode),
            None => self.classes.remove(&(class, step)),
        };
    }

    /// The mode of a step for a class.
    #[must_use]
    pub fn mode(&self, class: ClassId, step: Step) -> Mode {
        let usual = if step.is_destructive() { Mode::Warn } else { Mode::Enforce };
        let own = self.classes.get(&(class, step)).or_else(|| self.steps.get(&step));
        own.copied().unwrap_or(usual)
    }
}
