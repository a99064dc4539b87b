//! Random scripts: what a client says, in parts; each part waits for the replies to those before.

use std::collections::VecDeque;

use super::pair::Chance;
use super::words::client_bytes;

/// What is said at once.
#[derive(Debug, Clone)]
pub(super) struct Step(pub(super) Vec<u8>);

pub(super) struct Script;

/// Statements that may stand anywhere.
const STATEMENTS: [&str; 29] = [
    "insert row",
    "insert row",
    "select 1",
    "select 2",
    "select fail",
    "bad",
    "show mine",
    "show mine",
    "begin",
    "begin",
    "commit",
    "commit",
    "rollback",
    "commit and chain",
    "savepoint a",
    "rollback to a",
    "set x to 1",
    "set x to 2",
    "set y to 3",
    "set local x to 4",
    "reset x",
    "reset all",
    "set role to alice",
    "listen news",
    "unlisten *",
    "select pg_advisory_lock(1)",
    "select pg_advisory_unlock(1)",
    "create temp table t",
    "copy t to stdout",
];

/// Statements with names of their own, for simple queries only.
const NAMED: [&str; 5] =
    ["execute s1", "execute s2", "prepare q1 as select 5", "execute q1", "deallocate q1"];

/// Queries that close statements: they go alone, because names are closed when they are sent.
const CLOSING: [&str; 3] = ["Q deallocate all", "Q discard all", "Q deallocate s1"];

impl Script {
    /// A script of some parts.
    pub(super) fn random(chance: &mut Chance) -> VecDeque<Step> {
        let mut steps = VecDeque::new();
        for _ in 0..1 + chance.below(12) {
            match chance.below(9) {
                0..=2 => steps.push_back(said(&queries(chance))),
                3 => copy(chance, &mut steps),
                4 => {
                    // A pipeline in two parts, with a Flush between.
                    steps.push_back(said(&format!("{} | H", pipeline(chance))));
                    steps.push_back(said(&format!("{} | S", pipeline(chance))));
                }
                5 => {
                    // Names that a pipeline under way changes are not used by the next one: see the
                    // session's module for what differs then.
                    let (one, two) = (unnamed(chance), pipeline(chance));
                    steps.push_back(said(&format!("{one} | S | {two} | S")));
                }
                6..=7 => steps.push_back(said(&format!("{} | S", pipeline(chance)))),
                _ => steps.push_back(said(chance.pick(&CLOSING))),
            }
        }
        steps
    }
}

fn said(words: &str) -> Step {
    Step(client_bytes(words))
}

/// One to three simple queries at once.
fn queries(chance: &mut Chance) -> String {
    let queries: Vec<String> = (0..1 + chance.below(3)).map(|_| query(chance)).collect();
    queries.join(" | ")
}

fn query(chance: &mut Chance) -> String {
    if chance.one_in(4) {
        return format!("Q {}", chance.pick(&NAMED));
    }
    let parts = if chance.one_in(3) { 1 + chance.below(3) } else { 1 };
    let parts: Vec<&str> = (0..parts).map(|_| chance.pick(&STATEMENTS)).collect();
    format!("Q {}", parts.join("; "))
}

/// One to four things in the extended protocol, without a Sync.
fn pipeline(chance: &mut Chance) -> String {
    let parts: Vec<String> = (0..1 + chance.below(4)).map(|_| extended(chance)).collect();
    parts.join(" | ")
}

fn extended(chance: &mut Chance) -> String {
    let text = chance.pick(&STATEMENTS);
    let name = chance.pick(&["s1", "s2", "s3"]);
    match chance.below(7) {
        0 => format!("P {name} {text}"),
        1 => format!("P {name} {text} | B {name} | E"),
        2 => format!("B {name} | E"),
        3 => format!("C S {name}"),
        4 => format!("D S {name}"),
        _ => unnamed(chance),
    }
}

/// Something without a name.
fn unnamed(chance: &mut Chance) -> String {
    format!("P - {} | B - | D P - | E", chance.pick(&STATEMENTS))
}

/// COPY from the client, in either protocol, at once or after the server is ready for it.
fn copy(chance: &mut Chance, steps: &mut VecDeque<Step>) {
    let row = chance.pick(&["row", "row", "wrong"]);
    let end = chance.pick(&["c", "c", "f"]);
    let begin = chance.pick(&[
        "Q copy t from stdin",
        "P - copy t from stdin | B - | E",
        "P - copy t from stdin | B - | E | S",
        "P - copy t from stdin | B - | E | H",
    ]);
    let rest = if begin.starts_with('Q') {
        format!("d row | d {row} | {end}")
    } else {
        format!("d row | d {row} | {end} | S")
    };
    if chance.one_in(2) {
        steps.push_back(said(&format!("{begin} | {rest}")));
    } else {
        steps.push_back(said(begin));
        steps.push_back(said(&rest));
    }
}
