//! The healing ladder before a real server: what it does, and above all what it does not.

use weir_testkit::until;

use crate::ladder::{
    ENFORCE, READ, actions, idle, reload, runs, stage, text, until_action, until_long, waits,
};
use crate::ledger::Deaf;
use crate::stage::{PATIENCE, Row, code};

#[test]
fn an_idle_transaction_is_rolled_back_for_who_waits_and_its_client_lives_on() {
    let stage = stage(ENFORCE);
    let mut idle = idle(&stage, READ);
    assert_eq!(waits(&stage).end(), "00000");
    assert_eq!(code(idle.query("SELECT 1")), "25P03");
    idle.query("ROLLBACK").unwrap();
    assert_eq!(idle.value("SELECT 7").unwrap(), "7");
    let done = until_action(&stage, "evict", "done");
    assert_eq!((&*done["route"], &*done["origin"]), ("/cart", "healer"));
    assert_eq!((&*done["statement"], &*done["waiting_before"]), ("select ?", "1"));
    assert_eq!((&*done["waiting_expected"], &*done["expected_slots"]), ("0", "1"));
    until("its effect", PATIENCE, || {
        let done = until_action(&stage, "evict", "done");
        Ok((done["helped"] == "1" && done["freed"] == "1").then_some(()))
    })
    .unwrap();
    let metrics = stage.http("/metrics", "");
    let line = "weir_healing_actions_total{step=\"evict\",outcome=\"done\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[test]
fn nothing_is_ended_while_nobody_waits() {
    let stage = stage(ENFORCE);
    let mut idle = idle(&stage, READ);
    until_long(&stage);
    assert_eq!(stage.show("SHOW ACTIONS"), []);
    idle.query("COMMIT").unwrap();
}

#[test]
fn writers_are_spared_unless_operators_allow_it() {
    let stage = stage(ENFORCE);
    stage.client().query("CREATE TABLE orders (n int)").unwrap();
    let mut writer = idle(&stage, "INSERT INTO orders VALUES (1)");
    let waiter = waits(&stage);
    until_long(&stage);
    assert_eq!(actions(&stage, "evict"), []);
    writer.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
    reload(&stage, &text(1, &format!("writers = true\n{ENFORCE}")));
    let mut writer = idle(&stage, "INSERT INTO orders VALUES (2)");
    assert_eq!(waits(&stage).end(), "00000");
    assert_eq!(code(writer.query("COMMIT")), "25P03", "never a success");
    writer.query("ROLLBACK").unwrap();
    assert_eq!(writer.value("SELECT count(*) FROM orders").unwrap(), "1");
}

#[test]
fn superusers_are_never_touched_by_default() {
    let stage = stage("evict = \"enforce\"\nwriters = true");
    let mut idle = idle(&stage, READ);
    let waiter = waits(&stage);
    until_long(&stage);
    assert_eq!(actions(&stage, "evict"), []);
    idle.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
}

#[test]
fn in_warn_it_is_said_what_enforcing_would_have_saved() {
    let stage = stage("exempt_superusers = false");
    let mut idle = idle(&stage, READ);
    let waiter = waits(&stage);
    until_action(&stage, "evict", "warn");
    let kept = |row: &Row| row["kept_s"].parse::<f64>().unwrap() > 0.5;
    let summary = until("half a second in the summary", PATIENCE, || {
        Ok(stage.show("SHOW ACTIONS SUMMARY").into_iter().find(kept))
    })
    .unwrap();
    assert_eq!((&*summary["step"], &*summary["outcome"]), ("evict", "warned"));
    assert_eq!((&*summary["count"], &*summary["slots"]), ("1", "1"));
    idle.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
}

#[test]
fn the_log_has_it_as_often_as_an_operator_wants() {
    let stage = stage("exempt_superusers = false\nsummary_every = \"500ms\"");
    let mut idle = idle(&stage, READ);
    let waiter = waits(&stage);
    until_action(&stage, "evict", "warn");
    let line = "healing, seven days: 1 actions for 1 slots";
    let lines = || {
        let log = stage.weir.log();
        log.lines().filter(|one| one.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    until("three summaries", PATIENCE, || Ok((lines().len() >= 3).then_some(()))).unwrap();
    let last = lines().pop().unwrap();
    for part in ["step=\"evict\"", "outcome=\"warned\"", "which enforcing would have saved"] {
        assert!(last.contains(part), "no `{part}` in: {last}");
    }
    reload(&stage, &text(1, "exempt_superusers = false\nsummary_every = \"off\""));
    idle.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
}

#[test]
fn freeze_stops_it_on_every_worker_and_unfreeze_lets_it_go_on() {
    let stage = stage(&format!("{ENFORCE}\n[workers]\ncount = 2"));
    stage.console().query("FREEZE DRY RUN").unwrap();
    assert!(stage.http("/metrics", "").contains("\nweir_healing_frozen 0\n"));
    stage.console().query("FREEZE").unwrap();
    assert!(stage.http("/metrics", "").contains("\nweir_healing_frozen 2\n"));
    let mut idle = idle(&stage, READ);
    let waiter = waits(&stage);
    until_action(&stage, "evict", "frozen");
    until_long(&stage);
    idle.query("SELECT 1").unwrap();
    stage.console().query("UNFREEZE").unwrap();
    assert_eq!(waiter.end(), "00000");
    assert_eq!(code(idle.query("SELECT 1")), "25P03");
}

#[test]
fn exempt_means_exempt() {
    let stage = stage(ENFORCE);
    for whom in ["ROUTE /cart", "USER postgres", "APPLICATION weir-testkit"] {
        stage.console().query(&format!("EXEMPT {whom}")).unwrap();
        let mut idle = idle(&stage, READ);
        let waiter = waits(&stage);
        until_long(&stage);
        assert_eq!(actions(&stage, "evict"), [], "{whom}");
        let hits = stage.show("EVICT ROUTE /cart FORCE DRY RUN");
        assert_eq!(hits[0]["outcome"], "spared: exempt", "{whom}");
        idle.query("COMMIT").unwrap();
        assert_eq!(waiter.end(), "00000");
        stage.console().query(&format!("EXEMPT {whom} OFF")).unwrap();
    }
    let _idle = idle(&stage, READ);
    assert_eq!(waits(&stage).end(), "00000");
}

#[test]
fn the_budget_holds() {
    let stage = stage(&format!("{ENFORCE}\nper_minute_max = 0"));
    let mut idle = idle(&stage, READ);
    let waiter = waits(&stage);
    until_action(&stage, "evict", "budget");
    until_long(&stage);
    idle.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
}

#[test]
fn a_runaway_statement_is_cancelled() {
    let stage = stage(ENFORCE);
    let runaway = runs(&stage, "SELECT pg_sleep(600) /*route='/report'*/");
    assert_eq!(waits(&stage).end(), "00000");
    assert_eq!(runaway.end(), "57014");
    assert_eq!(until_action(&stage, "cancel", "done")["route"], "/report");
}

#[test]
fn a_migration_runs_as_long_as_it_takes() {
    let stage = stage(ENFORCE);
    let migration = runs(&stage, "CREATE TABLE big AS SELECT 1 AS n FROM pg_sleep(2)");
    let waiter = waits(&stage);
    assert_eq!(migration.end(), "00000");
    assert_eq!(waiter.end(), "00000");
    assert_eq!(stage.show("SHOW ACTIONS"), []);
}

#[test]
fn who_does_not_read_loses_the_server_connection() {
    let stage = stage(ENFORCE);
    let text = "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 1000000)) TO STDOUT \
                /*route='/export'*/";
    let _deaf = Deaf::new(stage.psql(&stage.database), text);
    until("a blocked client", PATIENCE, || {
        let blocked = |row: &Row| row["phase"] == "client_blocked";
        Ok(stage.show("SHOW HOLDERS").first().is_some_and(blocked).then_some(()))
    })
    .unwrap();
    assert_eq!(waits(&stage).end(), "00000");
    assert_eq!(until_action(&stage, "close", "done")["route"], "/export");
}
