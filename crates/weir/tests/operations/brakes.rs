//! What holds the healing ladder back: the breaker, FREEZE, exemptions, tries without effect.

use std::collections::BTreeSet;

use weir_testkit::{Session, until};

use crate::ladder::{
    CALL, ENFORCE, READ, STUBBORN, actions, idle, reload, runs, stage, text, until_action,
    until_long, until_measured, waits,
};
use crate::stage::{PATIENCE, Row, Stage, Underway, code};

/// Cancels only.
const CANCELS: &str = "cancel = \"enforce\"\nexempt_superusers = false";

/// Waits until as many breakers are open.
fn until_breakers(stage: &Stage, count: u32) {
    let line = format!("\nweir_healing_breakers_open {count}\n");
    let shown = || Ok(stage.http("/metrics", "").contains(&line).then_some(()));
    until("breakers", PATIENCE, shown).unwrap();
}

#[test]
fn a_healer_that_does_not_help_stops_until_somebody_has_looked() {
    let stage = Stage::with(&text(3, CANCELS));
    stage.client().query(STUBBORN).unwrap();
    let calls: Vec<_> = (0..3).map(|_| runs(&stage, CALL)).collect();
    let waiter = waits(&stage);
    until_breakers(&stage, 1);
    let cancels = actions(&stage, "cancel");
    assert_eq!(cancels.len(), 3);
    for cancel in cancels {
        assert_eq!(
            (&*cancel["outcome"], &*cancel["freed"], &*cancel["helped"]),
            ("done", "0", "0")
        );
    }
    assert!(stage.weir.log().contains("the healing ladder stops"), "{}", stage.weir.log());
    // From here on these connections would be closed.
    reload(&stage, &text(3, ENFORCE));
    until_action(&stage, "close", "breaker");
    until_long(&stage);
    assert!(waiter.goes_on() && calls.iter().all(Underway::goes_on), "nothing is ended");
    assert!(actions(&stage, "close").iter().all(|row| row["outcome"] != "done"));
    stage.console().query("UNFREEZE").unwrap();
    assert_eq!(waiter.end(), "00000");
    until_action(&stage, "close", "done");
    until_breakers(&stage, 0);
}

/// A stage on which a statement was cancelled and runs on, and somebody waits.
fn cancelled(healing: &str) -> (Stage, Underway<String>, Underway<String>) {
    let stage = stage(healing);
    stage.client().query(STUBBORN).unwrap();
    let call = runs(&stage, CALL);
    let waiter = waits(&stage);
    until_action(&stage, "cancel", "done");
    (stage, call, waiter)
}

#[test]
fn freeze_acts_at_once_while_an_action_is_under_way() {
    let (stage, call, waiter) = cancelled(CANCELS);
    stage.console().query("FREEZE").unwrap();
    reload(&stage, &text(1, ENFORCE));
    // The cancel has not ended it, and closing would be next.
    until_action(&stage, "close", "frozen");
    until_long(&stage);
    assert!(call.goes_on() && waiter.goes_on());
    assert!(actions(&stage, "close").iter().all(|row| row["outcome"] != "done"));
    stage.console().query("UNFREEZE").unwrap();
    assert_eq!(waiter.end(), "00000");
    until_action(&stage, "close", "done");
}

#[test]
fn who_is_exempt_is_neither_cancelled_nor_closed() {
    let exempt = ["ROUTE /report", "USER postgres", "APPLICATION weir-testkit"];
    let stage = stage(CANCELS);
    let sleep = "SELECT pg_sleep(600) /*route='/report'*/";
    for whom in exempt {
        stage.console().query(&format!("EXEMPT {whom}")).unwrap();
        let sleeper = runs(&stage, sleep);
        let waiter = waits(&stage);
        until_long(&stage);
        let own = |row: &Row| row["origin"] == "healer";
        assert!(!stage.show("SHOW ACTIONS").iter().any(own), "{whom}");
        assert!(sleeper.goes_on(), "{whom}");
        let holder = stage.show("SHOW HOLDERS").pop().unwrap();
        stage.console().query(&format!("CANCEL {}", holder["client_id"])).unwrap();
        assert_eq!((sleeper.end(), waiter.end()), ("57014".into(), "00000".into()));
        stage.console().query(&format!("EXEMPT {whom} OFF")).unwrap();
    }
    for whom in exempt {
        let (stage, call, waiter) = cancelled(CANCELS);
        stage.console().query(&format!("EXEMPT {whom}")).unwrap();
        reload(&stage, &text(1, ENFORCE));
        until_long(&stage);
        assert_eq!(
            actions(&stage, "close").iter().filter(|row| row["outcome"] == "done").count(),
            0
        );
        assert!(call.goes_on() && waiter.goes_on(), "{whom}");
        stage.console().query(&format!("EXEMPT {whom} OFF")).unwrap();
        assert_eq!(waiter.end(), "00000", "{whom}");
    }
}

#[test]
fn a_class_that_is_exempt_is_not_touched_by_any_step() {
    let class = "[classes.reports]\nroutes = [\"/report\"]\nexempt = true\n";
    let stage = Stage::with(&format!("{}{class}", text(2, ENFORCE)));
    let mut idle = idle(&stage, "SELECT 1 /*route='/report'*/");
    let sleeper = runs(&stage, "SELECT pg_sleep(600) /*route='/report'*/");
    let waiter = waits(&stage);
    until_long(&stage);
    assert_eq!(stage.show("SHOW ACTIONS"), []);
    assert!(sleeper.goes_on());
    idle.query("COMMIT").unwrap();
    assert_eq!(waiter.end(), "00000");
}

/// The backends in the lines of an order's answer that have this outcome.
fn backends(rows: &[Row], outcome: &str) -> BTreeSet<String> {
    let hit = rows.iter().filter(|row| row["outcome"] == outcome);
    hit.map(|row| row["backend_pid"].clone()).collect()
}

/// Whom an order is about, and what it does to them or to nobody, without how long that took.
fn about(rows: &[Row]) -> BTreeSet<Vec<String>> {
    let names = ["database", "user", "route", "client_id", "backend_pid"];
    rows.iter().map(|row| names.map(|name| row[name].clone()).to_vec()).collect()
}

/// Tries an order, then gives it: both must be about the same.
fn tried(stage: &Stage, order: &str) -> Vec<Row> {
    let dry = stage.show(&format!("{order} DRY RUN"));
    let done = stage.show(order);
    assert_eq!(about(&dry), about(&done), "{order}");
    done
}

#[test]
fn a_dry_run_of_evict_lists_exactly_those_who_are_then_hit() {
    let stage = Stage::with("[pool]\nsize = 4\n[healing]\nexempt_superusers = false\n");
    stage.client().query("CREATE TABLE orders (n int)").unwrap();
    let mut all: Vec<(Session, String)> = [READ, READ, "SELECT 1 /*route='/other'*/"]
        .into_iter()
        .chain(["INSERT INTO orders VALUES (1) /*route='/cart'*/"])
        .map(|statement| {
            let mut client = idle(&stage, statement);
            let pid = client.value("SELECT pg_backend_pid()").unwrap();
            (client, pid)
        })
        .collect();
    let dry = stage.show("EVICT ROUTE /cart DRY RUN");
    let expected = backends(&dry, "would be rolled back");
    assert_eq!(expected, all[..2].iter().map(|(_, pid)| pid.clone()).collect());
    for (client, pid) in &mut all {
        assert_eq!(code(client.query("SELECT 1")), "00000", "{pid} after the dry run");
    }
    assert_eq!(backends(&tried(&stage, "EVICT ROUTE /cart"), "rolled back"), expected);
    let hit = all.iter_mut().filter_map(|(client, pid)| {
        (code(client.query("SELECT 1")) == "25P03").then(|| pid.clone())
    });
    assert_eq!(hit.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_dry_run_of_the_other_orders_names_what_they_then_do() {
    let stage = Stage::with("[healing]\nexempt_superusers = false\n");
    let elsewhere = stage.weir.session("postgres", "postgres").unwrap();
    let (mut here, mut there) = (idle(&stage, READ), elsewhere);
    there.query("BEGIN").unwrap();
    there.query(READ).unwrap();
    // Both pools have seen the route.
    assert_eq!(about(&stage.show("CAP ROUTE /cart 3 DRY RUN")).len(), 2);
    assert_eq!(stage.show("SHOW CAPS"), []);
    assert_eq!(tried(&stage, "CAP ROUTE /cart 3").len(), 2);
    assert_eq!(stage.show("SHOW CAPS").len(), 2);
    assert_eq!(tried(&stage, "CAP ROUTE /cart OFF").len(), 2);
    assert_eq!(stage.show("SHOW CAPS"), []);
    // Both transactions are shielded by it, and not before.
    assert_eq!(stage.show("EXEMPT ROUTE /cart DRY RUN").len(), 2);
    let spared = |order: &str| backends(&stage.show(order), "spared: exempt");
    assert_eq!(spared("EVICT ROUTE /cart DRY RUN"), BTreeSet::new());
    let exempt = tried(&stage, "EXEMPT ROUTE /cart");
    assert_eq!(spared("EVICT ROUTE /cart DRY RUN"), backends(&exempt, "never touched"));
    assert_eq!(tried(&stage, "EXEMPT ROUTE /cart OFF").len(), 2);
    here.query("COMMIT").unwrap();
    there.query("COMMIT").unwrap();
    stage.show("QUARANTINE ROUTE /cart DRY RUN");
    assert_eq!(stage.show("SHOW QUARANTINE"), []);
    here.query(READ).unwrap();
    assert_eq!(tried(&stage, "QUARANTINE ROUTE /cart")[0]["route"], "/cart");
    assert_eq!(stage.show("SHOW QUARANTINE").pop().unwrap()["name"], "/cart");
}

#[test]
fn a_dry_run_of_freeze_names_what_it_then_lifts() {
    let stage = stage(ENFORCE);
    for _ in 0..3 {
        let _idle = idle(&stage, READ);
        assert_eq!(waits(&stage).end(), "00000");
    }
    until_action(&stage, "quarantine", "done");
    stage.console().query("QUARANTINE ROUTE /orders").unwrap();
    let names =
        |rows: Vec<Row>| rows.into_iter().map(|row| row["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(stage.show("SHOW QUARANTINE")).len(), 2);
    let lifts = stage.show("FREEZE DRY RUN");
    assert_eq!((lifts.len(), &*lifts[0]["route"]), (1, "/cart"));
    assert_eq!(names(stage.show("SHOW QUARANTINE")).len(), 2);
    assert_eq!(tried(&stage, "FREEZE").len(), 1);
    assert_eq!(names(stage.show("SHOW QUARANTINE")), ["/orders"]);
    stage.show("UNFREEZE DRY RUN");
    let frozen = || {
        let states = stage.show("SHOW STATE").into_iter();
        states.filter(|row| row["key"] == "healing_frozen").map(|row| row["value"].clone()).next()
    };
    assert_eq!(frozen().as_deref(), Some("yes"));
    assert!(stage.http("/metrics", "").contains("\nweir_healing_frozen 1\n"));
    stage.show("UNFREEZE");
    assert_eq!(frozen().as_deref(), Some("no"));
    assert!(stage.http("/metrics", "").contains("\nweir_healing_frozen 0\n"));
}

#[test]
fn what_is_only_observed_has_its_prediction_and_effect_too() {
    for mode in ["observe", "warn"] {
        let stage = stage(&format!("evict = \"{mode}\"\nexempt_superusers = false"));
        let mut idle = idle(&stage, READ);
        let waiter = waits(&stage);
        let seen = until_measured(&stage, "evict", mode);
        assert_eq!((&*seen["waiting_before"], &*seen["waiting_expected"]), ("1", "0"));
        assert_eq!((&*seen["expected_slots"], &*seen["waiting_after"]), ("1", "1"));
        assert_eq!((&*seen["freed"], &*seen["helped"]), ("0", "0"));
        assert!(seen["kept_s"].parse::<f64>().unwrap() > 0.0, "{seen:?}");
        // Only a warning is one.
        let log = stage.weir.log();
        assert_eq!(log.contains("healing would act, but only warns"), mode == "warn", "{log}");
        idle.query("COMMIT").unwrap();
        assert_eq!(waiter.end(), "00000");
        let sums = stage.show("SHOW ACTIONS SUMMARY");
        let how = if mode == "warn" { "warned" } else { "observed" };
        let sum = sums.iter().find(|row| row["outcome"] == how).unwrap();
        assert_eq!((&*sum["step"], &*sum["count"], &*sum["measured"]), ("evict", "1", "1"));
    }
}
