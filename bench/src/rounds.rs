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

/// Runs the plan. `say` gets a line for each cell of each round, and one for each failure: who
/// fails has no figure there, the others go on.
pub(crate) fn run(
    stage: &Stage,
    plan: &Plan,
    contenders: &[Contender],
    mut say: impl FnMut(&str),
) -> Outcome {
    let mut outcome = Outcome::default();
    let began = Instant::now();
    for round in 0..plan.rounds {
        for (at, cell) in plan.cells.iter().enumerate() {
            if round > 0 && cell.work.is_counted() {
                continue;
            }
            say(&format!("{:4} s, round {}: {cell}", began.elapsed().as_secs(), round + 1));
            for turn in 0..cell.turns() {
                for contender in order(&cell.contenders(contenders), round + at + turn) {
                    let round = round * cell.turns() + turn;
                    match sample::take(stage, &contenders[contender], *cell, plan) {
                        Ok(sample) => {
                            outcome.records.push(Record { cell: at, contender, round, sample });
                        }
                        Err(err) => {
                            let reason = format!("{err:#}");
                            say(&format!("FAILED {}: {reason}", contenders[contender].name()));
                            outcome.failures.push(Failure { cell: at, contender, round, reason });
                        }
                    }
                }
            }
        }
    }
    outcome.took = began.elapsed();
    outcome
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
