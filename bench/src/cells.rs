//! What is measured: a cell is a kind of work, a number of clients and a size of the pool.

use std::fmt;
use std::time::Duration;

use crate::contender::{Contender, Login, Setting};
use crate::load::bulk::Bulk;
use crate::load::script::Script;
use crate::pgbench::Protocol;
use crate::storm;

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Transactions, one after the other.
    Load(Script),
    /// The same, two workers' clients with unequal work.
    Uneven(Script, Skew),
    /// Transactions against a server that answers at once: the proxy is what limits.
    Saturate(Script),
    /// One transaction of each client, all begun at once.
    Once(Script),
    /// As `Load`, the proxy's system calls counted (which slows it).
    Calls(Script),
    /// `pgbench -S`, the proxy's user instructions counted (which slows it much more).
    Instructions(Protocol),
    /// A connection for each transaction: `pgbench -C -S`.
    Logins(Login),
    /// Queries with a storm of SCRAM logins beside them.
    Storm(Login),
    /// A restart of the server under load.
    Recovery,
    /// As many bytes as one client can.
    Bulk(Bulk),
    /// Transactions, the proxy's memory weighed.
    Active,
    /// Nothing.
    Idle,
    /// Nothing, over TLS.
    IdleTls,
}

/// Which clients work. Those with even numbers are one worker's, where there are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skew {
    /// Those of one worker alone.
    One,
    /// Those of one worker, and a fifth of the other's.
    Fifth,
}

impl Skew {
    const fn name(self) -> &'static str {
        match self {
            Self::One => "every other",
            Self::Fifth => "every other and a fifth of the rest",
        }
    }

    /// Whether a client works, by its number.
    pub(crate) fn works(self) -> fn(usize) -> bool {
        match self {
            Self::One => |at| at % 2 == 0,
            Self::Fifth => |at| at % 2 == 0 || at % 10 == 1,
        }
    }
}

impl Work {
    /// How long it may take, beside what is measured: above that the cell has failed.
    pub(crate) const fn limit(self) -> Duration {
        let seconds = match self {
            Self::Instructions(_) => 240,
            Self::Recovery | Self::Logins(_) => 90,
            Self::Load(_)
            | Self::Uneven(..)
            | Self::Saturate(_)
            | Self::Once(_)
            | Self::Calls(_)
            | Self::Storm(_)
            | Self::Bulk(_)
            | Self::Active
            | Self::Idle
            | Self::IdleTls => 60,
        };
        Duration::from_secs(seconds)
    }

    /// Whether it counts what does not depend on how busy the machine is: once is enough.
    pub(crate) const fn is_counted(self) -> bool {
        match self {
            Self::Calls(_) | Self::Instructions(_) | Self::Active | Self::Idle | Self::IdleTls => {
                true
            }
            Self::Load(_)
            | Self::Uneven(..)
            | Self::Saturate(_)
            | Self::Once(_)
            | Self::Logins(_)
            | Self::Storm(_)
            | Self::Recovery
            | Self::Bulk(_) => false,
        }
    }

    /// Whether clients send named prepared statements.
    fn prepares(self) -> bool {
        match self {
            Self::Load(script)
            | Self::Uneven(script, _)
            | Self::Saturate(script)
            | Self::Once(script)
            | Self::Calls(script) => {
                matches!(script, Script::Select(Protocol::Prepared) | Script::PrepareFirst)
            }
            Self::Instructions(protocol) => protocol == Protocol::Prepared,
            Self::Logins(_)
            | Self::Storm(_)
            | Self::Recovery
            | Self::Bulk(_)
            | Self::Active
            | Self::Idle
            | Self::IdleTls => false,
        }
    }
}

/// Who is compared in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Section {
    /// Weir, other proxies and none.
    Proxies,
    /// Weir's dispatch and healing, and Weir without.
    Policy,
    /// Weir with its ledger and without.
    Ledger,
    /// One worker and two.
    Workers,
}

impl Section {
    /// All of them, in the order of the page.
    pub(crate) const ALL: [Self; 4] = [Self::Proxies, Self::Policy, Self::Ledger, Self::Workers];

    /// Its title on the page.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Proxies => "Beside other proxies and none",
            Self::Policy => "What dispatch and healing cost while nobody waits long",
            Self::Ledger => "What the ledger costs",
            Self::Workers => "One worker and two",
        }
    }
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) section: Section,
    pub(crate) work: Work,
    pub(crate) clients: u32,
    pub(crate) pool: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, work, clients, pool } = self;
        match section {
            Section::Proxies => {}
            Section::Policy => f.write_str("policy: ")?,
            Section::Ledger => f.write_str("ledger: ")?,
            Section::Workers => f.write_str("workers: ")?,
        }
        match work {
            Work::Load(script) => write!(f, "{script}, {clients} clients")?,
            Work::Calls(script) => write!(f, "system calls: {script}, {clients} clients")?,
            Work::Instructions(protocol) => {
                write!(f, "instructions: {}, {clients} clients", protocol.name())?;
            }
            Work::Uneven(script, skew) => {
                write!(f, "{script}, {} of {clients} clients", skew.name())?;
            }
            Work::Saturate(script) => {
                write!(f, "saturated: {script}, {clients} clients, instant server")?;
            }
            Work::Once(script) => write!(f, "{script} by {clients} clients at once")?,
            Work::Logins(login) => write!(f, "logins: {}, {clients} clients", login.name())?,
            Work::Storm(login) => {
                write!(f, "queries beside {} logins a second: {}", storm::LOGINS, login.name())?;
            }
            Work::Recovery => write!(f, "restart of the server under {clients} clients")?,
            Work::Bulk(bulk) => write!(f, "{}", bulk.name())?,
            Work::Active => write!(f, "{clients} active clients")?,
            Work::Idle => write!(f, "{clients} idle clients")?,
            Work::IdleTls => write!(f, "{clients} idle clients over TLS")?,
        }
        if *pool == POOL { Ok(()) } else { write!(f, ", pool of {pool}") }
    }
}

/// Slots, where nothing else is said.
pub(crate) const POOL: u32 = 20;

/// Turns of Weir with and without a part of it in a round.
const CLOSE_TURNS: usize = 6;

/// Clients that a server with 100 connections takes without a proxy.
const DIRECT_MAX: u32 = 90;

impl Cell {
    pub(crate) const fn new(work: Work, clients: u32) -> Self {
        Self { section: Section::Proxies, work, clients, pool: POOL }
    }

    pub(crate) const fn pool(work: Work, clients: u32, pool: u32) -> Self {
        Self { section: Section::Proxies, work, clients, pool }
    }

    pub(crate) const fn within(self, section: Section) -> Self {
        Self { section, ..self }
    }

    /// How often everybody has a turn in a round. What differs by a hundredth is compared often and
    /// shortly.
    pub(crate) const fn turns(self) -> usize {
        match self.section {
            Section::Policy | Section::Ledger if !self.work.is_counted() => CLOSE_TURNS,
            Section::Proxies | Section::Policy | Section::Ledger | Section::Workers => 1,
        }
    }

    /// Who takes part, by number.
    pub(crate) fn contenders(self, all: &[Contender]) -> Vec<usize> {
        (0..all.len()).filter(|who| self.is_for(&all[*who])).collect()
    }

    /// Whether the contender can do it, and whether it says anything there.
    pub(crate) fn is_for(self, contender: &Contender) -> bool {
        if contender.section() != self.section || (self.work.prepares() && !contender.prepares()) {
            return false;
        }
        let direct = *contender == Contender::Direct;
        let ours = contender.program().is_some();
        match self.work {
            // What the server itself makes of it: the ideal that the proxies are held against.
            Work::Load(Script::Sleep) if self.clients <= self.pool => direct,
            // Others come with the pool they have, which is to be the usual.
            Work::Load(_) | Work::Uneven(..) => {
                !(direct && self.clients > DIRECT_MAX) && (self.pool == POOL || ours || direct)
            }
            Work::Active | Work::Idle => contender.is_process(),
            // They run under strace from their start.
            Work::Calls(_) => ours,
            // Under valgrind there is no io_uring.
            Work::Instructions(_) => ours && !contender.has_setting(Setting::Uring),
            // The others' server is one of its own here.
            Work::Saturate(_) => direct || ours,
            Work::Once(_) => !direct,
            // The server itself asks for no password here.
            Work::Logins(login) => ours || login == Login::Trust,
            Work::Bulk(_) => true,
            Work::Storm(_) | Work::Recovery | Work::IdleTls => ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bouncer(version: &str) -> Contender {
        Contender::PgBouncer { program: "pgbouncer".into(), version: version.to_owned() }
    }

    fn weir(setting: Setting) -> Contender {
        Contender::Weir { program: "weir".into(), setting }
    }

    #[test]
    fn contenders_get_the_cells_that_they_can_do() {
        let prepared = Cell::new(Work::Load(Script::Select(Protocol::Prepared)), 200);
        assert!(prepared.is_for(&bouncer("1.24.1")) && !prepared.is_for(&bouncer("1.18.0")));
        assert!(!prepared.is_for(&Contender::Direct), "the server takes 100 connections");
        assert!(!Cell::new(Work::Idle, 1000).is_for(&Contender::Direct));
        let counted = Cell::new(Work::Instructions(Protocol::Simple), 8);
        assert!(counted.is_for(&weir(Setting::Epoll)) && !counted.is_for(&weir(Setting::Uring)));
    }

    #[test]
    fn contenders_keep_to_their_sections() {
        let cell = Cell::new(Work::Load(Script::Select(Protocol::Simple)), 50);
        assert!(cell.is_for(&weir(Setting::Uring)) && !cell.is_for(&weir(Setting::Lending)));
        let workers = cell.within(Section::Workers);
        assert!(!workers.is_for(&weir(Setting::Uring)) && !workers.is_for(&bouncer("1.24.1")));
        assert!(workers.is_for(&weir(Setting::Lending)));
    }
}
