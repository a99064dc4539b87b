//! What a reload changes of the guard and of incidents, while the proxy runs.

use weir_testkit::{Signal, until};

use crate::stage::{PATIENCE, Stage};

fn until_log(stage: &Stage, part: &str) {
    let found = until(part, PATIENCE, || Ok(stage.weir.log().contains(part).then_some(())));
    found.unwrap_or_else(|_| panic!("{part} is not in {}", stage.weir.log()));
}

#[test]
fn the_guard_stops_begins_and_changes_its_role_with_a_reload() {
    let mut stage = Stage::new("");
    let watched = |stage: &Stage| stage.json("/api/v1/health")["servers"].as_array().map(Vec::len);
    let ok = |stage: &Stage| {
        until("a sample", PATIENCE, || {
            Ok((stage.json("/api/v1/health")["status"] == "ok").then_some(()))
        })
        .unwrap();
    };
    ok(&stage);
    stage.rewrite("[guard]\nenabled = false\n");
    stage.weir.signal(Signal::HUP).unwrap();
    until("nobody watches", PATIENCE, || Ok((watched(&stage) == Some(0)).then_some(()))).unwrap();
    let guards = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'weir-guard'";
    let mut direct = stage.server.session("postgres").unwrap();
    until("its connection to go", PATIENCE, || Ok((direct.value(guards)? == "0").then_some(())))
        .unwrap();
    stage.server.execute("postgres", "CREATE ROLE eyes LOGIN; GRANT pg_monitor TO eyes").unwrap();
    stage.rewrite("[guard]\nuser = \"eyes\"\n");
    stage.weir.signal(Signal::HUP).unwrap();
    ok(&stage);
    let whose = "SELECT usename FROM pg_stat_activity WHERE application_name = 'weir-guard'";
    assert_eq!(direct.value(whose).unwrap(), "eyes");
}

#[test]
fn what_only_a_restart_changes_is_named_in_the_log() {
    let mut stage = Stage::new("");
    stage.rewrite("[workers]\ncount = 3\n");
    stage.weir.signal(Signal::HUP).unwrap();
    until_log(&stage, "only a restart changes workers.count: the old values stay");
}
