//! Quarantines that the healing ladder begins by itself: whom they keep out, and how they end.

use weir_testkit::until;

use crate::ladder::{ENFORCE, READ, idle, runs, stage, until_action, waits};
use crate::stage::{PATIENCE, Row, Stage};

/// The only quarantine, if there is one.
fn ward(stage: &Stage) -> Option<Row> {
    stage.show("SHOW QUARANTINE").pop()
}

/// What a client is told whose statement is refused: while another one that was let in holds on to
/// its slot, as nobody else is let in then.
pub(crate) fn refusal(stage: &Stage, statement: &str) -> String {
    until("a refusal", PATIENCE, || {
        let (mut probe, mut other) = (stage.client(), stage.client());
        probe.query("BEGIN")?;
        if let Err(refused) = probe.query(statement) {
            return Ok(Some(format!("{refused:#}")));
        }
        Ok(other.query(statement).err().map(|refused| format!("{refused:#}")))
    })
    .unwrap()
}

/// Waits until short transactions have ended the quarantine.
fn until_well(stage: &Stage, statement: &str) {
    let mut client = stage.client();
    until("the end of the quarantine", PATIENCE, || {
        let _ = client.query(statement);
        Ok(ward(stage).is_none().then_some(()))
    })
    .unwrap();
    client.query(statement).unwrap();
}

#[test]
fn a_route_whose_transactions_were_ended_again_and_again_is_let_in_one_at_a_time() {
    let stage = stage(ENFORCE);
    for _ in 0..3 {
        assert!(ward(&stage).is_none());
        let _idle = idle(&stage, READ);
        assert_eq!(waits(&stage).end(), "00000");
    }
    let done = until_action(&stage, "quarantine", "done");
    assert_eq!((&*done["route"], &*done["origin"]), ("/cart", "healer"));
    let ward = ward(&stage).unwrap();
    let ward = ["kind", "name", "origin"].map(|name| &*ward[name]);
    assert_eq!(ward, ["route", "/cart", "healer"]);
    let told = refusal(&stage, READ);
    assert!(told.contains("the route \"/cart\" is in quarantine (53300)"), "{told}");
    stage.client().query("SELECT 1 /*route='/other'*/").unwrap();
    until_well(&stage, READ);
}

const REPORT: &str = "SELECT pg_sleep(0) /*route='/report'*/";

/// A stage on which three statements that begin transactions were cancelled.
fn statement_in_quarantine() -> Stage {
    let stage = stage(ENFORCE);
    for _ in 0..3 {
        let report = runs(&stage, &REPORT.replace("(0)", "(600)"));
        assert_eq!((waits(&stage).end(), report.end()), ("00000".into(), "57014".into()));
    }
    until_action(&stage, "quarantine", "done");
    stage
}

#[test]
fn a_statement_that_was_cancelled_again_and_again_is_let_in_one_at_a_time() {
    let stage = statement_in_quarantine();
    let ward = ward(&stage).unwrap();
    assert_eq!((&*ward["kind"], &*ward["origin"]), ("statement", "healer"));
    let told = refusal(&stage, REPORT);
    assert!(told.contains("is in quarantine (53300)") && told.contains(&ward["name"]), "{told}");
    // Other statements of the route are as welcome as ever.
    stage.client().query("SELECT 1, 2 /*route='/report'*/").unwrap();
    until_well(&stage, REPORT);
}

#[test]
fn a_probe_that_goes_wrong_prolongs_the_quarantine_and_an_operator_ends_it() {
    let stage = statement_in_quarantine();
    let mut probe = stage.client();
    until("a probe", PATIENCE, || {
        let let_in = probe.query("BEGIN").and_then(|_| probe.query(REPORT)).is_ok();
        if !let_in {
            probe.query("ROLLBACK")?;
        }
        Ok(let_in.then_some(()))
    })
    .unwrap();
    // It holds its slot for too long: nobody is let in for twice the first second. Who looks only
    // after that sees the next one, which is twice as long again.
    until("a longer quarantine", PATIENCE, || {
        let Some(seen) = ward(&stage) else { return Ok(None) };
        let longer = seen["next_s"].parse::<f64>()? > 1.0;
        if !longer && seen["probing"] == "0" {
            probe.query("ROLLBACK")?;
            probe.query("BEGIN")?;
            // It may be let in, or come too early.
            let _ = probe.query(REPORT);
        }
        Ok(longer.then_some(()))
    })
    .unwrap();
    let told = refusal(&stage, REPORT);
    assert!(told.contains("is in quarantine (53300)"), "{told}");
    let order = format!("QUARANTINE FINGERPRINT {} OFF", ward(&stage).unwrap()["name"]);
    stage.console().query(&order).unwrap();
    assert!(ward(&stage).is_none());
    drop(probe);
    stage.client().query(REPORT).unwrap();
}

#[test]
fn what_is_only_warned_of_leads_to_no_quarantine() {
    let stage = stage("evict = \"warn\"\nexempt_superusers = false");
    for _ in 0..3 {
        let mut idle = idle(&stage, READ);
        let waiter = waits(&stage);
        until("a warning", PATIENCE, || {
            let seen = stage.show("SHOW HOLDERS").pop().unwrap()["backend_pid"].clone();
            let actions = stage.show("SHOW ACTIONS");
            Ok(actions.iter().any(|row| row["backend_pid"] == seen).then_some(()))
        })
        .unwrap();
        idle.query("COMMIT").unwrap();
        assert_eq!(waiter.end(), "00000");
    }
    assert!(ward(&stage).is_none());
}
