//! What the healing ladder never touches, with everything enforced and somebody waiting: prepared
//! transactions, commits under way, replication, autovacuum.

use std::process::Stdio;

use weir_testkit::{Options, Want, until};

use crate::ladder::{
    CALL, ENFORCE, READ, STUBBORN, idle, runs, stage, text, until_action, until_long, waits,
};
use crate::stage::{PATIENCE, Stage, beside, code};

/// Everything enforced, also against those who wrote.
fn hard() -> String {
    format!("writers = true\n{ENFORCE}")
}

/// The numbers of the orders, by the server itself.
fn orders(stage: &Stage) -> String {
    let sql = "SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM orders";
    stage.direct(&stage.database).value(sql).unwrap()
}

/// The transactions of this database that are prepared, by the server itself.
fn prepared(stage: &Stage) -> String {
    let sql = "SELECT coalesce(string_agg(gid, ' '), '') FROM pg_prepared_xacts \
               WHERE database = current_database()";
    stage.direct(&stage.database).value(sql).unwrap()
}

#[test]
fn what_is_prepared_outlives_the_eviction_of_its_session_and_is_committed_once() {
    let stage = stage(&hard());
    let mut client = stage.client();
    client.query("CREATE TABLE orders (n int)").unwrap();
    let gid = |name: &str| format!("'{}-{name}'", stage.database);
    client.query("BEGIN").unwrap();
    client.query("INSERT INTO orders VALUES (1)").unwrap();
    client.query(&format!("PREPARE TRANSACTION {}", gid("one"))).unwrap();
    client.query("BEGIN").unwrap();
    client.query("INSERT INTO orders VALUES (2)").unwrap();
    assert_eq!(waits(&stage).end(), "00000");
    assert_eq!(code(client.query(&format!("PREPARE TRANSACTION {}", gid("two")))), "25P03");
    assert_eq!(format!("'{}'", prepared(&stage)), gid("one"), "and nothing of the evicted one");
    assert_eq!(orders(&stage), "");
    let commit = format!("COMMIT PREPARED {}", gid("one"));
    client.query(&commit).unwrap();
    assert_eq!(code(client.query(&commit)), "42704", "it was committed once");
    assert_eq!((orders(&stage), prepared(&stage)), ("1".into(), String::new()));
}

#[test]
fn a_transaction_that_is_being_prepared_is_left_alone() {
    let stage = stage(&hard());
    let mut client = stage.client();
    client.query("CREATE TABLE orders (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)").unwrap();
    let mut other = stage.direct(&stage.database);
    other.query("BEGIN; INSERT INTO orders VALUES (1)").unwrap();
    client.query("BEGIN").unwrap();
    client.query("INSERT INTO orders VALUES (1)").unwrap();
    // The check of the deferred constraint waits for the other transaction.
    let prepare = format!("PREPARE TRANSACTION '{}-late'", stage.database);
    let preparing = beside(move || code(client.query(&prepare)));
    until_waiting(&stage, "wait_event_type = 'Lock'");
    let waiter = waits(&stage);
    until_long(&stage);
    assert!(preparing.goes_on() && waiter.goes_on());
    assert_eq!(stage.show("SHOW ACTIONS"), []);
    other.query("ROLLBACK").unwrap();
    assert_eq!((preparing.end(), waiter.end()), ("00000".into(), "00000".into()));
    stage.client().query(&format!("COMMIT PREPARED '{}-late'", stage.database)).unwrap();
    assert_eq!(orders(&stage), "1");
}

/// Waits until a session of the database waits for that.
fn until_waiting(stage: &Stage, what: &str) {
    let mut direct = stage.direct("postgres");
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND {what}",
        stage.database
    );
    let waits = || Ok((direct.value(&sql)? != "0").then_some(()));
    until("a session that waits", PATIENCE, waits).unwrap();
}

#[test]
fn a_prepared_transaction_that_is_being_committed_is_left_alone() {
    // Who commits synchronously waits for a standby that is not there.
    let options = Options::new(Want::major(15))
        .set("synchronous_standby_names", "nobody")
        .set("synchronous_commit", "local");
    let stage = Stage::own(options, &text(1, &hard()));
    let mut direct = stage.direct(&stage.database);
    direct.query("CREATE TABLE orders (n int)").unwrap();
    direct.query("BEGIN; INSERT INTO orders VALUES (1); PREPARE TRANSACTION 'one'").unwrap();
    let synchronous = format!("ALTER DATABASE {} SET synchronous_commit = on", stage.database);
    direct.query(&synchronous).unwrap();
    let commit = runs(&stage, "COMMIT PREPARED 'one'");
    until_waiting(&stage, "wait_event = 'SyncRep'");
    let waiter = waits(&stage);
    until_long(&stage);
    assert!(commit.goes_on() && waiter.goes_on());
    assert_eq!(stage.show("SHOW ACTIONS"), []);
    direct.query("ALTER SYSTEM SET synchronous_standby_names = ''").unwrap();
    direct.query("SELECT pg_reload_conf()").unwrap();
    assert_eq!((commit.end(), waiter.end()), ("00000".into(), "00000".into()));
    assert_eq!(orders(&stage), "1");
}

/// The processes of this server that replicate, or vacuum [`CHURN`] by themselves. Workers that
/// look after other tables come and go.
const OWN: &str = "SELECT coalesce(string_agg(backend_type || ' ' || pid, ', ' ORDER BY backend_type), '') \
                   FROM pg_stat_activity WHERE backend_type = 'walsender' \
                   OR backend_type = 'autovacuum worker' AND query LIKE 'autovacuum: VACUUM%.churn%'";

/// A table that takes autovacuum minutes.
const CHURN: &str = "CREATE TABLE churn WITH (autovacuum_vacuum_threshold = 1, \
                     autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 100, \
                     autovacuum_vacuum_cost_limit = 1) AS SELECT n FROM generate_series(1, 100000) n";

#[test]
fn replication_and_autovacuum_go_on_while_everything_else_is_ended() {
    let options = Options::new(Want::major(15)).set("autovacuum_naptime", "1s");
    let stage = Stage::own(options, &text(1, &hard()));
    let mut direct = stage.direct(&stage.database);
    direct.query(CHURN).unwrap();
    direct.query("UPDATE churn SET n = n + 1").unwrap();
    let replicates = format!("dbname={} replication=database", stage.database);
    let mut sender = stage.psql_at(stage.server().port(), &replicates);
    sender.args(["-c", "SELECT pg_sleep(3600)"]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut sender = sender.spawn().unwrap();
    let own = until("replication and autovacuum", PATIENCE, || {
        let own = direct.value(OWN)?;
        Ok((own.contains("walsender") && own.contains("autovacuum")).then_some(own))
    })
    .unwrap();
    stage.client().query(STUBBORN).unwrap();
    let _idle = idle(&stage, READ);
    assert_eq!(waits(&stage).end(), "00000");
    let _call = runs(&stage, CALL);
    assert_eq!(waits(&stage).end(), "00000");
    for step in ["evict", "cancel", "close"] {
        until_action(&stage, step, "done");
    }
    let after = direct.value(OWN).unwrap();
    let _ = sender.kill();
    sender.wait().unwrap();
    assert_eq!(after, own);
}
