//! pgbench: its own accounting must add up in every query mode.

use crate::stage::Stage;

const CLIENTS: u32 = 8;
const TRANSACTIONS: u32 = 40;

/// Simple queries.
pub(crate) fn simple(stage: &Stage) {
    check(stage, "simple");
}

/// Extended queries with unnamed statements.
pub(crate) fn extended(stage: &Stage) {
    check(stage, "extended");
}

/// Named prepared statements.
pub(crate) fn prepared(stage: &Stage) {
    check(stage, "prepared");
}

/// The sums over accounts, tellers, branches and history are the same, and the history has a row
/// for each transaction.
const ACCOUNTING: &str =
    "SELECT count(*), sum(delta) = (SELECT sum(abalance) FROM pgbench_accounts),
    sum(delta) = (SELECT sum(tbalance) FROM pgbench_tellers),
    sum(delta) = (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_history";

fn check(stage: &Stage, mode: &str) {
    stage.run(stage.program("pgbench").args(["--initialize", "--quiet", "--scale", "1"]));
    let mut pgbench = stage.program("pgbench");
    pgbench.args(["--protocol", mode, "--no-vacuum", "--jobs", "2"]);
    pgbench.args(["--client", &CLIENTS.to_string(), "--transactions", &TRANSACTIONS.to_string()]);
    let said = stage.run(&mut pgbench);
    let done = CLIENTS * TRANSACTIONS;
    let processed = format!("transactions actually processed: {done}/{done}");
    assert!(said.contains(&processed), "{said}");
    let sums = stage.run(stage.program("psql").args(["-XAtc", ACCOUNTING]));
    assert_eq!(sums, format!("{done}|t|t|t\n"));
}
