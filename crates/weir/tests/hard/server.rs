//! The server hangs, or restarts.

use weir_testkit::Stop;

use crate::stage::{Stage, kinds};

/// Lost once and back once, in this order, and no event is out of its time.
fn told_in_order(incident: &serde_json::Value) {
    let told = kinds(incident);
    let at = |kind: &str| told.iter().position(|known| known == kind);
    let count = |kind: &str| told.iter().filter(|known| *known == kind).count();
    assert_eq!((count("server-lost"), count("server-back")), (1, 1), "{told:?}");
    assert!(at("server-lost") < at("server-back"), "{told:?}");
    let back = told.iter().rposition(|known| known == "state");
    assert!(at("server-back") < back, "it ends after that: {told:?}");
}

#[test]
fn a_server_that_hangs_is_an_event_and_not_the_end() {
    let mut stage = Stage::new();
    let holder = stage.hurt();
    stage.server.suspend().unwrap();
    stage.until_event("server-lost");
    stage.server.resume().unwrap();
    stage.until_event("server-back");
    drop(holder);
    told_in_order(&stage.until_closed());
    assert_eq!(stage.client().value("SELECT 7").unwrap(), "7");
}

#[test]
fn a_server_that_restarts_is_an_event_and_not_the_end() {
    let mut stage = Stage::new();
    let holder = stage.hurt();
    stage.server.stop(Stop::Immediate).unwrap();
    stage.until_event("server-lost");
    stage.server.start_again().unwrap();
    stage.until_event("server-back");
    drop(holder);
    told_in_order(&stage.until_closed());
    assert_eq!(stage.client().value("SELECT 7").unwrap(), "7");
}
