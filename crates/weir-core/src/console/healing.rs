//! What workers tell of their healers, and what operators order of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use weir_wire::sql::Fingerprint;

use crate::dispatch::ClassView;
use crate::healing::{Exempted, Record, Subject, Sums, Ward};

use super::snapshot::Serial;
use super::table::{Answer, Heading};
use super::tables::{hit_headings, hit_values};

/// The healers of workers at one moment.
#[derive(Debug, Clone, Default)]
pub struct HealingSnapshot {
    /// Workers that an operator froze.
    pub frozen: u32,
    /// Workers whose breaker is open.
    pub breakers: u32,
    /// Quarantines.
    pub quarantined: u32,
    /// What was done since the start.
    pub total: Sums,
    /// What was done in the last seven days.
    pub week: Sums,
    /// Actions, the oldest first; empty where they were not asked for.
    pub actions: Vec<ActionRow>,
    /// Quarantines; likewise.
    pub wards: Vec<WardRow>,
    /// Classes with a limit; likewise.
    pub caps: Vec<CapRow>,
    /// What operators exempted; likewise.
    pub exempted: Vec<Exempted>,
}

impl HealingSnapshot {
    /// Adds another worker's.
    pub fn merge(&mut self, other: Self) {
        self.frozen += other.frozen;
        self.breakers += other.breakers;
        self.quarantined += other.quarantined;
        self.total.add(&other.total);
        self.week.add(&other.week);
        self.actions.extend(other.actions);
        self.wards.extend(other.wards);
        self.caps.extend(other.caps);
        if self.exempted.is_empty() {
            self.exempted = other.exempted;
        }
    }

    /// Puts everything in the order in which it is shown: the latest action first.
    pub(super) fn sort(&mut self) {
        self.actions.sort_by_key(|row| row.ago);
        self.wards.sort_by_key(|row| row.since);
        self.caps.sort_by(|a, b| (&a.database, &a.route).cmp(&(&b.database, &b.route)));
    }
}

/// An action, done or not.
#[derive(Debug, Clone)]
pub struct ActionRow {
    /// What is kept of it.
    pub record: Record,
    /// How long ago it was.
    pub ago: Duration,
    /// The database clients ask for.
    pub database: Arc<str>,
    /// The user of the pool.
    pub pool_user: Arc<str>,
}

/// A quarantine.
#[derive(Debug, Clone)]
pub struct WardRow {
    /// What is kept of it.
    pub ward: Ward,
    /// The database of its pool; none for all pools.
    pub database: Option<Arc<str>>,
    /// How long it has lasted.
    pub since: Duration,
    /// When somebody is let in next.
    pub next: Duration,
}

/// A class whose slots are limited, or whose clients are refused early.
#[derive(Debug, Clone)]
pub struct CapRow {
    /// The database clients ask for.
    pub database: Arc<str>,
    /// The user of the pool.
    pub pool_user: Arc<str>,
    /// The name of the class.
    pub route: Arc<str>,
    /// What the dispatch says of it.
    pub view: ClassView,
    /// The controller's cap holds, rather than being only shown.
    pub enforced: bool,
}

/// What an operator orders of the healers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intervention {
    /// Never touch somebody, or do again.
    Exempt {
        /// Whom.
        whom: Exempted,
        /// Take it back.
        off: bool,
    },
    /// Limit the slots of a route.
    Cap {
        /// Its name.
        route: String,
        /// Most slots in each pool; none lifts the limit.
        slots: Option<u32>,
    },
    /// Roll back idle transactions; their clients stay.
    Evict {
        /// Whose.
        whom: Victims,
        /// Those that wrote rows, too.
        force: bool,
    },
    /// Let a route, or a statement, in one at a time until it is well.
    Quarantine {
        /// Which.
        subject: Subject,
        /// Let it in again.
        off: bool,
    },
    /// The healers do nothing any more, and what they began is taken back.
    Freeze,
    /// They act again, and an open breaker closes.
    Unfreeze,
}

/// Whose transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victims {
    /// Of one client: its number in SHOW CLIENTS.
    Client(Serial),
    /// Of a route.
    Route(String),
}

impl Intervention {
    /// The tag of its CommandComplete, and its name over HTTP in lower case.
    #[must_use]
    pub const fn tag(&self) -> &'static str {
        match self {
            Self::Exempt { .. } => "EXEMPT",
            Self::Cap { .. } => "CAP",
            Self::Evict { .. } => "EVICT",
            Self::Quarantine { .. } => "QUARANTINE",
            Self::Freeze => "FREEZE",
            Self::Unfreeze => "UNFREEZE",
        }
    }

    /// Whether it makes sense although it finds nobody now.
    #[must_use]
    pub const fn may_hit_nobody(&self) -> bool {
        match self {
            Self::Exempt { .. } | Self::Freeze | Self::Unfreeze => true,
            Self::Quarantine { off, .. } => !*off,
            Self::Cap { .. } | Self::Evict { .. } => false,
        }
    }
}

impl Intervention {
    /// What its answer does not show: that it was a try, or what has changed where it hits nobody.
    #[must_use]
    pub fn remark(&self, dry_run: bool, hits: usize) -> Option<String> {
        if dry_run {
            return Some("this was a try: nothing is done".to_owned());
        }
        match self {
            Self::Freeze => Some("healing ladder and caps stand still until UNFREEZE".to_owned()),
            Self::Unfreeze => Some("healing ladder and caps act again".to_owned()),
            Self::Exempt { off, .. } if hits == 0 => Some(format!(
                "{self} is {} exempt; it has no server connection at this moment",
                if *off { "no longer" } else { "now" }
            )),
            Self::Exempt { .. }
            | Self::Cap { .. }
            | Self::Evict { .. }
            | Self::Quarantine { .. } => None,
        }
    }
}

impl fmt::Display for Intervention {
    /// Whom it is about.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exempt { whom: Exempted::User(name), .. } => write!(f, "user {name}"),
            Self::Exempt { whom: Exempted::Application(name), .. } => {
                write!(f, "application {name}")
            }
            Self::Exempt { whom: Exempted::Route(route), .. }
            | Self::Cap { route, .. }
            | Self::Evict { whom: Victims::Route(route), .. } => write!(f, "route {route}"),
            Self::Evict { whom: Victims::Client(id), .. } => write!(f, "client {}", id.0),
            Self::Quarantine { subject, .. } => {
                write!(f, "{} {}", subject.kind(), subject.name())
            }
            Self::Freeze | Self::Unfreeze => f.write_str("everything"),
        }
    }
}

/// Somebody whom an order hits, would hit, or spares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The database clients ask for.
    pub database: Arc<str>,
    /// The user of the pool.
    pub pool_user: Arc<str>,
    /// The route.
    pub route: Arc<str>,
    /// The client, where it is about one.
    pub client: Option<Serial>,
    /// The process id of its backend.
    pub backend: Option<i32>,
    /// What it does, and for how long.
    pub doing: String,
    /// What happens to it.
    pub outcome: String,
    /// It is hit.
    pub hit: bool,
}

impl Hit {
    /// The columns of what an order answers.
    #[must_use]
    pub fn headings() -> Vec<Heading> {
        hit_headings()
    }

    /// Lines of it.
    #[must_use]
    pub fn answer(hits: &[Self], rows_max: usize) -> Answer {
        Answer {
            rows: hits.iter().take(rows_max).map(hit_values).collect(),
            left_out: hits.len().saturating_sub(rows_max),
        }
    }
}

/// An order as it comes over HTTP: the verb is in the path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealingRequest {
    /// A route.
    pub route: Option<String>,
    /// A statement's fingerprint, in 16 hexadecimal digits.
    pub fingerprint: Option<String>,
    /// A client's number.
    pub client: Option<u64>,
    /// A user.
    pub user: Option<String>,
    /// An application name.
    pub application: Option<String>,
    /// Most slots.
    pub slots: Option<u32>,
    /// Take it back.
    pub off: bool,
    /// Those that wrote rows, too.
    pub force: bool,
    /// Say what would happen, and do nothing.
    pub dry_run: bool,
}

impl HealingRequest {
    /// The order that this verb makes of it.
    ///
    /// # Errors
    /// What is missing or too much, in a sentence; `None` when there is no such verb.
    pub fn order(self, verb: &str) -> Result<Intervention, Option<String>> {
        let wants = |what: &str| Err(Some(format!("{verb} needs {what}")));
        let Self { route, fingerprint, client, user, application, slots, off, force, .. } = self;
        Ok(match verb {
            "exempt" => match (user, application, route) {
                (Some(name), None, None) => {
                    Intervention::Exempt { whom: Exempted::User(name), off }
                }
                (None, Some(name), None) => {
                    Intervention::Exempt { whom: Exempted::Application(name), off }
                }
                (None, None, Some(name)) => {
                    Intervention::Exempt { whom: Exempted::Route(name), off }
                }
                (_, _, _) => return wants("one of `user`, `application` and `route`"),
            },
            "cap" => match (route, slots, off) {
                (Some(route), Some(slots), false) if slots > 0 => {
                    Intervention::Cap { route, slots: Some(slots) }
                }
                (Some(route), None, true) => Intervention::Cap { route, slots: None },
                (_, _, _) => return wants("`route`, and `slots` (1 or more) or `off`"),
            },
            "evict" => match (client, route) {
                (Some(id), None) => {
                    Intervention::Evict { whom: Victims::Client(Serial(id)), force }
                }
                (None, Some(name)) => Intervention::Evict { whom: Victims::Route(name), force },
                (_, _) => return wants("one of `client` and `route`"),
            },
            "quarantine" => {
                let subject = match (route, fingerprint.as_deref().map(fingerprint_of)) {
                    (Some(route), None) => Subject::Route(route.into()),
                    (None, Some(Some(fingerprint))) => Subject::Fingerprint(fingerprint),
                    (_, _) => return wants("one of `route` and `fingerprint` (16 digits)"),
                };
                Intervention::Quarantine { subject, off }
            }
            "freeze" => Intervention::Freeze,
            "unfreeze" => Intervention::Unfreeze,
            _ => return Err(None),
        })
    }
}

/// Reads a fingerprint as the console shows it.
pub(super) fn fingerprint_of(text: &str) -> Option<Fingerprint> {
    let hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| hex).map(Fingerprint)
}
