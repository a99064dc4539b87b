//! The connection that the guard holds to one server.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use weir_core::activity::read::{self, Taken};
use weir_core::activity::{Facts, Sample, ask};
use weir_core::config::settings::Keepalive;
use weir_core::time;
use weir_wire::error::SqlState;

use super::question::{self, NoAnswer};
use crate::proxy::conn::Conn;
use crate::proxy::dial::Dialler;
use crate::proxy::mail::DialFailure;
use crate::proxy::names::{Names, Resolver};
use crate::proxy::scram_keys::ScramKeys;
use crate::proxy::target::DialSpec;

/// What changes rarely is asked again after this time.
const FACTS_EVERY: Duration = Duration::from_secs(60);

/// The major version that is taken for one that says nothing of itself.
const MAJOR_UNTOLD: u32 = 13;

/// How long a name's addresses are believed: each dial is an attempt to find the server again.
const NAMES_TTL: Duration = Duration::ZERO;

/// Why there is no sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server cannot be reached, or the connection broke.
    Lost(String),
    /// It has no connection left for this role.
    Full(String),
    /// It refuses this role, or what it asks.
    Refused(String),
    /// It took too long to answer; the connection is given up.
    Late,
}

/// What dialling needs, kept over dials.
#[derive(Debug, Default)]
pub struct Means {
    keys: ScramKeys,
    names: Names,
    keepalive: Keepalive,
}

/// A held connection.
#[derive(Debug)]
pub struct Line {
    conn: Conn,
    major: u32,
    facts: Facts,
    facts_at: Instant,
    limit: Duration,
}

impl Line {
    /// Connects, logs in and asks for the facts, in twice the time limit at most.
    ///
    /// # Errors
    /// Why not.
    pub async fn open(spec: &DialSpec, means: &Means) -> Result<Self, Failure> {
        let resolver = Resolver { names: &means.names, ttl: NAMES_TTL, workers: &[] };
        let dialler = Dialler { keys: &means.keys, keepalive: &means.keepalive, resolver };
        let opened = dialler.open(spec).await.map_err(refused)?;
        let mut conn = opened.conn;
        let told = opened.parameters.iter().find(|(name, _)| name == "server_version");
        let major = told.and_then(|(_, version)| major(version)).unwrap_or(MAJOR_UNTOLD);
        let facts = ask_facts(&mut conn, major, spec.timeout).await?;
        Ok(Self { conn, major, facts, facts_at: Instant::now(), limit: spec.timeout })
    }

    /// Looks at the server. `started` is when the process began: the sample's time counts from it.
    ///
    /// # Errors
    /// Why not; the line is of no more use then, unless the server refused.
    pub async fn sample(&mut self, started: Instant) -> Result<Sample, Failure> {
        if self.facts_at.elapsed() > FACTS_EVERY {
            self.facts = ask_facts(&mut self.conn, self.major, self.limit).await?;
            self.facts_at = Instant::now();
        }
        let began = Instant::now();
        let sql = ask::sample(self.major, self.limit);
        let answer = in_time(self.limit, question::ask(&mut self.conn, &sql)).await?;
        let taken = Taken { at: since(started), took: began.elapsed() };
        read::sample(&answer, &self.facts, taken).map_err(|e| Failure::Refused(e.to_string()))
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        let mut goodbye = Vec::new();
        weir_wire::build::terminate(&mut goodbye);
        // Whether it is heard or not: we go.
        let _ = timeout(self.limit, self.conn.send(&goodbye)).await;
        self.conn.close().await;
    }
}

/// The time on the clock that decisions are given.
pub(super) fn since(started: Instant) -> time::Instant {
    time::Instant::from_nanos(u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX))
}

async fn ask_facts(conn: &mut Conn, major: u32, limit: Duration) -> Result<Facts, Failure> {
    let answer = in_time(limit, question::ask(conn, &ask::facts(major, limit))).await?;
    read::facts(&answer).map_err(|error| Failure::Refused(error.to_string()))
}

/// The server's own limit ends a slow statement; ours, twice as long, a server that hangs.
async fn in_time<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, NoAnswer>>,
) -> Result<T, Failure> {
    match timeout(limit * 2, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(NoAnswer::Refused(why))) => Err(Failure::Refused(why)),
        Ok(Err(NoAnswer::Broken(error))) => Err(Failure::Lost(error.to_string())),
        Err(_) => Err(Failure::Late),
    }
}

fn refused(failure: DialFailure) -> Failure {
    match SqlState::parse(&failure.sqlstate) {
        Some(SqlState::TOO_MANY_CONNECTIONS) => Failure::Full(failure.message),
        _ if failure.permanent => Failure::Refused(failure.message),
        _ => Failure::Lost(failure.message),
    }
}

/// `15.4 (Debian 15.4-1)` and `17beta1` begin with the major version.
fn major(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_the_number_in_front() {
        let check = |text, expected| assert_eq!(major(text), expected, "{text}");
        check("15.4 (Debian 15.4-1.pgdg120+1)", Some(15));
        check("17beta1", Some(17));
        check("13", Some(13));
        check("unknown", None);
    }
}
