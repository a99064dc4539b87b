//! The full answer about one server: is it healthy, how many connections are used, who is active,
//! what is wrong.
//!
//! | file | job |
//! | --- | --- |
//! | `text` | for people |
//! | `nagios` | one line for Nagios and its kin |
//! | `prometheus` | a file for the node exporter's textfile collector |

mod nagios;
mod prometheus;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::finding::{Finding, Severity};
use crate::activity::{Contact, Kind, Picture, Sample, Seen, Session, State, Statement, Wait};
use crate::ids::Pid;

pub use nagios::nagios;
pub use prometheus::prometheus;
pub use text::text;

/// Long statements that are listed, the oldest first.
const LONG_LISTED_MAX: usize = 20;

/// The whole in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Nothing is wrong.
    Ok,
    /// Something will hurt if it goes on.
    Warning,
    /// Something hurts.
    Critical,
    /// The guard cannot tell: it is refused for a reason of its own, or has not asked yet.
    Unknown,
}

impl Status {
    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// The exit code of `weir check`, as plugins of Nagios have it.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// Of several servers the worst; not knowing is less than knowing the worst.
    #[must_use]
    pub fn worst(all: impl IntoIterator<Item = Self>) -> Self {
        let rank = |status: &Self| match status {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Critical => 3,
        };
        all.into_iter().max_by_key(rank).unwrap_or(Self::Unknown)
    }
}

/// All servers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Nothing is wrong with any.
    pub healthy: bool,
    /// The worst.
    pub status: Status,
    /// Each.
    pub servers: Vec<Health>,
}

impl Answer {
    /// Of these servers; of none, nothing is known.
    #[must_use]
    pub fn of(servers: Vec<Health>) -> Self {
        let status = Status::worst(servers.iter().map(|health| health.status));
        Self { healthy: status == Status::Ok, status, servers }
    }
}

/// One server at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// Where it is.
    pub server: String,
    /// Nothing is wrong that needs somebody.
    pub healthy: bool,
    /// The whole in a word.
    pub status: Status,
    /// Why the guard cannot tell, where it cannot.
    pub error: Option<String>,
    /// The server's version, `15.4`.
    pub version: Option<String>,
    /// It follows another server.
    pub in_recovery: Option<bool>,
    /// How old the statistics are when this is read, milliseconds; `None` without any.
    pub sample_age_ms: Option<u64>,
    /// Connections against the limit.
    pub connections: Option<Connections>,
    /// Statements that run longer than the limit for long ones, whoever sent them.
    pub long_running: Vec<LongRunning>,
    /// What is wrong, worst first.
    pub issues: Vec<Finding>,
    /// What this version or role does not tell.
    pub blind_spots: Vec<&'static str>,
}

/// Connections against the limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connections {
    /// Client sessions of all databases; guards count.
    pub used: u32,
    /// What ordinary roles can open.
    pub limit: u32,
    /// Used of limit.
    pub percent: f64,
    /// `max_connections`.
    pub max_connections: u32,
    /// Of those, reserved.
    pub reserved: u32,
    /// By what they do.
    #[serde(flatten)]
    pub states: States,
    /// Those that wait for a lock.
    pub waiting_for_lock: u32,
    /// By database.
    pub databases: BTreeMap<String, States>,
    /// Sessions that do not count against the limit: replication.
    pub replication: u32,
    /// The same: autovacuum.
    pub autovacuum: u32,
}

/// Sessions by what they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct States {
    /// All of them.
    pub total: u32,
    /// They run a statement.
    pub active: u32,
    /// They do nothing.
    pub idle: u32,
    /// They wait for their application inside a transaction.
    pub idle_in_transaction: u32,
    /// Not known: logging in, or hidden from the guard's role.
    pub unknown: u32,
}

/// A long statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongRunning {
    /// Its backend.
    pub pid: Pid,
    /// How long it runs.
    pub seconds: f64,
    /// Without values.
    pub statement: Statement,
    /// Its database.
    pub database: String,
    /// Its role.
    pub user: String,
    /// The program.
    pub application: String,
    /// Where that is.
    pub address: String,
    /// The code that asked, where known.
    pub route: Option<String>,
    /// It waits for a lock.
    pub blocked: bool,
}

impl Health {
    /// What a picture and its findings say of the server. `last` is the newest sample, which may be
    /// too old for the picture; its age is added by who knows the time.
    #[must_use]
    pub fn of(
        server: &str,
        picture: &Picture,
        last: Option<&Sample>,
        issues: Vec<Finding>,
    ) -> Self {
        let error = match &picture.contact {
            Contact::Refused(why) => Some(why.clone()),
            Contact::Up | Contact::Silent(_) | Contact::Lost(..) | Contact::Full(_) => None,
        };
        let status = status(&issues, error.is_some());
        Self {
            server: server.to_owned(),
            healthy: status == Status::Ok,
            status,
            error,
            version: last.map(|sample| version(sample.facts.version)),
            in_recovery: last.map(|sample| sample.facts.in_recovery),
            sample_age_ms: None,
            connections: last.map(Connections::of),
            long_running: last.map_or_else(Vec::new, |sample| long_running(picture, sample)),
            issues,
            blind_spots: last.map_or_else(Vec::new, |sample| sample.facts.blind_spots()),
        }
    }

    /// A server of which nothing is known, and why.
    #[must_use]
    pub fn unknown(server: &str, why: &str) -> Self {
        Self {
            server: server.to_owned(),
            healthy: false,
            status: Status::Unknown,
            error: Some(why.to_owned()),
            version: None,
            in_recovery: None,
            sample_age_ms: None,
            connections: None,
            long_running: Vec::new(),
            issues: Vec::new(),
            blind_spots: Vec::new(),
        }
    }
}

fn status(issues: &[Finding], refused: bool) -> Status {
    match issues.iter().map(|issue| issue.severity).max() {
        Some(Severity::Critical) => Status::Critical,
        _ if refused => Status::Unknown,
        Some(Severity::Warning) => Status::Warning,
        Some(Severity::Info) | None => Status::Ok,
    }
}

/// `server_version_num` as people write it.
fn version(number: u32) -> String {
    format!("{}.{}", number / 10_000, number % 10_000)
}

impl Connections {
    fn of(sample: &Sample) -> Self {
        let limits = sample.facts.limits;
        let mut states = States::default();
        let mut databases: BTreeMap<String, States> = BTreeMap::new();
        for session in sample.sessions.iter().filter(|session| session.kind == Kind::Client) {
            states.count(session);
            databases.entry(session.database.clone()).or_default().count(session);
        }
        let of_kind = |kind| count(sample, |session| session.kind == kind);
        Self {
            used: states.total,
            limit: limits.ordinary(),
            percent: 100.0 * f64::from(states.total) / f64::from(limits.ordinary().max(1)),
            max_connections: limits.max_connections,
            reserved: limits.superuser_reserved + limits.reserved,
            waiting_for_lock: count(sample, |session| session.wait == Wait::Lock),
            states,
            databases,
            replication: of_kind(Kind::Replication),
            autovacuum: of_kind(Kind::Autovacuum),
        }
    }
}

fn count(sample: &Sample, is: impl Fn(&Session) -> bool) -> u32 {
    let count = sample.sessions.iter().filter(|session| is(session)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl States {
    fn count(&mut self, session: &Session) {
        self.total += 1;
        *match session.state {
            State::Active => &mut self.active,
            State::Idle => &mut self.idle,
            State::IdleInTransaction | State::IdleInFailedTransaction => {
                &mut self.idle_in_transaction
            }
            State::Unknown => &mut self.unknown,
        } += 1;
    }
}

fn long_running(picture: &Picture, sample: &Sample) -> Vec<LongRunning> {
    let limit = picture.thresholds.long_statement;
    let is_long = |session: &&Session| session.running().is_some_and(|time| time > limit);
    let mut long: Vec<LongRunning> =
        sample.clients().filter(is_long).map(|session| long_one(picture, session)).collect();
    long.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    long.truncate(LONG_LISTED_MAX);
    long
}

fn long_one(picture: &Picture, session: &Session) -> LongRunning {
    let seen = picture.seen(session.pid);
    LongRunning {
        pid: session.pid,
        seconds: session.running().unwrap_or(Duration::ZERO).as_secs_f64(),
        statement: session.statement.clone(),
        database: session.database.clone(),
        user: session.user.clone(),
        application: seen.map_or(&*session.application, Seen::application).to_owned(),
        address: seen.map_or(&*session.address, Seen::host).to_owned(),
        route: session.route.clone(),
        blocked: !session.blocked_by.is_empty(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::activity::tests::{Build, session};
    use crate::diagnosis::diagnose;
    use crate::diagnosis::rules::tests::server;

    /// A server with a finding, a long statement and an idle session.
    pub(crate) fn health() -> Health {
        let mut sessions = vec![session(1).active(40.0).sql("select 'secret' from t"), session(2)];
        sessions.extend((3..11).map(|pid| session(pid).silent(9.0).sql("update t set a = 1")));
        let picture = server(sessions);
        let last = picture.sample.clone();
        let mut health = Health::of("db:5432", &picture, last.as_ref(), diagnose(&picture));
        health.sample_age_ms = Some(12);
        health
    }

    #[test]
    fn counts_what_is_there() {
        let health = health();
        let connections = health.connections.unwrap();
        assert_eq!((connections.used, connections.limit, connections.reserved), (10, 10, 3));
        let states = States { total: 10, active: 1, idle: 1, idle_in_transaction: 8, unknown: 0 };
        assert_eq!(connections.states, states);
        assert_eq!(connections.databases["shop"], states);
        assert_eq!(health.long_running.len(), 1);
        assert_eq!(health.version.as_deref(), Some("15.4"));
        assert_eq!((health.status, health.healthy), (Status::Critical, false));
    }

    #[test]
    fn refused_is_unknown_and_down_is_critical() {
        let mut picture = server(Vec::new());
        let status = |picture: &Picture| Health::of("db", picture, None, diagnose(picture)).status;
        assert_eq!(status(&picture), Status::Ok);
        picture.contact = Contact::Refused("password authentication failed".into());
        picture.sample = None;
        assert_eq!(status(&picture), Status::Unknown);
        picture.contact = Contact::Lost(Duration::ZERO, "refused".into());
        assert_eq!(status(&picture), Status::Critical);
    }

    #[test]
    fn the_worst_of_several_counts() {
        let worst = |all: &[Status]| Status::worst(all.iter().copied());
        assert_eq!(worst(&[Status::Ok, Status::Warning]), Status::Warning);
        assert_eq!(worst(&[Status::Unknown, Status::Critical]), Status::Critical);
        assert_eq!(worst(&[Status::Unknown, Status::Warning]), Status::Unknown);
        assert_eq!(worst(&[]), Status::Unknown);
    }
}
