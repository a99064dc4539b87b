//! Slots that neither ROLLBACK nor a cancel frees: the server connection is closed, and another one
//! serves those who wait.

use weir_testkit::until;

use crate::ladder::{
    CALL, ENFORCE, READ, STUBBORN, idle, runs, stage, text, until_action, until_measured, waits,
};
use crate::stage::{PATIENCE, Stage};

/// The process that serves the statement or transaction of the only holder.
fn backend(stage: &Stage) -> i32 {
    stage.show("SHOW HOLDERS").pop().unwrap()["backend_pid"].parse().unwrap()
}

/// Waits until the process sleeps in the statement that it was sent, and is not only about to.
fn until_asleep(stage: &Stage, pid: i32) {
    let mut direct = stage.direct("postgres");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid =";
    let asleep = || Ok((direct.value(&format!("{sleeps} {pid}"))? == "1").then_some(()));
    until("the backend to sleep", PATIENCE, asleep).unwrap();
}

/// Waits until the server has no such process any more.
fn until_gone(stage: &Stage, pid: i32) {
    let mut direct = stage.direct("postgres");
    let count = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    let gone = || Ok((direct.value(&count)? == "0").then_some(()));
    until("the end of the backend", PATIENCE, gone).unwrap();
}

#[test]
fn a_statement_that_ignores_its_cancel_loses_the_server_connection() {
    let stage = stage(ENFORCE);
    // PostgreSQL looks for its client while a statement runs only where it is told to.
    let looks = "SET client_connection_check_interval = '100ms'";
    stage.direct("postgres").query(&format!("ALTER DATABASE {} {looks}", stage.database)).unwrap();
    stage.client().query(STUBBORN).unwrap();
    stage.console().query("RECONNECT").unwrap();
    let call = runs(&stage, CALL);
    let pid = backend(&stage);
    until_asleep(&stage, pid);
    assert_eq!(waits(&stage).end(), "00000");
    // It may have written: what became of it is not known.
    assert_eq!(call.end(), "08007");
    let cancel = until_measured(&stage, "cancel", "done");
    assert_eq!((&*cancel["route"], &*cancel["backend_pid"]), ("/report", &*pid.to_string()));
    assert_eq!(until_action(&stage, "close", "done")["backend_pid"], pid.to_string());
    until_gone(&stage, pid);
}

#[test]
fn a_backend_that_hangs_loses_its_server_connection_and_ends_when_it_goes_on() {
    let stage = stage(ENFORCE);
    let sleeper = runs(&stage, "SELECT pg_sleep(600) /*route='/report'*/");
    let pid = backend(&stage);
    until_asleep(&stage, pid);
    stage.server().suspend_backend(pid).unwrap();
    assert_eq!(waits(&stage).end(), "00000");
    // It only read, so nothing is in doubt.
    assert_eq!(sleeper.end(), "57014");
    until_action(&stage, "close", "done");
    stage.server().resume_backend(pid).unwrap();
    until_gone(&stage, pid);
}

#[test]
fn an_idle_transaction_whose_backend_hangs_does_not_keep_the_slot() {
    let settles = "[pool]\nsettle_timeout = \"300ms\"\n";
    let stage = Stage::with(&text(1, ENFORCE).replace("[pool]\n", settles));
    let mut idle = idle(&stage, READ);
    let pid = backend(&stage);
    stage.server().suspend_backend(pid).unwrap();
    // Its ROLLBACK is never answered.
    assert_eq!(waits(&stage).end(), "00000");
    until_action(&stage, "evict", "done");
    idle.query("ROLLBACK").unwrap();
    assert_eq!(idle.value("SELECT 7").unwrap(), "7");
    stage.server().resume_backend(pid).unwrap();
    until_gone(&stage, pid);
}
