//! What is measured: a cell is a kind of work, a number of clients and a size of the pool.

use std::fmt;
use std::time::Duration;

use crate::contender::{Contender, Login};
use crate::load::bulk::Bulk;
use crate::load::script::Script;
use crate::pgbench::Protocol;

/// What the clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Transactions, one after the other.
    Load(Script),
    /// The same against a server that answers at once: the proxy is what limits.
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
    Storm,
    /// A restart of the server under load.
    Recovery,
    /// As many bytes as one client can.
    Bulk(Bulk),
    /// Nothing.
    Idle,
    /// Nothing, over TLS.
    IdleTls,
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) work: Work,
    pub(crate) clients: u32,
    pub(crate) pool: u32,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, clients, pool } = self;
        match work {
            Work::Load(script) | Work::Calls(script) => write!(f, "{script}, {clients} clients")?,
            Work::Instructions(protocol) => write!(f, "{}, {clients} clients", protocol.name())?,
            Work::Saturate(script) => {
                write!(f, "saturated: {script}, {clients} clients, instant server")?;
            }
            Work::Once(script) => write!(f, "{script} by {clients} clients at once")?,
            Work::Logins(login) => write!(f, "logins: {}, {clients} clients", login.name())?,
            Work::Storm => f.write_str("queries during a storm of SCRAM logins")?,
            Work::Recovery => write!(f, "restart of the server under {clients} clients")?,
            Work::Bulk(bulk) => write!(f, "{}", bulk.name())?,
            Work::Idle => write!(f, "{clients} idle clients")?,
            Work::IdleTls => write!(f, "{clients} idle clients over TLS")?,
        }
        if *pool == POOL { Ok(()) } else { write!(f, ", pool of {pool}") }
    }
}

/// Slots, where nothing else is said.
const POOL: u32 = 20;

/// Clients that a server with 100 connections takes without a proxy.
const DIRECT_MAX: u32 = 90;

impl Cell {
    const fn new(work: Work, clients: u32) -> Self {
        Self { work, clients, pool: POOL }
    }

    const fn pool(work: Work, clients: u32, pool: u32) -> Self {
        Self { work, clients, pool }
    }

    /// Whether the contender can do it, and whether it says anything there.
    pub(crate) fn is_for(self, contender: &Contender) -> bool {
        let direct = *contender == Contender::Direct;
        let prepared = |script| script == Script::Select(Protocol::Prepared);
        match self.work {
            Work::Load(script) => {
                !(direct && self.clients > DIRECT_MAX)
                    && (!prepared(script) || contender.prepares())
                    && self.fits(contender)
            }
            Work::Calls(script) => {
                contender.is_process() && (!prepared(script) || contender.prepares())
            }
            Work::Instructions(protocol) => {
                contender.program().is_some()
                    && (protocol != Protocol::Prepared || contender.prepares())
            }
            // The others' server is one of its own here.
            Work::Saturate(script) => {
                (direct || contender.program().is_some())
                    && (!prepared(script) || contender.prepares())
            }
            Work::Once(_) => !direct && contender.prepares(),
            // The server itself asks for no password here.
            Work::Logins(login) => contender.program().is_some() || login == Login::Trust,
            Work::Bulk(_) => true,
            Work::Storm | Work::Recovery | Work::IdleTls => contender.program().is_some(),
            Work::Idle => contender.is_process(),
        }
    }

    /// Whether the pool has the size that the cell asks for: others come with the one they have,
    /// which is to be the usual.
    fn fits(self, contender: &Contender) -> bool {
        self.pool == POOL || contender.program().is_some() || *contender == Contender::Direct
    }
}

/// A set of cells and how they are run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) cells: Vec<Cell>,
    pub(crate) rounds: usize,
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
    /// Logins of a sample.
    pub(crate) logins: u32,
}

const PROTOCOLS: [Protocol; 3] = [Protocol::Simple, Protocol::Extended, Protocol::Prepared];

impl Plan {
    /// Less than three minutes.
    pub(crate) fn short() -> Self {
        let mut cells = loads(&[8, 50, 200]);
        // What extended costs elsewhere lies between the two others.
        let extended = Work::Load(Script::Select(Protocol::Extended));
        cells.retain(|cell| cell.work != extended || cell.clients == 50);
        cells.push(Cell::new(Work::Calls(Script::Select(Protocol::Simple)), 50));
        cells.push(Cell::new(Work::Saturate(Script::Select(Protocol::Simple)), 64));
        cells.push(Cell::new(Work::Once(Script::PrepareFirst), 1000));
        cells.push(Cell::new(Work::Logins(Login::Trust), 8));
        cells.push(Cell::new(Work::Logins(Login::Scram), 8));
        cells.push(Cell::new(Work::Bulk(Bulk::Select), 1));
        cells.push(Cell::new(Work::Idle, 1000));
        Self {
            name: "short",
            cells,
            rounds: 3,
            warm_up: Duration::from_millis(200),
            measured: Duration::from_millis(800),
            logins: 1_000,
        }
    }

    /// What Weir's ledger costs: the rest of the proxy is the same.
    pub(crate) fn ledger() -> Self {
        let mut cells = loads(&[8, 50]);
        let of = |protocol| Cell::new(Work::Saturate(Script::Select(protocol)), 64);
        cells.extend(PROTOCOLS.map(of));
        cells.extend(PROTOCOLS.map(|protocol| Cell::new(Work::Instructions(protocol), 8)));
        Self {
            name: "ledger",
            cells,
            rounds: 7,
            warm_up: Duration::from_millis(500),
            measured: Duration::from_secs(2),
            logins: 0,
        }
    }

    /// Everything.
    pub(crate) fn long() -> Self {
        let mut cells = loads(&[1, 8, 50, 200, 1000]);
        for pool in [10, 40] {
            let of = |protocol| Cell::pool(Work::Load(Script::Select(protocol)), 200, pool);
            cells.extend(PROTOCOLS.map(of));
        }
        cells.extend([8, 50].map(|clients| Cell::new(Work::Load(Script::TpcB), clients)));
        cells.push(Cell::pool(Work::Load(Script::Sleep), 500, 10));
        cells.push(Cell::pool(Work::Load(Script::Sleep), 10, 10));
        let of = |protocol| Cell::new(Work::Saturate(Script::Select(protocol)), 64);
        cells.extend(PROTOCOLS.map(of));
        cells.push(Cell::new(Work::Once(Script::PrepareFirst), 1000));
        for clients in [8, 50, 200] {
            let of = |protocol| Cell::new(Work::Calls(Script::Select(protocol)), clients);
            cells.extend(PROTOCOLS.map(of));
        }
        cells.extend(PROTOCOLS.map(|protocol| Cell::new(Work::Instructions(protocol), 8)));
        let logins = [Login::Trust, Login::Scram, Login::Tls, Login::TlsScram];
        cells.extend(logins.map(|login| Cell::new(Work::Logins(login), 8)));
        cells.push(Cell::new(Work::Storm, 20));
        cells.push(Cell::new(Work::Recovery, 200));
        let bulk = [Bulk::Select, Bulk::CopyOut, Bulk::CopyIn];
        cells.extend(bulk.map(|bulk| Cell::new(Work::Bulk(bulk), 1)));
        cells.extend([1_000, 9_000].map(|clients| Cell::new(Work::Idle, clients)));
        cells.push(Cell::new(Work::IdleTls, 500));
        Self {
            name: "long",
            cells,
            rounds: 5,
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(3),
            logins: 4_000,
        }
    }
}

fn loads(clients: &[u32]) -> Vec<Cell> {
    let of = |protocol| {
        let work = Work::Load(Script::Select(protocol));
        clients.iter().map(move |clients| Cell::new(work, *clients))
    };
    PROTOCOLS.into_iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_get_the_cells_that_they_can_do() {
        let prepared = Cell::new(Work::Load(Script::Select(Protocol::Prepared)), 200);
        let bouncer = |version: &str| Contender::PgBouncer {
            program: "pgbouncer".into(),
            version: version.to_owned(),
        };
        assert!(prepared.is_for(&bouncer("1.24.1")) && !prepared.is_for(&bouncer("1.18.0")));
        assert!(!prepared.is_for(&Contender::Direct), "the server takes 100 connections");
        assert!(!Cell::new(Work::Idle, 1000).is_for(&Contender::Direct));
    }

    #[test]
    fn cells_have_names_of_their_own() {
        for plan in [Plan::short(), Plan::long(), Plan::ledger()] {
            let mut names: Vec<_> = plan
                .cells
                .iter()
                .map(|cell| {
                    let counted = match cell.work {
                        Work::Calls(_) => "calls",
                        Work::Instructions(_) => "instructions",
                        _ => "",
                    };
                    (cell.to_string(), counted)
                })
                .collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), plan.cells.len());
        }
    }
}
