//! Clients that do not read what they asked for, and what that costs others and the proxy.

use crate::books::Books;
use crate::client::Client;
use crate::frames;
use crate::stage::Stage;

/// Resident memory of the proxy, bytes.
fn memory(stage: &mut Stage) -> usize {
    let status = format!("/proc/{}/status", stage.weir().pid());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

/// What the proxy may keep for one client that does not read: its bound and some room.
const KEPT_MAX: usize = 8 << 20;

/// A result that fits into buffers frees the slot before its client has read it.
#[test]
fn a_small_result_does_not_hold_the_slot() {
    let stage = Stage::new(1, "");
    let mut slow = stage.client();
    slow.send(&frames::query("SELECT repeat('x', 100000)"));
    let mut other = stage.client();
    for n in 0..20 {
        assert_eq!(other.query(&format!("SELECT {n}")).value(), n.to_string());
    }
    assert_eq!(slow.answer().value().len(), 100_000);
}

/// A large result waits in the server, not in the proxy, and arrives whole once it is read.
#[test]
fn a_large_result_is_not_buffered_and_arrives_whole() {
    let mut stage = Stage::new(2, "");
    let mut slow = stage.client();
    slow.query("SELECT 1");
    let before = memory(&mut stage);
    slow.send(&frames::query("SELECT n, repeat('x', 990) FROM generate_series(1, 100000) n"));
    stage.await_servers(1, "wait_event = 'ClientWrite'");
    let mut other = stage.client();
    for n in 0..20 {
        assert_eq!(other.query(&format!("SELECT {n}")).value(), n.to_string());
    }
    let grown = memory(&mut stage).saturating_sub(before);
    assert!(grown < KEPT_MAX, "{grown} bytes for a client that does not read");
    let answer = slow.answer();
    assert_eq!(answer.rows.len(), 100_000);
    assert!((1..).zip(&answer.rows).all(|(n, row)| row[0] == n.to_string() && row[1].len() == 990));
    assert_eq!(slow.query("SELECT 7").value(), "7");
    stage.check_all_free(2);
}

/// Many small results of one client that never reads must not pile up either.
#[test]
fn small_results_of_a_client_that_never_reads_do_not_pile_up() {
    let mut stage = Stage::new(2, "");
    let mut deaf = stage.client();
    deaf.query("SELECT 1");
    let before = memory(&mut stage);
    let stream = deaf.stream().try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        use std::io::Write;
        let one = frames::query("SELECT repeat('x', 60000)");
        // Ends with an error when the connection is shut down below.
        for _ in 0..100_000 {
            if (&stream).write_all(&one).is_err() {
                return;
            }
        }
    });
    let mut other = stage.client();
    for n in 0..300 {
        assert_eq!(other.query(&format!("SELECT {n}, pg_sleep(0.01)")).rows[0][0], n.to_string());
    }
    let grown = memory(&mut stage).saturating_sub(before);
    let _ = deaf.stream().shutdown(std::net::Shutdown::Both);
    asking.join().unwrap();
    drop(deaf);
    assert!(grown < KEPT_MAX, "{grown} bytes for a client that never reads");
    stage.check_all_free(2);
}

/// One that reads a little at a time gets every byte, in order.
#[test]
fn a_pipeline_read_late_is_answered_in_order() {
    let stage = Stage::new(1, "");
    let books = Books::watch(&stage);
    let mut client = stage.client();
    let asked: Vec<u8> = (0..200)
        .flat_map(|n| frames::query(&format!("SELECT {n}, repeat('y', {})", n * 997 % 40_000)))
        .collect();
    let stream = client.stream().try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        use std::io::Write;
        (&stream).write_all(&asked).unwrap();
    });
    // Others get their turn while this one is stalled.
    let mut other = Client::open(stage.port(), stage.database());
    assert_eq!(other.query("SELECT 7").value(), "7");
    for n in 0..200 {
        let answer = client.answer();
        assert_eq!(answer.rows[0][0], n.to_string());
        assert_eq!(answer.rows[0][1].len(), n * 997 % 40_000);
    }
    asking.join().unwrap();
    books.close();
    stage.check_all_free(1);
}

/// More requests than the proxy keeps in mind at once: it listens again when there are fewer.
#[test]
fn a_long_pipeline_is_answered_to_its_end() {
    let stage = Stage::new(1, "");
    let mut client = stage.client();
    let stream = client.stream().try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        use std::io::Write;
        let open = [frames::parse("", "SELECT 1"), frames::bind("", &[]), frames::execute()];
        (&stream).write_all(&open.concat()).unwrap();
        (&stream).write_all(&frames::sync().repeat(60_000)).unwrap();
        (&stream).write_all(&frames::query("SELECT 7")).unwrap();
    });
    assert_eq!(client.answer().value(), "1");
    for _ in 1..60_000 {
        assert_eq!(client.answer().status, Some(b'I'));
    }
    assert_eq!(client.answer().value(), "7");
    asking.join().unwrap();
    stage.check_all_free(1);
}
