//! A scenario as written: a small TOML file.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dispatch::Criticality;
use crate::time::Instant;

/// Journeys one plan may start, so that a typing error does not fill the memory.
const JOURNEYS_MAX: u64 = 2_000_000;

/// A plan that cannot be played.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The text is not such a file.
    #[error("{0}")]
    Text(String),
    /// A number makes no sense.
    #[error("{0}")]
    Number(String),
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// One sentence: what goes wrong.
    pub about: String,
    /// Where all chance comes from.
    #[serde(default = "one")]
    pub seed: u64,
    /// How long requests come, in seconds.
    pub seconds: u64,
    /// When the trouble begins and ends, in seconds.
    pub trouble: [u64; 2],
    /// Server connections of the proxy's pool; each of several proxies has its part.
    pub slots: u32,
    /// Proxies that share the slots evenly.
    #[serde(default = "one_of_them")]
    pub proxies: u32,
    /// Requests the application works on at the same time; the others wait before it. Without it
    /// there is no limit.
    pub workers: Option<u32>,
    /// Statements PostgreSQL runs at full speed; with twice as many each takes twice as long.
    /// Without it there is no limit.
    pub knee: Option<u32>,
    /// Who asks.
    #[serde(rename = "class")]
    pub classes: Vec<ClassPlan>,
    /// What goes wrong, and when.
    #[serde(default, rename = "event")]
    pub events: Vec<EventPlan>,
    /// What Weir must reach.
    #[serde(default)]
    pub expect: Expectation,
}

/// One kind of request: a transaction of one statement and, while it is open, maybe a call to
/// another service. Times are exponential with these means, or exactly these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassPlan {
    /// Its name.
    pub name: String,
    /// Requests a second (Poisson).
    pub rate: u64,
    /// Statement time, in milliseconds.
    pub sql_ms: u64,
    /// Outside call inside the transaction, in milliseconds.
    #[serde(default)]
    pub call_ms: u64,
    /// Statements and calls take exactly as long as is said here, rather than on average.
    #[serde(default)]
    pub even: bool,
    /// So many statements, each with its call, make a transaction.
    #[serde(default = "one_of_them")]
    pub rounds: u32,
    /// True when the trouble is its own doing: it need not be served well.
    #[serde(default)]
    pub culprit: bool,
    /// How long a client waits for one attempt, in milliseconds.
    #[serde(default = "patience")]
    pub patience_ms: u64,
    /// Attempts after the first.
    #[serde(default = "retries")]
    pub retries: u32,
    /// The longest pause before another attempt, in milliseconds.
    #[serde(default = "second")]
    pub retry_ms: u64,
    /// Instead of that, the pause before the second attempt, in milliseconds: drawn between half
    /// and one and a half of it, and doubled for each attempt after that.
    pub back_off_ms: Option<u64>,
    /// The row or table its transactions need for themselves from the statement to the end.
    pub lock: Option<String>,
    /// Percent of transactions that are never ended.
    #[serde(default)]
    pub leak_percent: u64,
    /// Takes a second server connection while it holds the first.
    #[serde(default)]
    pub nested: bool,
    /// Most slots with static bulkheads.
    pub bulkhead: Option<u32>,
    /// `sheddable`, `normal` or `critical`.
    #[serde(default)]
    pub criticality: Criticality,
}

/// What changes for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventPlan {
    /// From when, in milliseconds.
    pub from_ms: u64,
    /// Until when, in milliseconds.
    pub to_ms: u64,
    /// Whom it concerns; without it everybody.
    pub class: Option<String>,
    /// Requests, in percent of the usual rate.
    #[serde(default = "percent")]
    pub rate_percent: u64,
    /// Statement times, in percent of the usual.
    #[serde(default = "percent")]
    pub sql_percent: u64,
    /// The outside call's time instead of the usual, in milliseconds.
    pub call_ms: Option<u64>,
    /// The outside call's time at the end; from `call_ms` to it, it moves evenly.
    pub call_to_ms: Option<u64>,
    /// The class that the requests say they belong to: what tells routes apart lies.
    pub poses_as: Option<String>,
    /// The application is restarted: what it was doing is lost, and nobody can reach it meanwhile.
    #[serde(default)]
    pub restart: bool,
    /// PostgreSQL is away: its connections break and none can be opened.
    #[serde(default)]
    pub down: bool,
    /// The figures that controllers and healers decide by are so old, in milliseconds: they look
    /// no more often, and the healers see what they would have seen the time before.
    pub late_ms: Option<u64>,
}

/// What Weir must reach in this scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// Innocent requests begun in the trouble and served within a second, in tenths of a percent.
    pub soon_permille: u64,
    /// After the trouble innocent requests are served again within this time, in milliseconds.
    pub recovery_ms: u64,
    /// Nobody may be capped or refused early.
    pub untouched: bool,
}

impl Default for Expectation {
    fn default() -> Self {
        Self { soon_permille: 990, recovery_ms: 5_000, untouched: false }
    }
}

impl Plan {
    /// Reads a plan.
    ///
    /// # Errors
    /// What is wrong with the text, with its line, or with a number.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let plan: Self =
            toml::from_str(text).map_err(|error| PlanError::Text(error.to_string()))?;
        plan.check().map_err(PlanError::Number)?;
        Ok(plan)
    }

    /// The plan as a file that [`Self::parse`] reads.
    ///
    /// # Errors
    /// Should it have no form in TOML.
    pub fn to_toml(&self) -> Result<String, PlanError> {
        toml::to_string(self).map_err(|error| PlanError::Text(error.to_string()))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let rate: u64 = self.classes.iter().map(|class| class.rate).sum();
        let most = self.events.iter().map(|event| event.rate_percent).max().unwrap_or(100).max(100);
        let journeys = rate.saturating_mul(self.seconds).saturating_mul(most) / 100;
        if journeys > JOURNEYS_MAX {
            return Err(format!("{journeys} requests are too many; at most {JOURNEYS_MAX}"));
        }
        if self.proxies == 0 || self.slots < self.proxies || self.slots > 10_000 {
            return Err("`slots` must be 1 to 10,000, at least one for each proxy".into());
        }
        if self.trouble[0] >= self.trouble[1] || self.trouble[1] >= self.seconds {
            return Err("`trouble` must begin before it ends, and end before `seconds`".into());
        }
        let rounds = self.classes.iter().all(|class| class.rounds > 0);
        if self.workers == Some(0) || self.knee == Some(0) || !rounds {
            return Err("`workers`, `knee` and `rounds` must be at least 1".into());
        }
        let unfounded = |event: &EventPlan| event.call_to_ms.is_some() && event.call_ms.is_none();
        if self.events.iter().any(unfounded) {
            return Err("`call_to_ms` needs `call_ms`, from which it begins".into());
        }
        let known = |name: &String| self.classes.iter().any(|class| class.name == *name);
        let mut named = self.events.iter().flat_map(|event| [&event.class, &event.poses_as]);
        match named.find_map(|name| name.as_ref().filter(|name| !known(name))) {
            Some(name) => Err(format!("an event names the class `{name}`, which is not there")),
            None => Ok(()),
        }
    }

    /// When the trouble begins and ends.
    pub(super) const fn trouble(&self) -> (Instant, Instant) {
        let [from, to] = self.trouble;
        (Instant::from_millis(from * 1_000), Instant::from_millis(to * 1_000))
    }

    /// What holds for a class at `now`.
    pub(super) fn present(&self, now: Instant, class: usize) -> Present {
        let one = &self.classes[class];
        let mut present = Present {
            rate: one.rate * 100,
            sql: Duration::from_millis(one.sql_ms),
            call: Duration::from_millis(one.call_ms),
        };
        for event in self.events.iter().filter(|event| event.is_on(now)) {
            if event.class.as_ref().is_none_or(|name| *name == one.name) {
                present.rate = present.rate * event.rate_percent / 100;
                let percent = u32::try_from(event.sql_percent).unwrap_or(u32::MAX);
                present.sql = present.sql * percent / 100;
                present.call = event.call(now).unwrap_or(present.call);
            }
        }
        present
    }

    /// The class that requests of `class` say they belong to.
    pub(super) fn said_to_be(&self, now: Instant, class: usize) -> usize {
        let own = &self.classes[class].name;
        let lies = |event: &&EventPlan| event.class.as_ref() == Some(own) && event.is_on(now);
        let name = self.events.iter().filter(lies).find_map(|event| event.poses_as.as_ref());
        let place = name.and_then(|name| self.classes.iter().position(|one| one.name == *name));
        place.unwrap_or(class)
    }

    /// True while the application is being restarted.
    pub(super) fn is_restarting(&self, now: Instant) -> bool {
        self.events.iter().any(|event| event.restart && event.is_on(now))
    }

    /// How old the figures are that are decided by, while they are late.
    pub(super) fn lateness(&self, now: Instant) -> Option<Duration> {
        let on = self.events.iter().filter(|event| event.is_on(now));
        on.filter_map(|event| event.late_ms).max().map(Duration::from_millis)
    }

    /// True while PostgreSQL is away.
    pub(super) fn is_down(&self, now: Instant) -> bool {
        self.events.iter().any(|event| event.down && event.is_on(now))
    }
}

/// A class at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present {
    /// Requests in 100 s.
    pub(super) rate: u64,
    pub(super) sql: Duration,
    pub(super) call: Duration,
}

impl EventPlan {
    fn is_on(&self, now: Instant) -> bool {
        Instant::from_millis(self.from_ms) <= now && now < Instant::from_millis(self.to_ms)
    }

    /// The outside call's time at `now`, while the event is on.
    fn call(&self, now: Instant) -> Option<Duration> {
        let from = self.call_ms?;
        let to = self.call_to_ms.unwrap_or(from);
        let nanos = now.nanos_since(Instant::from_millis(self.from_ms));
        let passed = nanos / 1_000_000;
        let length = self.to_ms.saturating_sub(self.from_ms).max(1);
        let millis = if to >= from {
            from + (to - from).saturating_mul(passed) / length
        } else {
            from - (from - to).saturating_mul(passed) / length
        };
        Some(Duration::from_millis(millis))
    }
}

const fn one() -> u64 {
    1
}

const fn one_of_them() -> u32 {
    1
}

const fn patience() -> u64 {
    5_000
}

const fn retries() -> u32 {
    2
}

const fn second() -> u64 {
    1_000
}

const fn percent() -> u64 {
    100
}
