//! Statements of the operator's on server connections, and pools nobody uses.

use weir_testkit::until;

use crate::stage::{PATIENCE, Stage};

/// Waits until a sequence has been counted up to `count`.
fn counted(stage: &Stage, count: u32) {
    let mut direct = stage.direct();
    until("the sequence", PATIENCE, || {
        let value: u32 = direct.value("SELECT last_value FROM calls")?.parse()?;
        Ok((value >= count).then_some(()))
    })
    .unwrap();
}

#[test]
fn the_reset_query_runs_after_each_release() {
    let lines = "server_reset = \"always\"\nreset_query = \"SELECT nextval('calls')\"";
    let stage = Stage::new(&[("pool", lines)]);
    stage.direct().query("CREATE SEQUENCE calls").unwrap();
    let mut client = stage.client();
    for _ in 0..3 {
        client.query("SELECT 1").unwrap();
    }
    counted(&stage, 3);
}

#[test]
fn the_reset_query_runs_when_a_client_leaves_session_mode() {
    let lines = "mode = \"session\"\nreset_query = \"SELECT nextval('calls')\"";
    let stage = Stage::new(&[("pool", lines)]);
    stage.direct().query("CREATE SEQUENCE calls").unwrap();
    for _ in 0..2 {
        stage.client().query("SELECT 1").unwrap();
    }
    counted(&stage, 2);
}

#[test]
fn a_client_that_leaves_does_not_cancel_what_cleans_after_it() {
    let slow = "SELECT nextval('calls') FROM (SELECT pg_sleep(0.3)) AS nap";
    let lines = format!("mode = \"session\"\nreset_query = \"{slow}\"");
    let stage = Stage::new(&[("pool", &lines)]);
    stage.direct().query("CREATE SEQUENCE calls").unwrap();
    for _ in 0..2 {
        stage.client().query("SELECT 1").unwrap();
    }
    counted(&stage, 2);
}

#[test]
fn the_check_query_runs_before_reuse() {
    let lines = "check_delay = \"0s\"\ncheck_query = \"SELECT nextval('calls')\"";
    let stage = Stage::new(&[("pool", lines)]);
    stage.direct().query("CREATE SEQUENCE calls").unwrap();
    let mut client = stage.client();
    for _ in 0..4 {
        client.query("SELECT 1").unwrap();
    }
    counted(&stage, 2);
}

#[test]
fn a_pool_that_nobody_uses_is_forgotten_and_made_again() {
    let lines = "forget_after = \"200ms\"\nserver_idle_timeout = \"100ms\"";
    let stage = Stage::new(&[("pool", lines), ("log", "level = \"debug\"")]);
    stage.client().query("SELECT 1").unwrap();
    stage.logs(&["pool forgotten", &stage.database]);
    stage.client().query("SELECT 1").unwrap();
}
