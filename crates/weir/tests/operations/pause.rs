//! PAUSE, RESUME and what waits meanwhile.

use std::process::Stdio;

use crate::stage::{Stage, beside, code};

/// A client that asks for one value, beside.
macro_rules! asks {
    ($session:expr) => {{
        let mut session = $session;
        beside(move || session.value("SELECT 7").unwrap())
    }};
}

#[test]
fn a_pause_holds_clients_until_resume() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.value("SELECT 1").unwrap();
    stage.console().query("PAUSE").unwrap();
    assert_eq!((stage.pool()["sv_idle"].as_str(), stage.pool()["state"].as_str()), ("0", "paused"));
    let held = asks!(client);
    stage.until_pool("cl_waiting", "1");
    assert!(held.goes_on());
    assert_eq!(code(stage.console().query("PAUSE")), "55000");
    stage.console().query("RESUME").unwrap();
    assert_eq!(held.end(), "7");
    assert_eq!(code(stage.console().query("RESUME")), "55000");
}

#[test]
fn a_pause_waits_for_the_transactions_under_way() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1").unwrap();
    let pause = stage.beside(&format!("PAUSE {}", stage.database));
    stage.until_pool("state", "pausing");
    assert!(pause.goes_on());
    assert_eq!(client.value("SELECT 2").unwrap(), "2");
    client.query("COMMIT").unwrap();
    pause.end().unwrap();
    stage.until_pool("state", "paused");
}

#[test]
fn a_pause_that_resume_ends_early_says_so() {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1").unwrap();
    let pause = stage.beside("PAUSE");
    stage.until_pool("state", "pausing");
    stage.console().query("RESUME").unwrap();
    assert_eq!(code(pause.end()), "57014");
    client.query("COMMIT").unwrap();
    assert_eq!(client.value("SELECT 3").unwrap(), "3");
}

#[test]
fn a_pool_made_after_the_pause_is_paused_too() {
    let stage = Stage::new();
    stage.console().query(&format!("PAUSE {}", stage.database)).unwrap();
    let (port, database) = (stage.weir.listen().port(), stage.database.clone());
    let held = beside(move || {
        let mut late = weir_testkit::Session::tcp(port, "postgres", &database).unwrap();
        late.value("SELECT 7").unwrap()
    });
    stage.until_pool("cl_waiting", "1");
    assert!(held.goes_on());
    stage.console().query(&format!("RESUME {}", stage.database)).unwrap();
    assert_eq!(held.end(), "7");
}

/// psql waits for a PAUSE that cannot complete, and is ended by a signal.
fn interrupted_by(signal: &str) {
    let stage = Stage::new();
    let mut client = stage.client();
    client.query("BEGIN; SELECT 1").unwrap();
    let mut psql = stage.psql("weir");
    psql.args(["-c", &format!("PAUSE {}", stage.database)]).stderr(Stdio::piped());
    let psql = psql.spawn().unwrap();
    stage.until_database("paused", "1");
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args([signal, &psql.id().to_string()]).status().unwrap().success());
    let said = psql.wait_with_output().unwrap();
    if signal == "-INT" {
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains("canceling statement due to user request"), "{said}");
    }
    stage.until_database("paused", "0");
    stage.until_pool("state", "running");
    client.query("COMMIT").unwrap();
    assert_eq!(client.value("SELECT 4").unwrap(), "4");
}

#[test]
fn a_cancel_request_takes_a_pause_back() {
    interrupted_by("-INT");
}

#[test]
fn a_console_that_goes_away_takes_its_pause_back() {
    interrupted_by("-KILL");
}
