//! Clients and servers that are gone from one moment to the next.

use std::path::Path;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use weir_testkit::{Signal, until};

use crate::client::Client;
use crate::frames;
use crate::stage::{PATIENCE, Stage};

/// Clients that the proxy has, itself asked.
fn sockets(stage: &mut Stage) -> usize {
    let fds = format!("/proc/{}/fd", stage.weir().pid());
    let links = std::fs::read_dir(fds).unwrap().flatten();
    let is_socket = |link: &std::path::PathBuf| link.to_string_lossy().starts_with("socket:");
    links.filter_map(|entry| std::fs::read_link(entry.path()).ok()).filter(is_socket).count()
}

/// The request and the end of the connection come with one event.
#[test]
fn a_client_that_asks_and_leaves_at_once_is_noticed() {
    let mut stage = Stage::new(2, "");
    stage.client();
    let before = sockets(&mut stage);
    for _ in 0..5 {
        let mut client = stage.client();
        stage.weir().signal(Signal::STOP).unwrap();
        client.send(&frames::query("SELECT 1"));
        drop(client);
        stage.weir().signal(Signal::CONT).unwrap();
    }
    until("the sockets to be closed", PATIENCE, || {
        Ok((sockets(&mut stage) <= before + 2).then_some(()))
    })
    .unwrap();
    stage.check_all_free(2);
}

/// A half-closed client is gone, though its side can still be written to.
#[test]
fn a_client_that_half_closes_after_a_complete_message_is_closed() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.send(&frames::query("SELECT pg_sleep(0.2)"));
    client.finish();
    client.answer();
    assert_eq!(client.read().unwrap(), None, "the proxy closes");
    stage.check_all_free(1);
}

#[test]
fn a_client_that_never_reads_and_breaks_off_gives_its_slot_back() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.send(&frames::query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    set_socket_linger(client.stream(), Some(Duration::ZERO)).unwrap();
    drop(client);
    stage.check_all_free(1);
}

#[test]
fn a_client_that_never_reads_and_closes_gives_its_slot_back() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.send(&frames::query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)"));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    drop(client);
    stage.check_all_free(1);
}

/// The last words of a backend and the end of its connection come with one event.
#[test]
fn a_server_that_dies_while_idle_is_replaced() {
    let stage = Stage::new(2, "");
    let mut client = stage.client();
    for _ in 0..10 {
        let pid: i32 = client.query("SELECT pg_backend_pid()").value().parse().unwrap();
        stage.server.get().terminate_backend(pid).unwrap();
        assert_eq!(client.query("SELECT 7").value(), "7");
    }
}

/// The reply and the end of the connection come with one event.
#[test]
fn a_server_that_answers_and_dies_at_once_is_noticed() {
    let mut stage = Stage::own(1, "");
    let mut client = stage.client();
    let pid: i32 = client.query("SELECT pg_backend_pid()").value().parse().unwrap();
    client.send(&frames::query("SELECT pg_sleep(0.5)"));
    stage.await_servers(1, "state = 'active'");
    stage.weir().signal(Signal::STOP).unwrap();
    stage.await_servers(1, "state = 'idle'");
    stage.server.get().kill_backend(pid).unwrap();
    until("the backend to end", PATIENCE, || {
        Ok((!Path::new(&format!("/proc/{pid}")).exists()).then_some(()))
    })
    .unwrap();
    stage.weir().signal(Signal::CONT).unwrap();
    assert_eq!(client.answer().value(), "");
    assert_eq!(client.query("SELECT 7").value(), "7", "on a new server connection");
}

#[test]
fn a_server_that_dies_in_a_transaction_ends_its_client_with_the_reason() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    let began = client.query("BEGIN; SELECT pg_backend_pid()");
    let pid: i32 = began.value().parse().unwrap();
    stage.server.get().terminate_backend(pid).unwrap();
    let told = client.answer();
    assert_eq!((told.code(), told.status), ("57P01", None), "{told:?}");
    stage.check_all_free(1);
}

/// The server goes while half a row has been passed on: an error cannot follow it.
#[test]
fn a_server_that_dies_in_the_middle_of_a_row_does_not_add_words_to_it() {
    let stage = Stage::own(1, "");
    let mut client = stage.client();
    let pid: i32 = client.query("SELECT pg_backend_pid()").value().parse().unwrap();
    client.send(&frames::query("SELECT repeat('x', 100000000)"));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    stage.server.get().kill_backend(pid).unwrap();
    let answer = client.answer();
    assert_eq!(answer.status, None);
    assert!(answer.rows.is_empty(), "the row is cut short, not made up");
}

/// COPY data that nobody reads any more, because the server has refused it.
#[test]
fn a_client_goes_on_after_its_copy_was_refused_under_way() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.query("CREATE TABLE numbers (n int)");
    client.send(&frames::query("COPY numbers FROM STDIN"));
    client.until(b'G');
    let good = frames::frame(b'd', &b"1\n".repeat(4000));
    client.send(&frames::frame(b'd', b"no number\n"));
    let stream = client.stream().try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        for _ in 0..2000 {
            (&stream).write_all(&good).unwrap();
        }
        (&stream).write_all(&frames::frame(b'c', b"")).unwrap();
        (&stream).write_all(&frames::query("SELECT 7")).unwrap();
    });
    assert_eq!(client.answer().code(), "22P02");
    assert_eq!(client.answer().value(), "7");
    writer.join().unwrap();
    stage.check_all_free(1);
}

/// A refused COPY whose client stays away holds nobody's slot.
#[test]
fn a_copy_refused_in_the_middle_of_a_message_gives_the_slot_back() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    client.query("CREATE TABLE numbers (n int)");
    client.send(&frames::query("COPY numbers FROM STDIN"));
    client.until(b'G');
    client.send(&frames::frame(b'd', b"no number\n"));
    let long = frames::frame(b'd', &b"1\n".repeat(4000));
    client.send(&long[..4000]);
    assert_eq!(client.answer().code(), "22P02");
    client.send(&long[4000..]);
    client.send(&frames::frame(b'f', b"\0"));
    let mut other = Client::open(stage.port(), stage.database());
    assert_eq!(other.query("SELECT 7").value(), "7");
    assert_eq!(client.query("SELECT 8").value(), "8");
}
