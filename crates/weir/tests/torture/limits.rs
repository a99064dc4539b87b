//! Time limits, with short values: what the client is told, and that the slot is free again.

use weir_testkit::until;

use crate::client::Report;
use crate::frames;
use crate::stage::{PATIENCE, Stage};

/// A limit that statements meet which sleep for a minute, and short ones only on a machine that
/// stands still.
const STATEMENTS: &str = "[timeouts]\nstatement = \"5s\"";

#[test]
fn a_wait_that_is_too_long_is_refused_on_a_live_connection() {
    let stage = Stage::new(1, "query_wait_timeout = \"300ms\"");
    let mut holder = stage.holder();
    let mut waiter = stage.client();
    let refused = waiter.query("SELECT 1");
    assert_eq!((refused.code(), refused.status), ("53300", Some(b'I')), "{refused:?}");
    let Report { detail, hint, .. } = refused.error.as_ref().unwrap();
    assert!(detail.contains("1 of 1 server connections are in use"), "{detail}");
    assert!(hint.contains("SHOW HOLDERS"), "{hint}");
    // Extended messages up to the Sync belong to the refused request.
    let batch = [frames::parse("", "SELECT 1"), frames::bind("", &[]), frames::execute()].concat();
    waiter.send(&[batch, frames::sync()].concat());
    assert_eq!(waiter.answer().code(), "53300");
    holder.query("COMMIT");
    assert_eq!(waiter.query("SELECT 7").value(), "7");
}

/// A refused first statement of a deferred transaction leaves the client in a failed transaction.
#[test]
fn a_refusal_fails_the_transaction_it_belongs_to() {
    let stage = Stage::new(1, "query_wait_timeout = \"200ms\"");
    let mut holder = stage.holder();
    let mut waiter = stage.client();
    assert_eq!(waiter.query("BEGIN").status, Some(b'T'));
    let refused = waiter.query("SELECT 1");
    assert_eq!((refused.code(), refused.status), ("53300", Some(b'E')));
    let again = waiter.query("SELECT 1");
    assert_eq!((again.code(), again.status), ("25P02", Some(b'E')));
    let ended = waiter.query("COMMIT");
    assert_eq!((ended.tags, ended.status), (vec!["ROLLBACK".to_owned()], Some(b'I')));
    holder.query("ROLLBACK");
    assert_eq!(waiter.query("SELECT 7").value(), "7");
}

#[test]
fn a_statement_that_is_too_long_is_cancelled() {
    let stage = Stage::new(1, STATEMENTS);
    let mut client = stage.client();
    let answer = client.query("SELECT pg_sleep(60)");
    assert_eq!((answer.code(), answer.status), ("57014", Some(b'I')));
    assert_eq!(client.query("SELECT 7").value(), "7");
    stage.check_all_free(1);
}

/// Each statement of a transaction has the limit, not only the first that meets it.
#[test]
fn a_second_statement_that_is_too_long_is_cancelled_too() {
    let stage = Stage::new(1, STATEMENTS);
    let mut client = stage.client();
    client.query("BEGIN");
    for _ in 0..2 {
        assert_eq!(client.query("SAVEPOINT s").code(), "");
        let answer = client.query("SELECT pg_sleep(60)");
        assert_eq!((answer.code(), answer.status), ("57014", Some(b'E')));
        assert_eq!(client.query("ROLLBACK TO s").status, Some(b'T'));
    }
    client.query("ROLLBACK");
    stage.check_all_free(1);
}

#[test]
fn an_idle_transaction_is_rolled_back_and_its_client_lives_on() {
    let stage = Stage::new(1, "[timeouts]\nidle_transaction = \"300ms\"");
    let mut client = stage.client();
    client.query("CREATE TABLE t (n int)");
    client.query("BEGIN");
    client.query("INSERT INTO t VALUES (1)");
    stage.await_servers(0, "state <> 'idle'");
    // Its slot serves another.
    assert_eq!(stage.client().query("SELECT count(*) FROM t").value(), "0");
    let told = client.query("INSERT INTO t VALUES (2)");
    assert_eq!((told.code(), told.status), ("25P03", Some(b'E')));
    let again = client.query("SELECT 1");
    assert_eq!((again.code(), again.status), ("25P03", Some(b'E')));
    let batch = [frames::parse("", "SELECT 1"), frames::bind("", &[]), frames::execute()].concat();
    client.send(&[batch, frames::sync()].concat());
    assert_eq!(client.answer().code(), "25P03");
    let ended = client.query("COMMIT");
    assert_eq!((ended.code(), ended.status), ("25P03", Some(b'I')));
    assert_eq!(client.query("SELECT count(*) FROM t").value(), "0");
}

#[test]
fn a_transaction_that_is_too_long_is_rolled_back() {
    let stage = Stage::new(1, "[timeouts]\ntransaction = \"3s\"");
    let mut client = stage.client();
    client.query("BEGIN");
    let mut answer = client.query("SELECT 1");
    while answer.error.is_none() {
        answer = client.query("SELECT pg_sleep(0.05)");
    }
    assert!(["25P04", "57014"].contains(&answer.code()), "{answer:?}");
    assert_eq!(answer.status, Some(b'E'));
    stage.await_servers(0, "state <> 'idle'");
    assert_eq!(client.query("ROLLBACK").status, Some(b'I'));
    stage.check_all_free(1);
}

/// Like PostgreSQL's idle_session_timeout.
#[test]
fn an_idle_client_is_closed_with_the_reason() {
    let stage = Stage::new(1, "[timeouts]\nclient_idle = \"1s\"");
    let mut client = until("a client that asks in time", PATIENCE, || {
        let mut client = stage.client();
        Ok(client.query("SELECT 7").status.is_some().then_some(client))
    })
    .unwrap();
    let told = client.answer();
    assert_eq!((told.code(), told.status), ("57P05", None));
}

/// A cancel does not end a statement whose answer nobody reads: the client goes instead.
#[test]
fn a_client_that_never_reads_loses_its_slot_when_its_time_is_over() {
    let stage = Stage::new(1, STATEMENTS);
    let mut deaf = stage.client();
    deaf.send(&frames::query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    assert_eq!(stage.client().query("SELECT 7").value(), "7");
    assert_eq!(deaf.answer().status, None);
    stage.check_all_free(1);
}
