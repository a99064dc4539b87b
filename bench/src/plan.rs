//! The sets of cells, and how they are run.

use std::time::Duration;

use crate::cells::{Cell, Section, Skew, Work};
use crate::contender::Login;
use crate::load::bulk::Bulk;
use crate::load::script::Script;
use crate::pgbench::Protocol;

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
    pub(crate) further: Further,
}

/// Rounds after those of the plan, for cells whose rounds don't show whether they reach their aim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Further {
    /// Rounds of a cell, those of the plan included.
    pub(crate) rounds_max: usize,
    /// Since the begin of the run: none begins later.
    pub(crate) until: Duration,
}

impl Further {
    /// None.
    pub(crate) const NONE: Self = Self { rounds_max: 0, until: Duration::ZERO };

    /// As many as show a miss by sign in one of twenty cells, while time is left.
    const MANY: Self = Self { rounds_max: 8, until: Duration::from_secs(37 * 60) };
}

const PROTOCOLS: [Protocol; 3] = [Protocol::Simple, Protocol::Extended, Protocol::Prepared];

const SIMPLE: Script = Script::Select(Protocol::Simple);
const PREPARED: Script = Script::Select(Protocol::Prepared);

impl Plan {
    /// Less than three minutes.
    pub(crate) fn short() -> Self {
        let mut cells = loads(&[8, 50, 200]);
        // What extended costs elsewhere lies between the two others.
        let extended = Work::Load(Script::Select(Protocol::Extended));
        cells.retain(|cell| cell.work != extended || cell.clients == 50);
        cells.push(Cell::new(Work::Calls(SIMPLE), 50));
        cells.push(Cell::new(Work::Saturate(SIMPLE), 64));
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
            further: Further::NONE,
        }
    }

    /// What the ledger costs: the rest of the proxy is the same.
    pub(crate) fn ledger() -> Self {
        Self {
            name: "ledger",
            cells: ledger().into(),
            rounds: 5,
            warm_up: Duration::from_millis(300),
            measured: Duration::from_secs(1),
            logins: 0,
            further: Further::NONE,
        }
    }

    /// Everything.
    pub(crate) fn long() -> Self {
        let mut cells = loads(&[1, 8, 50, 200, 1000]);
        for pool in [10, 40] {
            cells.extend(selects(|script| Cell::pool(Work::Load(script), 200, pool)));
        }
        cells.extend([8, 50].map(|clients| Cell::new(Work::Load(Script::TpcB), clients)));
        cells.push(Cell::pool(Work::Load(Script::Sleep), 500, 10));
        cells.push(Cell::pool(Work::Load(Script::Sleep), 10, 10));
        cells.extend(selects(|script| Cell::new(Work::Saturate(script), 64)));
        cells.push(Cell::new(Work::Once(Script::PrepareFirst), 1000));
        cells.extend([50, 200].map(|clients| Cell::new(Work::Calls(SIMPLE), clients)));
        cells.push(Cell::new(Work::Calls(PREPARED), 50));
        cells.extend(PROTOCOLS.map(|protocol| Cell::new(Work::Instructions(protocol), 8)));
        cells.extend(Login::ALL.map(|login| Cell::new(Work::Logins(login), 8)));
        let scram = [Login::Scram, Login::ScramClear];
        cells.extend(scram.map(|login| Cell::new(Work::Storm(login), 20)));
        cells.push(Cell::new(Work::Recovery, 200));
        let bulk = [Bulk::Select, Bulk::CopyOut, Bulk::CopyIn];
        cells.extend(bulk.map(|bulk| Cell::new(Work::Bulk(bulk), 1)));
        cells.push(Cell::new(Work::Active, 1_000));
        cells.extend([1_000, 10_000].map(|clients| Cell::new(Work::Idle, clients)));
        cells.push(Cell::new(Work::IdleTls, 500));
        cells.extend(policy());
        cells.extend(ledger());
        cells.extend(workers());
        Self {
            name: "long",
            cells,
            rounds: 3,
            warm_up: Duration::from_millis(300),
            measured: Duration::from_millis(1_500),
            logins: 1_000,
            further: Further::MANY,
        }
    }
}

fn loads(clients: &[u32]) -> Vec<Cell> {
    let of = |script| clients.iter().map(move |clients| Cell::new(Work::Load(script), *clients));
    PROTOCOLS.into_iter().flat_map(|protocol| of(Script::Select(protocol))).collect()
}

/// A cell for each way of the protocol.
fn selects(cell: impl Fn(Script) -> Cell) -> [Cell; 3] {
    PROTOCOLS.map(|protocol| cell(Script::Select(protocol)))
}

fn policy() -> [Cell; 5] {
    [
        Cell::new(Work::Load(SIMPLE), 50),
        Cell::new(Work::Load(PREPARED), 200),
        Cell::new(Work::Saturate(SIMPLE), 64),
        Cell::new(Work::Instructions(Protocol::Simple), 8),
        Cell::new(Work::Instructions(Protocol::Prepared), 50),
    ]
    .map(|cell| cell.within(Section::Policy))
}

fn ledger() -> [Cell; 7] {
    [
        Cell::new(Work::Load(SIMPLE), 50),
        Cell::new(Work::Load(PREPARED), 200),
        Cell::new(Work::Saturate(SIMPLE), 64),
        Cell::new(Work::Saturate(PREPARED), 64),
        Cell::new(Work::Instructions(Protocol::Simple), 8),
        Cell::new(Work::Instructions(Protocol::Extended), 8),
        Cell::new(Work::Instructions(Protocol::Prepared), 8),
    ]
    .map(|cell| cell.within(Section::Ledger))
}

fn workers() -> [Cell; 6] {
    [
        Cell::new(Work::Saturate(SIMPLE), 64),
        Cell::new(Work::Saturate(PREPARED), 64),
        Cell::new(Work::Load(SIMPLE), 50),
        Cell::new(Work::Load(PREPARED), 200),
        Cell::new(Work::Uneven(Script::Sleep, Skew::One), 200),
        Cell::new(Work::Uneven(Script::Sleep, Skew::Fifth), 200),
    ]
    .map(|cell| cell.within(Section::Workers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_names_of_their_own() {
        for plan in [Plan::short(), Plan::long(), Plan::ledger()] {
            let mut names: Vec<String> = plan.cells.iter().map(Cell::to_string).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), plan.cells.len());
        }
    }
}
