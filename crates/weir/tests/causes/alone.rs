//! Causes one by one, seen from the server alone.

use weir_testkit::{Options, Want};

use crate::scene::{Scene, causes};
use crate::stage::{Stage, guard, play};

const SILENT: &str = "BEGIN; INSERT INTO stock VALUES ((random() * 1000000000)::int + 1000, 1)";
const SLEEP: &str = "SELECT pg_sleep(3600)";
const SEARCH: &str = "SELECT pg_sleep(3600) /*route='/search'*/";
const UPDATE: &str = "UPDATE stock SET n = n + 1 WHERE id = 1";

const STATEMENTS: &[Stage] = &[
    Stage {
        name: "many long statements where connections are plenty",
        guard: "",
        stage: |scene| scene.running(7, SLEEP),
        expected: &["long-statement"],
    },
    Stage {
        name: "long statements that take all connections",
        guard: "",
        stage: |scene| scene.running(18, SLEEP),
        expected: &["long-statement", "limit-near"],
    },
    Stage {
        name: "a few long statements among idle sessions of a full server",
        guard: "",
        stage: |scene| scene.running(5, SLEEP).and(scene.after(13, "SELECT 1")),
        expected: &["long-statement", "limit-near"],
    },
    Stage {
        name: "slow statements of one route among idle sessions of a full server",
        guard: "long_statement = \"1h\"\nslow_statement = \"100ms\"",
        stage: |scene| scene.running(10, SEARCH).and(scene.after(8, "SELECT 1")),
        expected: &["slow-route", "limit-near"],
    },
    Stage {
        name: "clients that do not read",
        guard: "",
        stage: |scene| scene.deaf(4, "report").and(scene.after(13, "SELECT 1")),
        expected: &["application-aggregation"],
    },
    Stage {
        name: "one client that does not read for long",
        guard: "",
        stage: |scene| scene.deaf(1, "report"),
        expected: &["application-aggregation"],
    },
    Stage {
        name: "cursors that wait between fetches",
        guard: "",
        stage: |scene| {
            let open = "BEGIN; DECLARE c CURSOR FOR SELECT * FROM stock";
            scene.after_each(17, &[open, "FETCH 1 FROM c"])
        },
        expected: &["application-aggregation"],
    },
    Stage {
        name: "different statements that are all slow",
        guard: "slow_answer = \"100ms\"\nlong_statement = \"1h\"",
        stage: |scene| {
            let column = |at: usize| format!("SELECT pg_sleep(3600) AS c{}", at % 5);
            for at in 0..17 {
                scene.running(1, &column(at));
            }
            crate::scene::Held::default()
        },
        expected: &["database-slow"],
    },
];

#[test]
fn statements_and_their_readers() {
    play(&Scene::new(), STATEMENTS);
}

const TRANSACTIONS: &[Stage] = &[
    Stage {
        name: "silent transactions that take all connections",
        guard: "",
        stage: |scene| scene.after(17, SILENT),
        expected: &["waits-on-application", "limit-near"],
    },
    Stage {
        name: "one silent transaction where connections are plenty",
        guard: "idle_transaction_calm = \"100ms\"",
        stage: |scene| scene.after(1, SILENT),
        expected: &["waits-on-application"],
    },
    Stage {
        name: "a COPY whose data does not come",
        guard: "idle_transaction_calm = \"100ms\"",
        stage: |scene| scene.running(1, "BEGIN; SELECT 1; COPY stock FROM STDIN"),
        expected: &["waits-on-application"],
    },
    Stage {
        name: "waiters behind a silent transaction",
        guard: "",
        stage: |scene| scene.after(1, &format!("BEGIN; {UPDATE}")).and(scene.running(3, UPDATE)),
        expected: &["lock-chain"],
    },
    Stage {
        name: "waiters behind a transaction that is busy",
        guard: "",
        stage: |scene| {
            let root = scene.running(1, &format!("BEGIN; {UPDATE}; {SLEEP}"));
            root.and(scene.running(2, UPDATE))
        },
        expected: &["lock-chain"],
    },
    Stage {
        name: "readers behind a change of the schema behind a reader",
        guard: "",
        stage: |scene| {
            let root = scene.after(1, "BEGIN; SELECT count(*) FROM stock");
            let change = scene.running(1, "ALTER TABLE stock ADD COLUMN later int");
            root.and(change).and(scene.running(3, "SELECT count(*) FROM stock"))
        },
        expected: &["lock-chain"],
    },
    Stage {
        name: "waiters behind a prepared transaction",
        guard: "",
        stage: |scene| {
            scene.after(1, &format!("BEGIN; {UPDATE}; PREPARE TRANSACTION 'left'"));
            scene.running(2, UPDATE)
        },
        expected: &["lock-chain"],
    },
    Stage {
        name: "forgotten transactions",
        guard: "forgotten = \"100ms\"",
        stage: |scene| scene.after(2, SILENT),
        expected: &["leak"],
    },
];

#[test]
fn transactions_and_locks() {
    play(&Scene::new(), TRANSACTIONS);
}

const LIMITS: &[Stage] = &[
    Stage {
        name: "connections that nobody uses",
        guard: "forgotten = \"100ms\"",
        stage: |scene| scene.after(17, "SELECT 1"),
        expected: &["leak", "limit-near"],
    },
    Stage {
        name: "a limit that is near, and nothing else",
        guard: "",
        stage: |scene| scene.after(17, "SELECT 1"),
        expected: &["limit-near"],
    },
    Stage {
        name: "the limit of a role",
        guard: "",
        stage: |scene| scene.login(3, "narrow", "postgres"),
        expected: &["limit-near"],
    },
    Stage {
        name: "the limit of a database",
        guard: "",
        stage: |scene| scene.login(3, "app", "small"),
        expected: &["limit-near"],
    },
];

#[test]
fn limits() {
    play(&Scene::new(), LIMITS);
}

fn all_on(major: u16) {
    let scene = Scene::on(Options::new(Want::major(major)));
    for stages in [STATEMENTS, TRANSACTIONS, LIMITS] {
        play(&scene, stages);
    }
}

#[test]
fn all_of_them_on_postgres_17() {
    all_on(17);
}

#[test]
fn all_of_them_on_postgres_18() {
    all_on(18);
}

#[test]
fn a_full_server_is_seen_with_reserved_slots_and_said_to_be_full_without() {
    let scene = Scene::new();
    let _held = scene.login(20, "app", "postgres");
    let answer = scene.check(&guard(""));
    assert_eq!(causes(&answer), ["limit-near"]);
    let connections = &answer["servers"][0]["connections"];
    assert_eq!(
        (connections["limit"].as_u64(), connections["reserved"].as_u64()),
        (Some(20), Some(3))
    );
    assert_eq!(connections["used"].as_u64(), Some(21), "the check itself is one of them");
    let refused = scene.check_as("app");
    assert_eq!(causes(&refused), ["limit-near"]);
    assert_eq!(refused["status"], "critical");
    let advice = refused["servers"][0]["issues"][0]["remedy"]["text"].as_str().unwrap();
    assert!(advice.contains("pg_use_reserved_connections"), "{advice}");
}

#[test]
fn the_culprit_is_named_and_no_value_leaves() {
    let scene = Scene::new();
    let secret = "SET application_name = 'payments'; BEGIN; SELECT 'hunter2' /*route='/pay/7'*/";
    let _held = scene.after(18, secret);
    let answer = weir_testkit::until("the finding", crate::scene::PATIENCE, || {
        let answer = scene.check(&guard(""));
        Ok((causes(&answer).first().map(String::as_str) == Some("waits-on-application"))
            .then_some(answer))
    })
    .unwrap();
    let culprit = &answer["servers"][0]["issues"][0]["culprit"];
    assert_eq!(culprit["application"], "payments");
    assert!(culprit["gap"]["before"]["text"].as_str().unwrap().contains("select ?"), "{culprit}");
    assert!(culprit["route"].as_str().unwrap().starts_with("/pay/"), "{culprit}");
    assert!(!answer.to_string().contains("hunter2"));
}
