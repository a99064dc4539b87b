//! The steps, from mild to hard, and what each may do.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// How many there are.
    pub const COUNT: usize = 6;

    /// All of them, the mildest first.
    pub const ALL: [Self; Self::COUNT] =
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

    /// Its word in the configuration, on the console and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shed => "shed",
            Self::Cap => "cap",
            Self::Quarantine => "quarantine",
            Self::Evict => "evict",
            Self::Cancel => "cancel",
            Self::Close => "close",
        }
    }
}

/// How far a step goes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is recorded what would have been done.
    Observe,
    /// The same, and the log is told.
    Warn,
    /// It is done.
    Enforce,
}

impl Mode {
    /// Its word in the configuration, on the console and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

/// The mode of each step, with exceptions for classes by their names. By default steps that refuse
/// or cap are enforced, and steps that end work only warn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    steps: [Mode; Step::COUNT],
    classes: BTreeMap<Box<str>, BTreeMap<Step, Mode>>,
}

impl Default for Ladder {
    fn default() -> Self {
        let mode = |step: Step| if step.is_destructive() { Mode::Warn } else { Mode::Enforce };
        Self { steps: Step::ALL.map(mode), classes: BTreeMap::new() }
    }
}

impl Ladder {
    /// Sets the mode of a step for all classes without one of their own.
    pub fn set(&mut self, step: Step, mode: Mode) {
        self.steps[step as usize] = mode;
    }

    /// Sets the mode of a step for one class.
    pub fn set_class(&mut self, class: &str, step: Step, mode: Mode) {
        self.classes.entry(class.into()).or_default().insert(step, mode);
    }

    /// The mode of a step for a class.
    #[must_use]
    pub fn mode(&self, class: &str, step: Step) -> Mode {
        let own = self.classes.get(class).and_then(|steps| steps.get(&step));
        own.copied().unwrap_or_else(|| self.usual(step))
    }

    /// The mode of a step for classes without one of their own.
    #[must_use]
    pub const fn usual(&self, step: Step) -> Mode {
        self.steps[step as usize]
    }
}
