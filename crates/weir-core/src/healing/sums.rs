//! What was done, and what it would have saved where it was not: sums of the last seven days.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Instant;

use super::ladder::{Mode, Step};
use super::outcome::{Record, Verdict};

const DAY_NANOS: u64 = 86_400_000_000_000;
/// Days that are kept.
const DAYS: usize = 7;

/// What became of actions, for sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tallied {
    /// Done.
    Done,
    /// Recorded only.
    Observed,
    /// Recorded and told.
    Warned,
    /// Held back by the brakes.
    Withheld,
}

impl Tallied {
    /// How many there are.
    pub const COUNT: usize = 4;

    /// All of them.
    pub const ALL: [Self; Self::COUNT] = [Self::Done, Self::Observed, Self::Warned, Self::Withheld];

    /// Its word on the console and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Observed => "observed",
            Self::Warned => "warned",
            Self::Withheld => "withheld",
        }
    }
}

impl From<Verdict> for Tallied {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Done | Verdict::Only(Mode::Enforce) => Self::Done,
            Verdict::Only(Mode::Observe) => Self::Observed,
            Verdict::Only(Mode::Warn) => Self::Warned,
            Verdict::Withheld(_) => Self::Withheld,
        }
    }
}

/// Actions of one step that ended alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Those whose effect is known.
    pub measured: u64,
    /// Those after which fewer waited, or shorter.
    pub helped: u64,
    /// Slots they were to free.
    pub slots: u64,
    /// How long slots were held on while somebody waited.
    pub kept: Duration,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.measured += other.measured;
        self.helped += other.helped;
        self.slots += other.slots;
        self.kept = self.kept.saturating_add(other.kept);
    }
}

/// Sums by step and by what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sums([[Sum; Tallied::COUNT]; Step::COUNT]);

impl Sums {
    /// One of them.
    #[must_use]
    pub const fn get(&self, step: Step, how: Tallied) -> &Sum {
        &self.0[step as usize][how as usize]
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Step, Tallied, &Sum)> {
        Step::ALL.into_iter().flat_map(move |step| {
            Tallied::ALL.into_iter().map(move |how| (step, how, self.get(step, how)))
        })
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        for (step, how, sum) in other.iter() {
            self.0[step as usize][how as usize].add(sum);
        }
    }

    fn of(&mut self, record: &Record) -> &mut Sum {
        &mut self.0[record.step as usize][Tallied::from(record.verdict) as usize]
    }
}

/// Sums since the start and of the last days.
#[derive(Debug, Clone, Default)]
pub(super) struct Calendar {
    total: Sums,
    days: VecDeque<(u64, Sums)>,
}

impl Calendar {
    /// Adds to the sums of a record's kind.
    pub(super) fn note(&mut self, now: Instant, record: &Record, how: impl Fn(&mut Sum)) {
        let today = day(now);
        if self.days.back().is_none_or(|(latest, _)| *latest != today) {
            self.days.push_back((today, Sums::default()));
        }
        if self.days.len() > DAYS {
            self.days.pop_front();
        }
        how(self.total.of(record));
        if let Some((_, sums)) = self.days.back_mut() {
            how(sums.of(record));
        }
    }

    /// Since the start.
    pub(super) const fn total(&self) -> &Sums {
        &self.total
    }

    /// Of the last seven days, today among them.
    pub(super) fn week(&self, now: Instant) -> Sums {
        let oldest = (day(now) + 1).saturating_sub(DAYS as u64);
        let mut all = Sums::default();
        let recent = self.days.iter().filter(|(at, _)| *at >= oldest);
        recent.for_each(|(_, sums)| all.add(sums));
        all
    }
}

/// Days since the start.
const fn day(now: Instant) -> u64 {
    now.as_nanos() / DAY_NANOS
}
