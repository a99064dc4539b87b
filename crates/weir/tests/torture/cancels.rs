//! Cancel requests: only the asker's statement, only while it is there.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use weir_testkit::{Session, until};

use crate::books::{self, Books};
use crate::client::{Client, cancel};
use crate::frames;
use crate::stage::{PATIENCE, Stage};

const SLEEPING: &str = "wait_event = 'PgSleep'";

#[test]
fn a_running_statement_is_cancelled() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    for _ in 0..5 {
        client.send(&frames::query("SELECT pg_sleep(60)"));
        stage.await_servers(1, SLEEPING);
        client.cancel();
        let answer = client.answer();
        assert_eq!((answer.code(), answer.status), ("57014", Some(b'I')));
        assert_eq!(client.query("SELECT 7").value(), "7");
    }
    stage.check_all_free(1);
}

/// A server connection that has not met the statement is told it first, in the same batch.
#[test]
fn a_statement_that_was_prepared_elsewhere_is_cancelled() {
    let stage = Stage::new(2, "");
    let mut client = stage.client();
    client.send(&[frames::parse("s", "SELECT pg_sleep(60)"), frames::sync()].concat());
    assert_eq!(client.answer().status, Some(b'I'));
    for _ in 0..4 {
        client.send(&[frames::bind("s", &[]), frames::execute(), frames::sync()].concat());
        stage.await_servers(1, SLEEPING);
        client.cancel();
        assert_eq!(client.answer().code(), "57014");
    }
    stage.check_all_free(2);
}

#[test]
fn a_waiting_statement_is_cancelled_without_reaching_the_server() {
    let stage = Stage::new(1, "");
    let mut holder = stage.client();
    holder.query("CREATE TABLE t (n int)");
    holder.query("BEGIN; SELECT 1");
    let mut waiter = stage.client();
    waiter.send(&frames::query("INSERT INTO t VALUES (1)"));
    // Which of the two comes first at the proxy is not known: ask until it is out of the queue.
    waiter.stream().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let answer = until("the waiting statement to be cancelled", PATIENCE, || {
        waiter.cancel();
        Ok(waiter.try_answer().ok())
    })
    .unwrap();
    assert_eq!((answer.code(), answer.status), ("57014", Some(b'I')));
    holder.query("COMMIT");
    assert_eq!(holder.query("SELECT count(*) FROM t").value(), "0");
}

#[test]
fn idle_clients_and_wrong_keys_cancel_nothing() {
    let stage = Stage::new(2, "");
    let mut gate = stage.server.get().session(stage.database()).unwrap();
    gate.query("SELECT pg_advisory_lock(7)").unwrap();
    let mut idle = stage.client();
    let mut busy = stage.client();
    busy.send(&frames::query("SELECT pg_advisory_xact_lock(7), 7"));
    stage.await_servers(1, "wait_event_type = 'Lock'");
    idle.cancel();
    cancel(stage.port(), busy.pid, &[0, 0, 0, 0]);
    cancel(stage.port(), busy.pid + 1, &busy.secret);
    cancel(stage.port(), 0, &busy.secret);
    cancel(stage.port(), -1, &busy.secret);
    cancel(stage.port(), i32::MAX, &busy.secret);
    assert_eq!(idle.query("SELECT 8").value(), "8");
    gate.query("SELECT pg_advisory_unlock(7)").unwrap();
    let answer = busy.answer();
    assert_eq!((answer.rows[0][1].as_str(), answer.status), ("7", Some(b'I')));
}

/// No process id is 0: clients take that for "cannot be cancelled".
#[test]
fn every_client_has_a_process_id() {
    let stage = Stage::new(1, "");
    let clients: Vec<Client> = (0..3).map(|_| stage.client()).collect();
    assert!(clients.iter().all(|client| client.pid > 0 && !client.secret.is_empty()));
}

/// Five hundred requests at once for short statements of one client: they end its statements or
/// come too late, and never touch the others', which share the server connections.
#[test]
fn a_storm_of_cancels_hits_the_asker_alone() {
    let stage = Stage::new(3, "");
    let (port, database) = (stage.port(), stage.database());
    let books = Books::watch(&stage);
    std::thread::scope(|scope| {
        let mut target = stage.client();
        let (pid, secret) = (target.pid, target.secret.clone());
        let couriers: Vec<_> = (0..10)
            .map(|_| {
                let secret = secret.clone();
                scope.spawn(move || (0..50).for_each(|_| cancel(port, pid, &secret)))
            })
            .collect();
        let others: Vec<_> = (0..8)
            .map(|tag| {
                scope.spawn(move || {
                    let mut client = Client::open(port, database);
                    for n in 0..40 {
                        let sql = format!("SELECT '{tag}:{n}', pg_sleep(0.005)");
                        assert_eq!(client.query(&sql).rows[0][0], format!("{tag}:{n}"));
                    }
                })
            })
            .collect();
        let mut n = 0;
        while !couriers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let answer = target.query(&format!("SELECT {n}, pg_sleep(0.01)"));
            assert_eq!(answer.status, Some(b'I'), "its connection lives on: {answer:?}");
            match answer.code() {
                "57014" => {}
                _ => assert_eq!(answer.rows[0][0], n.to_string()),
            }
            n += 1;
        }
        others.into_iter().for_each(|other| other.join().unwrap());
    });
    books.close();
    stage.check_all_free(3);
}

/// A postmaster that takes no connections, while its backends go on. Let go when it is dropped.
struct Deaf(Pid);

impl Deaf {
    fn new(stage: &Stage) -> Self {
        let file = stage.server.get().data_dir().join("postmaster.pid");
        let text = std::fs::read_to_string(file).unwrap();
        let pid = Pid::from_raw(text.lines().next().unwrap().parse().unwrap()).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        Self(pid)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        // It may have ended.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// The place of the column `phase` in SHOW HOLDERS.
const PHASE: usize = 4;

/// The place of the column `cl_active_cancel_req` in SHOW POOLS.
const CANCELS: usize = 4;

/// The cancel request cannot be delivered, the statement ends by itself: the slot waits for the
/// request, and the ledger says so.
#[test]
fn a_slot_that_waits_for_a_cancel_request_is_charged_for_that() {
    let stage = Stage::own(1, "");
    let mut gate = stage.server.get().session(stage.database()).unwrap();
    gate.query("SELECT pg_advisory_lock(7)").unwrap();
    let mut client = stage.client();
    client.query("SELECT 1");
    let mut console = Session::tcp(stage.port(), "postgres", "weir").unwrap();
    let mut shows = |statement: &str, at: usize, expected: &str| {
        until(&format!("{expected} in {statement}"), PATIENCE, || {
            let rows = console.query(statement)?;
            books::check(&mut console);
            let mine =
                rows.iter().find(|row| row.iter().flatten().any(|it| it == stage.database()));
            Ok(mine.is_some_and(|row| row[at].as_deref() == Some(expected)).then_some(()))
        })
        .unwrap();
    };
    client.send(&frames::query("SELECT pg_advisory_xact_lock(7), 'waits' /*route='/gate'*/"));
    shows("SHOW HOLDERS", PHASE, "executing");
    let deaf = Deaf::new(&stage);
    client.send_cancel();
    shows("SHOW POOLS", CANCELS, "1");
    gate.query("SELECT pg_advisory_unlock(7)").unwrap();
    assert_eq!(client.answer().status, Some(b'I'));
    shows("SHOW HOLDERS", PHASE, "cancel_settling");
    drop(deaf);
    assert_eq!(client.query("SELECT 8").value(), "8");
    stage.check_all_free(1);
}

/// The same with settings and a BEGIN of the proxy's own before the statement: a cancel that hits
/// those is an error of the statement, not the end of the connection.
#[test]
fn a_cancel_that_hits_what_the_proxy_asks_itself_is_the_statements() {
    let stage = Stage::new(2, "");
    let port = stage.port();
    let mut other = stage.client();
    let mut target = stage.client();
    assert_eq!(target.query("SET application_name = 'target'").code(), "");
    let (pid, secret) = (target.pid, target.secret.clone());
    std::thread::scope(|scope| {
        let courier = scope.spawn(move || (0..300).for_each(|_| cancel(port, pid, &secret)));
        while !courier.is_finished() {
            other.query("SELECT 1");
            target.query("BEGIN");
            let answer = target.query("SELECT current_setting('application_name')");
            match answer.code() {
                "57014" => {}
                _ => assert_eq!(answer.value(), "target"),
            }
            // A cancel may hit the ROLLBACK as well; then it was not done.
            let mut ended = target.query("ROLLBACK");
            while ended.code() == "57014" {
                ended = target.query("ROLLBACK");
            }
            assert_eq!((ended.code(), ended.status), ("", Some(b'I')), "{ended:?}");
        }
    });
    stage.check_all_free(2);
}

/// What a client has set comes before its statement: where the server refuses it, the statement
/// must not run without.
#[test]
fn a_statement_never_runs_without_its_settings() {
    let stage = Stage::new(1, "");
    let role = format!("role_{}", stage.database());
    let mut client = stage.client();
    client.query("CREATE TABLE t (n int)");
    client.query(&format!("CREATE ROLE {role}"));
    client.query(&format!("GRANT ALL ON t TO {role}"));
    assert_eq!(client.query(&format!("SET ROLE {role}")).code(), "");
    let mut other = stage.client();
    other.query(&format!("REVOKE ALL ON t FROM {role}"));
    assert_eq!(other.query(&format!("DROP ROLE {role}")).code(), "");
    let answer = client.query("INSERT INTO t VALUES (1)");
    assert_eq!((answer.code(), answer.status), ("22023", None), "{answer:?}");
    assert_eq!(other.query("SELECT count(*) FROM t").value(), "0");
    stage.check_all_free(1);
}
