//! Rounds: in each, every contender in every cell, the order rotated, so that what moves the
//! whole machine for a while meets all of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use weir_testkit::{Options, PgServer, Want};

use crate::contender::{Contender, Files};
use crate::load::script::SCALE;
use crate::plan::Plan;
use crate::sample::{self, Sample, Stage};
use crate::{pgbench, stub};

/// A sample and what it is of.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) cell: usize,
    pub(crate) contender: usize,
    /// Counts the turns in a round, too: samples of the same one are compared.
    pub(crate) round: usize,
    pub(crate) sample: Sample,
}

/// A cell that a contender did not get through.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) cell: usize,
    pub(crate) contender: usize,
    pub(crate) round: usize,
    pub(crate) reason: String,
}

/// All that came of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<Record>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) took: Duration,
}

/// A server for measurements: nothing is forced to a disk, all data in memory.
/// It listens on `port`, or on any.
pub(crate) fn stage(port: Option<u16>) -> Result<Stage> {
    let options = Options::new(Want::any())
        .port(port)
        .set("shared_buffers", "512MB")
        .set("max_wal_size", "1GB")
        .set("autovacuum", "off");
    let server = PgServer::start(options)?;
    pgbench::initialise(&server, SCALE)?;
    let sink = "CREATE UNLOGGED TABLE bench_sink (line text)";
    server.execute(pgbench::DATABASE, sink)?;
    Ok(Stage { server, stub: stub::start()?, files: Files::new()? })
}

/// A run under way. Who fails has no figure there, the others go on.
pub(crate) struct Run<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) plan: &'a Plan,
    pub(crate) contenders: &'a [Contender],
    /// Gets a line for each cell of each round, and one for each failure.
    pub(crate) say: fn(&str),
}

impl Run<'_> {
    /// Every cell as often as the plan says; then, as long as the plan has time for it, a further
    /// round of those that `open` names, in its order. It must not look at which side of an aim a
    /// cell is on: only at whether the rounds show a side.
    pub(crate) fn whole(&self, open: impl Fn(&Outcome) -> Vec<usize>) -> Outcome {
        let mut outcome = Outcome::default();
        let began = Instant::now();
        let Plan { cells, rounds, further, .. } = self.plan;
        for round in 0..*rounds {
            for (at, cell) in cells.iter().enumerate() {
                if round == 0 || !cell.work.is_counted() {
                    self.cell(at, round, began, &mut outcome);
                }
            }
        }
        for round in *rounds..further.rounds_max {
            let times = open(&outcome).into_iter().filter(|at| !cells[*at].work.is_counted());
            for at in times.take_while(|_| began.elapsed() < further.until) {
                self.cell(at, round, began, &mut outcome);
            }
        }
        outcome.took = began.elapsed();
        outcome
    }

    /// Everybody's turns in a cell in one round.
    fn cell(&self, at: usize, round: usize, began: Instant, outcome: &mut Outcome) {
        let cell = self.plan.cells[at];
        let say = self.say;
        say(&format!("{:4} s, round {}: {cell}", began.elapsed().as_secs(), round + 1));
        for turn in 0..cell.turns() {
            for contender in order(&cell.contenders(self.contenders), round + at + turn) {
                let round = round * cell.turns() + turn;
                match sample::take(self.stage, &self.contenders[contender], cell, self.plan) {
                    Ok(sample) => {
                        outcome.records.push(Record { cell: at, contender, round, sample });
                    }
                    Err(err) => {
                        let reason = format!("{err:#}");
                        say(&format!("FAILED {}: {reason}", self.contenders[contender].name()));
                        outcome.failures.push(Failure { cell: at, contender, round, reason });
                    }
                }
            }
        }
    }
}

/// Everybody once, beginning with another one each time.
fn order(all: &[usize], turn: usize) -> Vec<usize> {
    let mut order = all.to_vec();
    order.rotate_left(turn % all.len().max(1));
    order
}

/// The values of a metric of one contender in one cell, with their rounds.
pub(crate) fn values(
    records: &[Record],
    cell: usize,
    contender: usize,
    metric: crate::metric::Metric,
) -> Vec<(usize, f64)> {
    records
        .iter()
        .filter(|record| record.cell == cell && record.contender == contender)
        .filter_map(|record| Some((record.round, *record.sample.get(&metric)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_first_in_turn() {
        let of = |turn| order(&[0, 4, 5], turn);
        assert_eq!([of(0), of(1), of(2), of(3)], [[0, 4, 5], [4, 5, 0], [5, 0, 4], [0, 4, 5]]);
        assert_eq!(order(&[], 3), [0; 0]);
    }
}
