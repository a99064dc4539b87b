//! How soon a slot is used again after an eviction, seen on the wire between Weir and PostgreSQL:
//! `cargo nextest run -p weir --test torture --run-ignored only --no-capture slot_reuse`.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::Console;
use crate::frames;
use crate::stage::{PATIENCE, Stage};

/// Evictions that are measured.
const ROUNDS: usize = 500;

/// What the next client asks, as no other does.
const NEXT: &str = "SELECT 'the next one'";

/// What passed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Weir rolls back.
    Rollback,
    /// PostgreSQL is outside of a transaction.
    Ready,
    /// The next client's statement.
    Next,
}

/// A relay before PostgreSQL that notes when what it waits for comes by.
struct Tap {
    port: u16,
    seen: Receiver<(Instant, Seen)>,
}

impl Tap {
    fn before(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tell, seen) = channel();
        thread::spawn(move || {
            for weir in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { return };
                let ends = (weir.try_clone().unwrap(), server.try_clone().unwrap());
                let (down, up) = (tell.clone(), tell.clone());
                thread::spawn(move || relay(weir, server, &up, asked));
                thread::spawn(move || relay(ends.1, ends.0, &down, answered));
            }
        });
        Self { port, seen }
    }

    /// The next time that this comes by.
    fn next(&self, what: Seen) -> Instant {
        loop {
            let (at, seen) = self.seen.recv_timeout(PATIENCE).unwrap();
            if seen == what {
                return at;
            }
        }
    }
}

fn relay(
    mut from: TcpStream,
    mut to: TcpStream,
    tell: &Sender<(Instant, Seen)>,
    look: fn(&[u8]) -> Option<Seen>,
) {
    to.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // Before it is passed on: what follows from it comes later.
        if let Some(seen) = look(&buffer[..read]) {
            let _ = tell.send((Instant::now(), seen));
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn asked(bytes: &[u8]) -> Option<Seen> {
    let holds = |text: &str| bytes.windows(text.len()).any(|some| some == text.as_bytes());
    if holds(NEXT) { Some(Seen::Next) } else { holds("ROLLBACK").then_some(Seen::Rollback) }
}

fn answered(bytes: &[u8]) -> Option<Seen> {
    bytes.ends_with(b"Z\0\0\0\x05I").then_some(Seen::Ready)
}

fn show(what: &str, mut all: Vec<Duration>) {
    all.sort_unstable();
    let at = |percent: usize| all[(all.len() * percent / 100).min(all.len() - 1)].as_micros();
    println!("{what}: median {} µs, 99 % {} µs, longest {} µs", at(50), at(99), at(100));
}

/// From the order to the next client's statement on the same server connection.
#[test]
#[ignore = "measures"]
fn slot_reuse() {
    let mut tap = None;
    let stage = Stage::through(1, |server| tap.insert(Tap::before(server)).port);
    let tap = tap.unwrap();
    let (mut client, mut waiter) = (stage.client(), stage.client());
    let mut console = Console::of(&stage);
    let (mut decided, mut rolled_back, mut reused) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        client.query("BEGIN");
        let pid = client.query("SELECT pg_backend_pid()").value().to_owned();
        waiter.send(&frames::query(&format!("{NEXT}, pg_backend_pid()")));
        console.doing(&stage, "waiting");
        let victim = console.doing(&stage, "idle in transaction");
        let ordered = Instant::now();
        assert_eq!(console.order("EVICT", &victim).tags, ["EVICT"]);
        let rollback = tap.next(Seen::Rollback);
        let ready = tap.next(Seen::Ready);
        let next = tap.next(Seen::Next);
        assert_eq!(waiter.answer().rows[0][1], pid, "on the same server connection");
        client.query("ROLLBACK");
        decided.push(rollback.saturating_duration_since(ordered));
        rolled_back.push(ready.saturating_duration_since(rollback));
        reused.push(next.saturating_duration_since(ready));
    }
    show("from the order to Weir's ROLLBACK", decided);
    show("from there to PostgreSQL's ReadyForQuery", rolled_back);
    show("from there to the next client's statement", reused);
}
