//! The steady relay allocates nothing: a gate that no noise can move.
//!
//! Sessions and pools are driven as a worker drives them, many clients over few server
//! connections, for thousands of transactions. Once everything has grown to its size, not one
//! allocation may follow.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod peer;
mod relay;

use relay::Relay;
use weir_core::pool::Pools;
use weir_core::session::SessionSettings;

/// Transactions of each client before allocations count, and while they do.
const WARM_UP: usize = 50;
const COUNTED: usize = 500;

const CLIENTS: usize = 8;

/// One transaction: what a client sends, each part once the part before it is answered.
type Script = &'static [fn(&mut Vec<u8>)];

fn check(name: &str, servers: u32, opening: Script, transaction: Script) {
    let settings = SessionSettings::default();
    let mut relay = Relay::new(Pools::new(), CLIENTS, servers, "", &settings);
    relay.run(opening, 1);
    relay.run(transaction, WARM_UP);
    let before = relay.transactions();
    let counts = allocation_counter::measure(|| relay.run(transaction, COUNTED));
    assert_eq!(relay.transactions() - before, (CLIENTS * COUNTED) as u64, "{name}");
    assert_eq!(counts.count_total, 0, "{name}: {counts:?}");
    let (drift, gaps) = relay.ledger();
    assert_eq!(drift, 0, "{name}: the ledger's phases add up");
    let expected = transaction.len().saturating_sub(2) * CLIENTS * (WARM_UP + COUNTED);
    assert_eq!(gaps, expected as u64, "{name}: gaps between statements");
}

fn simple(out: &mut Vec<u8>) {
    peer::query(out, "SELECT abalance FROM pgbench_accounts WHERE aid = 4711 /*route='list'*/");
}

fn begin(out: &mut Vec<u8>) {
    peer::query(out, "BEGIN");
}

fn commit(out: &mut Vec<u8>) {
    peer::query(out, "COMMIT");
}

fn extended(out: &mut Vec<u8>) {
    peer::parse(out, "", "SELECT abalance FROM pgbench_accounts WHERE aid = $1");
    peer::execute(out, "");
}

fn prepare(out: &mut Vec<u8>) {
    peer::parse(out, "P0_1", "SELECT abalance FROM pgbench_accounts WHERE aid = $1");
    peer::sync(out);
}

fn prepared(out: &mut Vec<u8>) {
    peer::execute(out, "P0_1");
}

/// A server connection for each client, and a quarter of that, so that most of them queue.
const SERVERS: [u32; 2] = [8, 2];

#[test]
fn simple_queries() {
    for servers in SERVERS {
        check("simple", servers, &[], &[simple]);
    }
}

#[test]
fn transactions_of_several_statements() {
    for servers in SERVERS {
        check("transaction", servers, &[], &[begin, simple, simple, commit]);
    }
}

#[test]
fn extended_queries() {
    for servers in SERVERS {
        check("extended", servers, &[], &[extended]);
    }
}

#[test]
fn prepared_statements() {
    for servers in SERVERS {
        check("prepared", servers, &[prepare], &[prepared]);
    }
}
