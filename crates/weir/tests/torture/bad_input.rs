//! Clients that lie, at every stage. Whatever they send, another client is served throughout, no
//! slot is lost, and the proxy lives.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::chance::Chance;
use crate::client::{Answer, Client};
use crate::frames::{self, frame};
use crate::stage::Stage;

/// Sends `bytes` after the login and reads what comes until the end of the connection.
fn said_to(stage: &Stage, bytes: &[u8]) -> Answer {
    let mut client = stage.client();
    client.send(bytes);
    let answer = client.answer();
    assert_eq!(answer.status, None, "the connection ends: {answer:?}");
    answer
}

/// Runs `rough` while another client asks and is answered.
fn while_others_are_served(stage: &Stage, rough: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let served = scope.spawn(|| {
            let mut client = stage.client();
            let mut count = 0;
            loop {
                assert_eq!(client.query(&format!("SELECT {count}")).value(), count.to_string());
                if over.load(Ordering::Relaxed) {
                    return;
                }
                count += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        rough();
        over.store(true, Ordering::Relaxed);
        served.join().unwrap();
    });
}

#[test]
fn lies_after_the_login_are_told_and_end_the_connection() {
    let stage = Stage::new(1, "");
    let lies: [(&str, Vec<u8>); 14] = [
        ("length 0", vec![b'Q', 0, 0, 0, 0]),
        ("length 3", vec![b'Q', 0, 0, 0, 3]),
        ("length 2^31", vec![b'Q', 0x80, 0, 0, 0]),
        ("length -1", vec![b'Q', 0xff, 0xff, 0xff, 0xff]),
        ("unknown tag", frame(b'z', b"")),
        ("a server's tag", frame(b'Z', b"I")),
        ("a password", frame(b'p', b"secret\0")),
        ("text without end", frame(b'Q', b"SELECT 1")),
        ("empty query body", frame(b'Q', b"")),
        ("parse cut short", frame(b'P', b"a\0SELECT 1\0\0\x05")),
        ("bind without names", frame(b'B', b"")),
        ("describe of nothing", frame(b'D', b"X\0")),
        ("close cut short", frame(b'C', b"Sname")),
        ("sync with a giant length", vec![b'S', 0x7f, 0xff, 0xff, 0xff]),
    ];
    while_others_are_served(&stage, || {
        for (what, bytes) in &lies {
            assert_eq!(said_to(&stage, bytes).code(), "08P01", "{what}");
        }
    });
    stage.check_all_free(1);
}

/// The same inside a transaction and behind complete extended messages: what was open is undone.
#[test]
fn lies_inside_a_transaction_give_the_slot_back() {
    let stage = Stage::new(1, "");
    let before = [
        frames::query("BEGIN; SELECT 1"),
        [frames::query("BEGIN"), frames::query("SELECT 1")].concat(),
        [frames::parse("", "SELECT 1"), frames::bind("", &[]), frames::execute()].concat(),
        [frames::parse("s", "SELECT $1"), frames::bind("s", &["x"])].concat(),
        frames::query("COPY (SELECT 1) TO STDOUT"),
        frames::query("COPY pg_temp.t FROM STDIN"),
    ];
    while_others_are_served(&stage, || {
        for good in &before {
            for bad in [&[b'Q', 0, 0, 0, 0][..], &frame(b'z', b"")] {
                let mut client = stage.client();
                client.send(&[good.as_slice(), bad].concat());
                while client.answer().status.is_some() {}
            }
        }
    });
    stage.check_all_free(1);
}

/// Startup packets that lie or are cut short.
#[test]
fn lies_before_the_login_end_the_connection_alone() {
    let stage = Stage::new(1, "");
    let mut endless = vec![0, 0, 0x10, 0, 0, 3, 0, 0];
    endless.extend(std::iter::repeat_n(b'a', 5000));
    let lies = [
        vec![0, 0, 0, 0],
        vec![0, 0, 0, 3],
        vec![0, 0, 0, 4],
        vec![0x80, 0, 0, 0, 0, 3, 0, 0],
        vec![0x7f, 0xff, 0xff, 0xff, 0, 3, 0, 0],
        vec![0, 0, 0, 8, 0, 9, 0, 0],
        vec![0, 0, 0, 9, 0, 3, 0, 0, 0],
        frames::startup(&[("database", "postgres")]),
        endless,
        frames::query("SELECT 1"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
    ];
    while_others_are_served(&stage, || {
        for bytes in &lies {
            let mut client = Client::silent(stage.port());
            client.send(bytes);
            client.finish();
            let mut rest = Vec::new();
            // A reset is an end as well.
            let _ = client.stream().read_to_end(&mut rest);
        }
    });
    stage.check_all_free(1);
}

/// Messages of a good session with bytes changed, dropped, doubled and swapped.
#[test]
fn random_damage_harms_nobody_else() {
    let seed = Chance::seed();
    let mut chance = Chance::new(seed);
    let stage = Stage::new(2, "");
    stage.client().query("CREATE TABLE t (n int)");
    let good: [Vec<u8>; 9] = [
        frames::query("SELECT 1"),
        frames::parse("s", "SELECT $1::text"),
        frames::bind("s", &["x"]),
        frames::describe(),
        frames::execute(),
        frames::close("s"),
        frames::sync(),
        frames::query("COPY t FROM STDIN"),
        [frame(b'd', b"1\n"), frame(b'c', b"")].concat(),
    ];
    while_others_are_served(&stage, || {
        for _ in 0..150 {
            let mut bytes = Vec::new();
            for _ in 0..chance.below(8) + 1 {
                bytes.extend_from_slice(&good[chance.below(good.len())]);
            }
            for _ in 0..chance.below(3) + 1 {
                let at = chance.below(bytes.len());
                match chance.below(3) {
                    0 => bytes[at] = chance.byte(),
                    1 => drop(bytes.drain(at..)),
                    _ => bytes.insert(at, chance.byte()),
                }
                bytes.push(chance.byte());
            }
            let mut client = stage.client();
            client.send(&bytes);
            client.finish();
            let mut rest = Vec::new();
            let _ = client.stream().read_to_end(&mut rest);
        }
    });
    stage.check_all_free(2);
}

/// Five hundred connections that say nothing, or half of something.
#[test]
fn half_open_connections_delay_nobody() {
    let stage = Stage::new(1, "");
    while_others_are_served(&stage, || {
        let startup = frames::startup(&[("user", "postgres"), ("database", stage.database())]);
        let mut open = Vec::new();
        for n in 0..500 {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, stage.port())).unwrap();
            let _ = stream.write_all(&startup[..n % startup.len()]);
            open.push(stream);
        }
        for _ in 0..5 {
            assert_eq!(stage.client().query("SELECT 7").value(), "7");
        }
    });
    stage.check_all_free(1);
}

/// Half a message, and nothing more: whoever has not finished speaking takes no slot.
#[test]
fn half_a_message_holds_no_slot() {
    let stage = Stage::new(1, "");
    let prepare = [frames::parse("s", "SELECT 1"), frames::sync()].concat();
    let whole = [frames::bind("s", &[]), frames::execute(), frames::sync()].concat();
    let mut clients = Vec::new();
    for cut in [1, 4, 5, 6, 8, 9, 12] {
        let mut client = stage.client();
        client.send(&prepare);
        assert_eq!(client.answer().status, Some(b'I'));
        client.send(&whole[..cut]);
        clients.push((client, cut));
    }
    let mut other = stage.client();
    assert_eq!(other.query("SELECT 7").value(), "7");
    for (client, cut) in &mut clients {
        client.send(&whole[*cut..]);
        assert_eq!(client.answer().value(), "1");
    }
}
