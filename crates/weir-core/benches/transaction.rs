//! User instructions of one transaction in session, pool, dispatch and ledger, without sockets:
//! `cargo bench -p weir-core --bench transaction`. Needs valgrind.
//!
//! The harness (both peers, and a worker without sockets) counts as well, the same each time: a
//! difference between two figures is the core's, and between two columns the ledger's.
//! `… --bench transaction -- simple 1000 with` runs one form alone, to be profiled; `without` does
//! so without the ledger.

#![expect(clippy::disallowed_methods, reason = "it runs itself under valgrind")]
#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]
#![expect(clippy::unwrap_used, reason = "a measurement may fail where it stands")]

#[path = "../tests/steady_relay/peer.rs"]
mod peer;
#[path = "../tests/steady_relay/relay.rs"]
mod relay;

use std::cell::Cell;
use std::process::Command;

use relay::Relay;
use weir_core::pool::Pools;
use weir_core::session::SessionSettings;

/// One transaction: what a client sends, each part once the part before it is answered.
type Script = &'static [fn(&mut Vec<u8>)];

/// What clients do once, and what they repeat.
const FORMS: [(&str, Script, Script); 4] = [
    ("simple", &[], &[simple]),
    ("extended", &[], &[extended]),
    ("prepared", &[prepare], &[prepared]),
    ("block", &[], &[begin, simple, simple, commit]),
];

/// As many clients and slots as the gates have.
const CLIENTS: usize = 8;
const SERVERS: u32 = 20;

/// Transactions of each client in the two runs that are compared.
const ROUNDS: [usize; 2] = [500, 1500];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [form, rounds, ledger] = &words[..] {
        let pools = if ledger == "with" { Pools::new() } else { Pools::without_ledger() };
        return run(form, rounds.parse().unwrap(), pools);
    }
    println!("{:<10} {:>12} {:>14}", "form", "instructions", "without ledger");
    for (form, ..) in FORMS {
        let [with, without] = ["with", "without"].map(|ledger| {
            let [less, more] = ROUNDS.map(|rounds| counted(form, rounds, ledger));
            (more - less) / (CLIENTS * (ROUNDS[1] - ROUNDS[0])) as u64
        });
        println!("{form:<10} {with:>12} {without:>14}");
    }
}

fn run(name: &str, rounds: usize, pools: Pools) {
    let (_, opening, transaction) = *FORMS.iter().find(|(form, ..)| *form == name).unwrap();
    let settings = SessionSettings::default();
    let mut relay = Relay::new(pools, CLIENTS, SERVERS, "pgbench", &settings);
    relay.run(opening, 1);
    relay.run(transaction, rounds);
    assert!(relay.transactions() >= (CLIENTS * rounds) as u64, "{name}");
    assert_eq!(relay.ledger().0, 0, "{name}: the ledger's phases add up");
}

/// Instructions of a whole run.
fn counted(form: &str, rounds: usize, ledger: &str) -> u64 {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe().unwrap()).args([form, &rounds.to_string(), ledger]);
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    let total = words.lines().find_map(|line| line.split_once("Collected : "));
    total.unwrap_or_else(|| panic!("{words}")).1.trim().parse().unwrap()
}

thread_local! {
    static ACCOUNT: Cell<u32> = const { Cell::new(0) };
}

/// pgbench's statement, with another account each time.
fn simple(out: &mut Vec<u8>) {
    let mut text = *b"SELECT abalance FROM pgbench_accounts WHERE aid = 00000;";
    let mut rest = ACCOUNT.replace((ACCOUNT.get() + 7919) % 90_000) + 10_000;
    for place in text[50..55].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    peer::query(out, std::str::from_utf8(&text).unwrap());
}

fn begin(out: &mut Vec<u8>) {
    peer::query(out, "BEGIN");
}

fn commit(out: &mut Vec<u8>) {
    peer::query(out, "COMMIT");
}

fn extended(out: &mut Vec<u8>) {
    peer::parse(out, "", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;");
    peer::execute(out, "");
}

fn prepare(out: &mut Vec<u8>) {
    peer::parse(out, "P0_1", "SELECT abalance FROM pgbench_accounts WHERE aid = $1;");
    peer::sync(out);
}

fn prepared(out: &mut Vec<u8>) {
    peer::execute(out, "P0_1");
}
