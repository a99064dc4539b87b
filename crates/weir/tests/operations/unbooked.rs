//! Without a ledger: work goes on, and whoever would read it is told so in one line.

use std::process::Command;

use weir_testkit::{Session, SqlError, until};

use crate::stage::{PATIENCE, Stage, beside};

const OFF: &str = "[pool]\nsize = 2\n[ledger]\nenabled = false\n";

const LINE: &str = "the ledger is off (ledger.enabled = false)";

fn error(result: anyhow::Result<weir_testkit::Rows>) -> String {
    result.unwrap_err().downcast_ref::<SqlError>().unwrap().message.clone()
}

/// Opens a transaction and stays in it.
fn hold(mut session: Session) -> Session {
    session.query("BEGIN; SELECT 1 /*route='/held'*/").unwrap();
    session
}

#[test]
fn whoever_reads_a_ledger_that_is_off_is_told_so() {
    let stage = Stage::with(OFF);
    stage.client().query("SELECT 1 /*route='/a'*/").unwrap();
    let mut console = stage.console();
    for topic in ["HOLDERS", "ROUTES", "GAPS", "LEDGER"] {
        let said = error(console.query(&format!("SHOW {topic}")));
        assert!(said.contains(LINE), "SHOW {topic}: {said}");
    }
    let said = error(console.query("EVICT ROUTE '/held'"));
    assert!(said.contains(LINE), "EVICT: {said}");
    let answer = stage.http("/api/v1/ledger", "Connection: close\r\n");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains(LINE), "{answer}");
    let answer = stage.http("/api/v1/ledger/history", "Connection: close\r\n");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(LINE), "{answer}");
    let mut top = Command::new(env!("CARGO_BIN_EXE_weir"));
    top.args(["top", "--once", "--http", &stage.weir.http().unwrap().to_string()]);
    let top = top.output().unwrap();
    let said = String::from_utf8_lossy(&top.stderr);
    assert!(!top.status.success() && said.contains(LINE), "{said}");
    assert_eq!(stage.weir.log().matches(LINE).count(), 1, "{}", stage.weir.log());
}

#[test]
fn without_a_ledger_slots_are_given_and_waits_are_counted() {
    let stage = Stage::with(OFF);
    let mut held: Vec<Session> = (0..2).map(|_| hold(stage.client())).collect();
    let mut third = stage.client();
    let waits = beside(move || third.query("SELECT 2 /*route='/late'*/").map(drop));
    let waiter = until("a waiter", PATIENCE, || Ok(stage.show("SHOW WAITERS").pop())).unwrap();
    assert_eq!((&*waiter["route"], &*waiter["ahead"]), ("other", "0"));
    assert_eq!((&*stage.pool()["cl_waiting"], &*stage.pool()["sv_active"]), ("1", "2"));
    held.iter_mut().for_each(|session| drop(session.query("COMMIT").unwrap()));
    waits.end().unwrap();
    let metrics = stage.http("/metrics", "Connection: close\r\n");
    assert!(metrics.contains("\nweir_ledger_enabled 0\n"), "{metrics}");
    assert!(metrics.contains("\ndb_client_connection_wait_time_seconds_count 3\n"), "{metrics}");
    for unknown in ["weir_phase_seconds_total", "weir_ledger_drift_seconds", "weir_route_slots"] {
        assert!(!metrics.contains(unknown), "{unknown} is not known:\n{metrics}");
    }
}

#[test]
fn only_a_restart_brings_the_ledger_back() {
    let stage = Stage::with(OFF);
    stage.client().query("SELECT 1").unwrap();
    stage.rewrite("[pool]\nsize = 3\n");
    stage.console().query("RELOAD").unwrap();
    assert_eq!(stage.pool()["pool_size"], "3", "the rest is in force");
    let log = stage.weir.log();
    assert!(log.contains("only a restart changes ledger.enabled: the old values stay"), "{log}");
    let said = error(stage.console().query("SHOW HOLDERS"));
    assert!(said.contains(LINE), "{said}");
    // What can do nothing without it is refused.
    stage.rewrite(&format!("{OFF}[healing]\nevict = \"enforce\"\n"));
    stage.console().query("RELOAD").unwrap_err();
    let log = stage.weir.log();
    assert!(log.contains("without the ledger nobody is known to hold a slot"), "{log}");
}
