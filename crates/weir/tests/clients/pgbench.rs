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
    // A thread each: from version 16 on pgbench prepares a statement when it is first run, and
    // blocks its thread for that. Clients of one thread that hold all server connections would
    // wait for one that waits for them.
    let (clients, transactions) = (CLIENTS.to_string(), TRANSACTIONS.to_string());
    pgbench.args(["--protocol", mode, "--no-vacuum", "--jobs", &clients]);
    pgbench.args(["--client", &clients, "--transactions", &transactions]);
    let said = stage.run(&mut pgbench);
    let done = CLIENTS * TRANSACTIONS;
    let processed = format!("transactions actually processed: {done}/{done}");
    assert!(said.contains(&processed), "{said}");
    let sums = stage.run(stage.program("psql").args(["-XAtc", ACCOUNTING]));
    assert_eq!(sums, format!("{done}|t|t|t\n"));
}
