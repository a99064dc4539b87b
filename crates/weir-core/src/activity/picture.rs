//! Everything the rules look at, joined: one server, its sessions, and the proxy before it.

use std::collections::HashMap;
use std::time::Duration;

use super::blocking::{Chain, chains};
use super::proxy::{Holder, PoolState, Proxy};
use super::sample::{Sample, Session};
use super::trend::Trend;
use crate::diagnosis::Thresholds;
use crate::ids::Pid;

/// How the server is reached by the guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// It answers.
    Up,
    /// The guard is connected, and its question has not been answered for so long.
    Silent(Duration),
    /// It cannot be reached, for so long; and why.
    Lost(Duration, String),
    /// It says that it has no connection left for the guard's role, in these words.
    Full(String),
    /// It refuses the guard for a reason of the guard's own: password, database, rights.
    Refused(String),
}

/// How scarce connections are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// There are plenty.
    Calm,
    /// The limit is near.
    Near,
    /// The limit is reached for somebody, or clients wait too long.
    Full,
}

/// One server at one moment.
#[derive(Debug, Clone)]
pub struct Picture {
    /// How it is reached.
    pub contact: Contact,
    /// The last sample; `None` before the first.
    pub sample: Option<Sample>,
    /// What changes.
    pub trend: Trend,
    /// The proxy before it; `None` without one.
    pub proxy: Option<Proxy>,
    /// What counts as long, many, near.
    pub thresholds: Thresholds,
    /// Lock chains of the sample.
    pub chains: Vec<Chain>,
    /// Places in the proxy's list of holders by backend.
    holders: HashMap<Pid, usize>,
}

/// A session and, where it comes through the proxy, the client that has it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The session on the server.
    pub session: &'a Session,
    /// The client behind it.
    pub holder: Option<&'a Holder>,
}

impl<'a> Seen<'a> {
    /// The code that asked: the proxy's word, else the statement's own.
    #[must_use]
    pub fn route(self) -> Option<&'a str> {
        let told = self.holder.and_then(|holder| holder.route.as_deref());
        told.or(self.session.route.as_deref())
    }

    /// The application name of the client itself.
    #[must_use]
    pub fn application(self) -> &'a str {
        self.holder.map_or(&self.session.application, |holder| &holder.application)
    }

    /// Where the client itself is.
    #[must_use]
    pub fn host(self) -> &'a str {
        self.holder.map_or(&self.session.address, |holder| &holder.host)
    }
}

impl Picture {
    /// Joins what is known.
    #[must_use]
    pub fn new(
        contact: Contact,
        sample: Option<Sample>,
        trend: Trend,
        proxy: Option<Proxy>,
        thresholds: Thresholds,
    ) -> Self {
        let chains = sample.as_ref().map_or_else(Vec::new, |sample| chains(&sample.sessions));
        let holders = proxy.iter().flat_map(|proxy| &proxy.holders).enumerate();
        let holders = holders.map(|(at, holder)| (holder.pid, at)).collect();
        Self { contact, sample, trend, proxy, thresholds, chains, holders }
    }

    /// Client sessions without guards, each with the client behind it.
    pub fn clients(&self) -> impl Iterator<Item = Seen<'_>> {
        let sessions = self.sample.iter().flat_map(Sample::clients);
        sessions.map(|session| Seen { session, holder: self.holder(session.pid) })
    }

    /// A session by its backend.
    #[must_use]
    pub fn seen(&self, pid: Pid) -> Option<Seen<'_>> {
        let session = self.sample.as_ref()?.session(pid)?;
        Some(Seen { session, holder: self.holder(pid) })
    }

    /// Connections that count against the limit.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.sample.as_ref().map_or(0, Sample::used)
    }

    /// Connections that ordinary roles can open.
    #[must_use]
    pub fn possible(&self) -> u32 {
        self.sample.as_ref().map_or(0, |sample| sample.facts.limits.ordinary())
    }

    /// Those used of those possible; above 100 when reserved ones are used. 0 when unknown.
    #[must_use]
    pub fn percent(&self) -> f64 {
        match self.possible() {
            0 => 0.0,
            possible => 100.0 * f64::from(self.used()) / f64::from(possible),
        }
    }

    /// Until the limit is reached if sessions grow as they do; `None` when they do not.
    #[must_use]
    pub fn until_full(&self) -> Option<Duration> {
        let free = f64::from(self.possible()) - f64::from(self.used());
        let growth = self.trend.growth_per_second.filter(|growth| *growth > 0.1)?;
        (free > 0.0).then(|| Duration::try_from_secs_f64(free / growth).ok()).flatten()
    }

    /// Clients that wait for slots of the proxy.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.proxy.iter().flat_map(|proxy| &proxy.pools).map(|pool| pool.waiting).sum()
    }

    /// How scarce connections are.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let slot_wait = self.thresholds.slot_wait;
        let mut pools = self.proxy.iter().flat_map(|proxy| &proxy.pools);
        let percent = self.percent();
        if pools.any(|pool| pool.oldest_wait > slot_wait && pool.waiting > 0 || self.refuses(pool))
            || percent >= f64::from(self.thresholds.full_percent)
        {
            Pressure::Full
        } else if percent >= f64::from(self.thresholds.near_percent) {
            Pressure::Near
        } else {
            Pressure::Calm
        }
    }

    /// A pool whose slots are all held, while the proxy refuses requests.
    fn refuses(&self, pool: &PoolState) -> bool {
        pool.held >= pool.size && self.proxy.as_ref().is_some_and(|proxy| proxy.refuses)
    }

    /// Whether so many of the sessions explain why connections are scarce: a fifth of those in
    /// use, or a fifth of the slots that clients wait for.
    #[must_use]
    pub fn matters(&self, sessions: usize) -> bool {
        self.is_part(sessions, 5)
    }

    /// The same of half of them.
    #[must_use]
    pub fn is_half(&self, sessions: usize) -> bool {
        self.is_part(sessions, 2)
    }

    fn is_part(&self, sessions: usize, of: usize) -> bool {
        let waited_for = self.proxy.iter().flat_map(|proxy| &proxy.pools);
        let short = |pool: &&PoolState| pool.waiting > 0 || self.refuses(pool);
        let slots: u32 = waited_for.filter(short).map(|pool| pool.held).sum();
        let whole = if slots > 0 { slots.min(self.used()) } else { self.used() };
        sessions > 0 && sessions * of >= usize::try_from(whole).unwrap_or(usize::MAX)
    }

    /// Whether this session's long work is no fault.
    #[must_use]
    pub fn is_exempt(&self, seen: Seen<'_>) -> bool {
        seen.session.is_maintenance()
            || self.thresholds.exempts(seen.application(), &seen.session.user)
    }

    fn holder(&self, pid: Pid) -> Option<&Holder> {
        self.proxy.as_ref()?.holders.get(*self.holders.get(&pid)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Build, pool, proxy_with, sample, session};
    use super::*;

    fn picture(sample: Sample, proxy: Option<Proxy>) -> Picture {
        let (trend, thresholds) = (Trend::default(), Thresholds::default());
        Picture::new(Contact::Up, Some(sample), trend, proxy, thresholds)
    }

    #[test]
    fn pressure_is_read_against_the_limit_of_the_server_itself() {
        let check = |clients: i32, expected| {
            let found = picture(sample(10, (0..clients).map(session).collect()), None);
            assert_eq!(found.pressure(), expected, "{clients} of 10");
        };
        check(7, Pressure::Calm);
        check(8, Pressure::Near);
        check(10, Pressure::Full);
    }

    #[test]
    fn clients_that_wait_too_long_are_pressure_wherever_the_server_is() {
        let mut waiting = pool(2);
        (waiting.waiting, waiting.oldest_wait) = (1, Duration::from_millis(100));
        let with = |pool| picture(sample(100, Vec::new()), Some(proxy_with(vec![pool])));
        assert_eq!(with(waiting.clone()).pressure(), Pressure::Calm);
        waiting.oldest_wait = Duration::from_secs(1);
        assert_eq!(with(waiting).pressure(), Pressure::Full);
    }

    #[test]
    fn a_full_pool_that_refuses_is_pressure_although_nobody_waits_for_long() {
        let check = |held, refuses, expected| {
            let mut full = pool(2);
            full.held = held;
            let proxy = Proxy { refuses, ..proxy_with(vec![full]) };
            let found = picture(sample(100, Vec::new()), Some(proxy));
            assert_eq!(found.pressure(), expected, "{held} of 2, {refuses}");
        };
        check(2, true, Pressure::Full);
        check(2, false, Pressure::Calm);
        check(1, true, Pressure::Calm);
    }

    #[test]
    fn until_full_needs_growth() {
        let mut found = picture(sample(10, (0..4).map(session).collect()), None);
        assert_eq!(found.until_full(), None);
        found.trend.growth_per_second = Some(2.0);
        assert_eq!(found.until_full(), Some(Duration::from_secs(3)));
    }

    #[test]
    fn maintenance_and_backups_are_exempt() {
        let check = |session: Session, expected| {
            let found = picture(sample(10, vec![session]), None);
            let seen = found.clients().next().unwrap();
            assert_eq!(found.is_exempt(seen), expected);
        };
        check(session(1).active(900.0).sql("select 1"), false);
        check(session(1).active(900.0).sql("create unique index on t (a)"), true);
        check(session(1).active(900.0).sql("copy t to stdout").application("pg_dump"), true);
    }
}
