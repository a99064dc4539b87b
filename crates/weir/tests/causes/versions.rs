//! The guard on every version of PostgreSQL that it knows: with a role of its own, from calm to
//! full, and what does not count against the limit.
//!
//! 15, 17 and 18 must be there, or be had where CI gets them. The others are looked at where they
//! can be had.

use serde_json::Value;
use weir_testkit::{Account, Installation, Launch, Options, Scratch, Want, until};

use crate::deaf::Deaf;
use crate::scene::{PATIENCE, Scene, causes};
use crate::stage::guard;

/// Versions without which the test fails.
const SURE: [u16; 3] = [15, 17, 18];

/// The guard's own role, as the documentation makes it.
const GUARD: &str = "user = \"weir_guard\"\n";

const SILENT: &str = "BEGIN; INSERT INTO stock VALUES ((random() * 1000000000)::int + 1000, 1)";

/// From this version on ordinary roles can have reserved slots.
const RESERVES: u16 = 16;

fn scene(major: u16) -> Option<Scene> {
    let want = Want::major(major);
    if !SURE.contains(&major) && Installation::find(want).is_err() {
        return None;
    }
    let reserved = |options: Options| match major {
        RESERVES.. => options.set("reserved_connections", "3"),
        _ => options,
    };
    let options = reserved(Options::new(want)).set("autovacuum_naptime", "1s");
    let scene = Scene::on(options);
    let role = "CREATE ROLE weir_guard LOGIN CONNECTION LIMIT 5; GRANT pg_monitor TO weir_guard";
    scene.server.execute("postgres", role).unwrap();
    if major >= RESERVES {
        let grant = "GRANT pg_use_reserved_connections TO weir_guard";
        scene.server.execute("postgres", grant).unwrap();
    }
    Some(scene)
}

/// Connections that ordinary roles can open.
fn ordinary(major: u16) -> usize {
    if major >= RESERVES { 17 } else { 20 }
}

#[expect(clippy::print_stderr, reason = "a version that is left out must be seen")]
fn play(major: u16) {
    let Some(scene) = scene(major) else {
        eprintln!("--- SKIPPED: PostgreSQL {major} cannot be had here");
        return;
    };
    calm(&scene, major);
    what_does_not_count(&scene);
    silent_transactions(&scene, major);
    narrower_limits(&scene);
    without_rights(&scene, major);
    full(&scene, major);
}

fn calm(scene: &Scene, major: u16) {
    let answer = scene.check(&guard(GUARD));
    let server = &answer["servers"][0];
    assert_eq!((&answer["status"], causes(&answer).len()), (&"ok".into(), 0), "{answer:#}");
    assert!(server["version"].as_str().unwrap().starts_with(&format!("{major}.")), "{server}");
    assert_eq!(server["connections"]["limit"], ordinary(major));
    let blind: Vec<String> = serde_json::from_value(server["blind_spots"].clone()).unwrap();
    let expected: &[&str] = match major {
        ..14 => &["PostgreSQL 14 tells them", "before PostgreSQL 16"],
        14..RESERVES => &["before PostgreSQL 16"],
        RESERVES.. => &[],
    };
    assert_eq!(blind.len(), expected.len(), "{blind:?}");
    let told = |(said, expected): (&String, &&str)| said.contains(expected);
    assert!(blind.iter().zip(expected).all(told), "{blind:?}");
}

/// Replication and autovacuum are shown, are nobody's long statement, and take no connection.
fn what_does_not_count(scene: &Scene) {
    let slow = "CREATE TABLE churn WITH (autovacuum_vacuum_threshold = 1, \
                autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, \
                autovacuum_vacuum_cost_limit = 1) AS SELECT n FROM generate_series(1, 100000) n";
    scene.server.execute("postgres", slow).unwrap();
    scene.server.execute("postgres", "UPDATE churn SET n = n + 1").unwrap();
    let _sender = Deaf::replicating(scene.server.port(), "SELECT pg_sleep(3600)");
    let strict = guard(&format!("{GUARD}long_statements_max = 0"));
    let answer = until("replication and autovacuum to be seen", PATIENCE, || {
        let answer = scene.check(&strict);
        let connections = &answer["servers"][0]["connections"];
        let both = connections["replication"] == 1 && connections["autovacuum"] == 1;
        // The check alone, once those who made the table have gone.
        Ok((both && connections["used"] == 1).then_some(answer))
    })
    .unwrap();
    assert_eq!(causes(&answer), [] as [&str; 0], "{answer:#}");
    scene.server.execute("postgres", "DROP TABLE churn").unwrap();
}

fn silent_transactions(scene: &Scene, major: u16) {
    let _held = scene.after(ordinary(major) - 2, SILENT);
    let answer = until("the finding", PATIENCE, || {
        let answer = scene.check(&guard(GUARD));
        let first = causes(&answer).first().map(String::as_str) == Some("waits-on-application");
        Ok(first.then_some(answer))
    })
    .unwrap();
    let issue = &answer["servers"][0]["issues"][0];
    let before = issue["culprit"]["gap"]["before"]["text"].as_str().unwrap();
    assert!(before.contains("insert into stock"), "{issue:#}");
    assert!(causes(&answer).contains(&"limit-near".into()), "{answer:#}");
    scene.clear();
}

fn narrower_limits(scene: &Scene) {
    for (user, database) in [("narrow", "postgres"), ("app", "small")] {
        let held = scene.login(3, user, database);
        let answer = scene.check(&guard(GUARD));
        assert_eq!(causes(&answer), ["limit-near"], "{user} in {database}: {answer:#}");
        let culprit = &answer["servers"][0]["issues"][0]["culprit"];
        let named = [&culprit["user"], &culprit["database"]].map(Value::as_str);
        assert!(named.contains(&Some("narrow")) || named.contains(&Some("small")), "{culprit}");
        drop(held);
        scene.clear();
    }
}

/// A role that may do nothing still sees how many connections there are, and says what it does not
/// see.
fn without_rights(scene: &Scene, major: u16) {
    let held = scene.after(ordinary(major) - 2, SILENT);
    // Sessions that asked before may take a moment to go.
    let answer = until("nobody else", PATIENCE, || {
        let answer = scene.check_as("app");
        let used = &answer["servers"][0]["connections"]["used"];
        Ok((*used == ordinary(major) - 1).then_some(answer))
    })
    .unwrap();
    let server = &answer["servers"][0];
    assert_eq!(server["connections"]["unknown"], ordinary(major) - 2, "{answer:#}");
    assert_eq!(causes(&answer), ["limit-near"], "{answer:#}");
    assert!(server["blind_spots"].to_string().contains("pg_monitor"), "{answer:#}");
    drop(held);
    scene.clear();
}

/// A guard that was there before sees the full server, whatever its role; one that comes to it
/// needs a reserved slot.
fn full(scene: &Scene, major: u16) {
    let home = Scratch::new(Account::own()).unwrap();
    let port = scene.server.port();
    let url = format!("postgres://weir_guard@127.0.0.1:{port}/postgres");
    let launch = Launch::new(env!("CARGO_BIN_EXE_weir"), &home.path().join("log"));
    let mut watch = launch.args(["watch", "--json", "--url", &url]).start().unwrap();
    let mut line = |status: &str, used: usize| {
        let wanted = |line: &str| {
            let health: Value = serde_json::from_str(line).ok()?;
            (health["status"] == status && health["connections"]["used"] == used).then_some(())
        };
        watch.line(PATIENCE, wanted).unwrap_or_else(|error| panic!("{status}: {error:#}"));
    };
    // The watch is one of them.
    line("ok", 1);
    let _held = scene.login(ordinary(major) - 1, "app", "postgres");
    line("critical", ordinary(major));
    let refused = scene.check_as("app");
    assert_eq!(
        (&refused["status"], causes(&refused)),
        (&"critical".into(), vec!["limit-near".into()])
    );
    let answer = scene.check(&guard(GUARD));
    assert_eq!(causes(&answer), ["limit-near"], "{answer:#}");
    let connections = &answer["servers"][0]["connections"];
    match major {
        RESERVES.. => assert_eq!(connections["used"], ordinary(major) + 1, "{connections}"),
        _ => assert!(connections.is_null(), "there was no slot for it: {connections}"),
    }
}

#[test]
fn postgres_13() {
    play(13);
}

#[test]
fn postgres_14() {
    play(14);
}

#[test]
fn postgres_15() {
    play(15);
}

#[test]
fn postgres_16() {
    play(16);
}

#[test]
fn postgres_17() {
    play(17);
}

#[test]
fn postgres_18() {
    play(18);
}
