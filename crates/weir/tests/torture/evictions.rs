//! Evictions, cancels and closed server connections, byte by byte: the messages of JDBC, pipelines,
//! COPY, clients that do not read.

use crate::console::Console;
use crate::frames;
use crate::stage::Stage;

/// A stage with one slot and an empty table.
fn stage() -> Stage {
    let stage = Stage::new(1, "");
    assert_eq!(stage.client().query("CREATE TABLE notes (note text)").code(), "");
    stage
}

/// The rows in the table, seen by somebody else.
fn notes(stage: &Stage) -> String {
    stage.client().query("SELECT count(*) FROM notes").value().to_owned()
}

const ADD: &str = "INSERT INTO notes VALUES ('evicted')";

/// BEGIN as JDBC sends it: in one pipeline with the first statement, both by name.
fn jdbc_begin() -> Vec<u8> {
    let begin = [frames::parse("S_0", "BEGIN"), frames::bind("S_0", &[]), frames::execute()];
    let add = [frames::parse("S_2", ADD), frames::bind("S_2", &[]), frames::describe()];
    [begin.concat(), add.concat(), frames::execute(), frames::sync()].concat()
}

fn named(name: &str) -> Vec<u8> {
    [frames::bind(name, &[]), frames::execute()].concat()
}

#[test]
fn jdbc_gets_an_error_for_its_commit_and_goes_on() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.send(&[frames::parse("S_1", "COMMIT"), frames::sync()].concat());
    assert_eq!(client.answer().status, Some(b'I'));
    client.send(&jdbc_begin());
    assert_eq!(client.answer().status, Some(b'T'));
    console.evict(&stage);
    client.send(&[named("S_1"), frames::sync()].concat());
    let answer = client.answer();
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'I')), "{answer:?}");
    assert_eq!(answer.tags, [""; 0]);
    assert_eq!(notes(&stage), "0");
    // The names mean what they meant.
    let again = [named("S_0"), named("S_2"), frames::sync()].concat();
    client.send(&again);
    assert_eq!(client.answer().tags, ["BEGIN", "INSERT 0 1"]);
    client.send(&[named("S_1"), frames::sync()].concat());
    assert_eq!(client.answer().tags, ["COMMIT"]);
    assert_eq!(notes(&stage), "1");
    stage.check_all_free(1);
}

#[test]
fn jdbcs_savepoints_do_not_save_it() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.send(&jdbc_begin());
    assert_eq!(client.answer().status, Some(b'T'));
    console.evict(&stage);
    for text in ["SAVEPOINT PGJDBC_AUTOSAVE", "ROLLBACK TO SAVEPOINT PGJDBC_AUTOSAVE", ADD] {
        client.send(&[frames::parse("", text), named(""), frames::sync()].concat());
        let answer = client.answer();
        assert_eq!((answer.code(), answer.status), ("25P03", Some(b'E')), "{text}");
    }
    client.send(&[frames::parse("", "ROLLBACK"), named(""), frames::sync()].concat());
    let answer = client.answer();
    assert_eq!((&*answer.tags, answer.status), (&["ROLLBACK".to_owned()][..], Some(b'I')));
    assert_eq!(notes(&stage), "0");
    stage.check_all_free(1);
}

/// A whole next transaction is on its way behind the COMMIT of the evicted one.
#[test]
fn what_is_pipelined_behind_the_commit_is_a_transaction_of_its_own() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.send(&jdbc_begin());
    client.answer();
    console.evict(&stage);
    let end = [frames::parse("", "COMMIT"), named(""), frames::sync()].concat();
    let next = [frames::query("BEGIN"), frames::query(ADD), frames::query("COMMIT")].concat();
    client.send(&[end, next].concat());
    assert_eq!(client.answer().code(), "25P03");
    let tags: Vec<String> = (0..3).flat_map(|_| client.answer().tags).collect();
    assert_eq!(tags, ["BEGIN", "INSERT 0 1", "COMMIT"]);
    assert_eq!(notes(&stage), "1");
}

/// A pipeline that has not been synchronised is a transaction, too, and must not be committed.
#[test]
fn an_open_pipeline_leaves_nothing() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    let flush = frames::frame(b'H', &[]);
    let add = [frames::parse("", ADD), named(""), flush].concat();
    client.send(&add);
    client.until(b'C');
    console.evict(&stage);
    client.send(&frames::sync());
    let answer = client.answer();
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'I')));
    // Nor when its client leaves.
    client.send(&add);
    client.until(b'C');
    drop(client);
    stage.await_servers(0, "state <> 'idle'");
    assert_eq!(notes(&stage), "0");
    stage.check_all_free(1);
}

#[test]
fn copy_from_the_client_is_evicted() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.query("BEGIN");
    client.send(&frames::query("COPY notes FROM STDIN"));
    client.until(b'G');
    client.send(&frames::frame(b'd', b"copied\n"));
    let victim = console.doing(&stage, "active");
    assert_eq!(console.order("EVICT", &victim).tags, ["EVICT"]);
    let answer = client.answer();
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'E')));
    client.send(&[frames::frame(b'd', b"late\n"), frames::frame(b'c', &[])].concat());
    let answer = client.query("COMMIT");
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'I')));
    assert_eq!(notes(&stage), "0");
    stage.check_all_free(1);
}

/// Whoever waits is served by the same server connection, before the evicted client says anything.
#[test]
fn the_slot_goes_to_who_waits() {
    const ROUNDS: usize = 50;
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    let mut waiter = stage.client();
    for _ in 0..ROUNDS {
        assert_eq!(client.query("BEGIN").status, Some(b'T'));
        assert_eq!(client.query(ADD).tags, ["INSERT 0 1"]);
        let pid = client.query("SELECT pg_backend_pid()").value().to_owned();
        waiter.send(&frames::query("SELECT pg_backend_pid()"));
        console.doing(&stage, "waiting");
        let victim = console.doing(&stage, "idle in transaction");
        console.0.send(&frames::query(&format!("EVICT {victim}")));
        assert_eq!(waiter.answer().value(), pid);
        assert_eq!(console.0.answer().tags, ["EVICT"]);
        let answer = client.query("COMMIT");
        assert_eq!((answer.code(), answer.status), ("25P03", Some(b'I')));
    }
    assert_eq!(notes(&stage), "0");
    stage.check_all_free(1);
}

#[test]
fn what_must_not_be_ended_is_spared() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.query("BEGIN");
    client.query(ADD);
    let id = console.doing(&stage, "idle in transaction");
    assert_eq!(console.order("CANCEL", &id).code(), "55000", "nothing runs");
    client.query("ROLLBACK");
    assert_eq!(console.order("EVICT", &id).code(), "55000", "no transaction");
    assert_eq!(console.order("EVICT", "63").code(), "42704", "no such client");
    // A COMMIT that waits for another transaction is under way.
    client.query("CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    let mut other = stage.server.get().session(stage.database()).unwrap();
    other.query("BEGIN; INSERT INTO late VALUES (1)").unwrap();
    assert_eq!(client.query("BEGIN").status, Some(b'T'));
    client.query("INSERT INTO late VALUES (1)");
    client.send(&frames::query("COMMIT"));
    stage.await_servers(1, "wait_event_type = 'Lock'");
    for word in ["EVICT", "CANCEL", "CLOSE_SERVER"] {
        let answer = console.order(word, &id);
        assert_eq!(answer.code(), "55000", "{word}");
        assert!(answer.error.unwrap().message.contains("COMMIT"), "{word}");
    }
    other.query("ROLLBACK").unwrap();
    assert_eq!(client.answer().tags, ["COMMIT"]);
}

/// What the client sends while the cancel is on its way is not hit by it.
#[test]
fn a_cancel_hits_nothing_that_came_later() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    for round in 0..20 {
        client.query("BEGIN");
        client.send(&frames::query("SELECT pg_sleep(60)"));
        stage.await_servers(1, "wait_event = 'PgSleep'");
        let id = console.doing(&stage, "active");
        console.0.send(&frames::query(&format!("CANCEL {id}")));
        client.send(&[frames::query("ROLLBACK"), frames::query("SELECT 7")].concat());
        assert_eq!(client.answer().code(), "57014", "round {round}");
        assert_eq!(client.answer().tags, ["ROLLBACK"]);
        assert_eq!(client.answer().value(), "7");
        assert_eq!(console.0.answer().tags, ["CANCEL"]);
    }
    stage.check_all_free(1);
}

/// A client that does not read keeps its server from noticing a cancel; closing helps.
#[test]
fn a_server_connection_is_closed_under_a_client_that_does_not_read() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    client.query("BEGIN");
    client.query(ADD);
    let rows = "SELECT n, repeat('x', 1000) FROM generate_series(1, 1000000) n";
    client.send(&frames::query(rows));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    let id = console.doing(&stage, "active");
    assert_eq!(console.order("CLOSE_SERVER", &id).tags, ["CLOSE_SERVER"]);
    let answer = client.answer();
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'E')));
    let numbers = answer.rows.iter().map(|row| row[0].parse::<usize>().unwrap());
    assert!(numbers.eq(1..=answer.rows.len()), "each row came whole");
    let answer = client.query("COMMIT");
    assert_eq!((answer.code(), answer.status), ("25P03", Some(b'I')));
    assert_eq!(notes(&stage), "0");
    stage.check_all_free(1);
}

/// Outside of a transaction block the doubt has a code of its own.
#[test]
fn a_statement_whose_server_connection_is_closed_leaves_a_doubt() {
    let stage = stage();
    let (mut client, mut console) = (stage.client(), Console::of(&stage));
    let mut other = stage.server.get().session(stage.database()).unwrap();
    other.query("BEGIN; LOCK TABLE notes").unwrap();
    client.send(&frames::query(ADD));
    stage.await_servers(1, "wait_event_type = 'Lock'");
    let id = console.doing(&stage, "active");
    assert_eq!(console.order("CLOSE_SERVER", &id).tags, ["CLOSE_SERVER"]);
    let answer = client.answer();
    assert_eq!((answer.code(), answer.status), ("08007", Some(b'I')));
    other.query("ROLLBACK").unwrap();
    assert_eq!(client.query("SELECT 7").value(), "7");
}
