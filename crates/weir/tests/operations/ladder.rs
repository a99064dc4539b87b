//! Holders, those who wait for them, and what the healing ladder says of both.

use weir_testkit::{Session, until};

use crate::stage::{PATIENCE, Row, Stage, Underway, beside, code};

/// Everything enforced, also against superusers: the tests' own role is one.
pub(crate) const ENFORCE: &str = "evict = \"enforce\"\ncancel = \"enforce\"\n\
                                  close = \"enforce\"\nexempt_superusers = false";

/// A statement of a route.
pub(crate) const READ: &str = "SELECT 42 /*route='/cart'*/";

/// Makes a function that goes on whatever cancels it.
pub(crate) const STUBBORN: &str = "CREATE FUNCTION stubborn() RETURNS void LANGUAGE plpgsql AS \
     'BEGIN LOOP BEGIN PERFORM pg_sleep(600); \
     EXCEPTION WHEN query_canceled THEN NULL; END; END LOOP; END'";

/// A call of it.
pub(crate) const CALL: &str = "SELECT stubborn() /*route='/report'*/";

/// So many slots, limits that are over in a moment, and more about healing.
pub(crate) fn text(size: u32, healing: &str) -> String {
    format!(
        "[pool]\nsize = {size}\n\
         [healing]\nidle_in_transaction = \"200ms\"\nstatement = \"200ms\"\nstuck = \"200ms\"\n\
         {healing}\n"
    )
}

/// One slot, and limits that are over in a moment.
pub(crate) fn stage(healing: &str) -> Stage {
    Stage::with(&text(1, healing))
}

/// A client in a transaction that waits for its application.
pub(crate) fn idle(stage: &Stage, statement: &str) -> Session {
    let mut client = stage.client();
    client.query("BEGIN").unwrap();
    client.query(statement).unwrap();
    client
}

/// A client's statement that runs, once it does, or is over already.
pub(crate) fn runs(stage: &Stage, statement: &str) -> Underway<String> {
    let holders = || stage.show("SHOW HOLDERS").len();
    let (before, mut client, statement) = (holders(), stage.client(), statement.to_owned());
    let runs = beside(move || code(client.query(&statement)));
    let seen = || Ok((!runs.goes_on() || holders() > before).then_some(()));
    until("a holder", PATIENCE, seen).unwrap();
    runs
}

/// Somebody who wants a slot, once it waits, or has had it already.
pub(crate) fn waits(stage: &Stage) -> Underway<String> {
    let mut client = stage.client();
    let waits = beside(move || code(client.query("SELECT 1 /*route='/late'*/")));
    let seen = || Ok((!waits.goes_on() || !stage.show("SHOW WAITERS").is_empty()).then_some(()));
    until("a waiter", PATIENCE, seen).unwrap();
    waits
}

/// A configuration with this instead, from now on.
pub(crate) fn reload(stage: &Stage, text: &str) {
    stage.rewrite(text);
    stage.console().query("RELOAD").unwrap();
}

/// The actions of a step.
pub(crate) fn actions(stage: &Stage, step: &str) -> Vec<Row> {
    stage.show("SHOW ACTIONS").into_iter().filter(|row| row["step"] == step).collect()
}

/// Waits for an action of this outcome.
pub(crate) fn until_action(stage: &Stage, step: &str, outcome: &str) -> Row {
    until_row(stage, step, outcome, |_| true)
}

/// Waits until the effect of an action of this outcome is known.
pub(crate) fn until_measured(stage: &Stage, step: &str, outcome: &str) -> Row {
    until_row(stage, step, outcome, |row| !row["waiting_after"].is_empty())
}

/// Waits for an action of this outcome of which this holds.
fn until_row(stage: &Stage, step: &str, outcome: &str, holds: fn(&Row) -> bool) -> Row {
    let what = format!("{step} {outcome} in SHOW ACTIONS");
    let fits = |row: &Row| row["outcome"] == outcome && holds(row);
    until(&what, PATIENCE, || Ok(actions(stage, step).into_iter().find(fits))).unwrap()
}

/// Waits until the first holder has done what it does for five times the limits.
pub(crate) fn until_long(stage: &Stage) {
    let long = |row: &Row| row["phase_s"].parse::<f64>().unwrap() > 1.0;
    until("a holder of a second", PATIENCE, || {
        Ok(stage.show("SHOW HOLDERS").first().is_some_and(long).then_some(()))
    })
    .unwrap();
}
