//! The ledger's history: what was reported stands, whatever becomes of the process.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Scratch, Signal, output_within, until};

use crate::stage::{PATIENCE, Stage, beside};

const EVERY_SECOND: &str = "[ledger]\nhistory_every = \"1s\"\n[pool]\nsize = 4\n";

/// What `weir ledger` reads from a state directory.
fn stored(dir: &Path) -> Vec<Value> {
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    weir.args(["ledger", "--json", "--since", "1h", "--state-dir"]).arg(dir);
    let answer = output_within(PATIENCE, &mut weir).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["stretches"].as_array().unwrap().clone()
}

/// What a running proxy reports; nothing where it has just gone.
fn reported(stage: &Stage) -> Vec<Value> {
    let answer = stage.http_or_nothing("/api/v1/ledger/history?since=1h");
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return Vec::new() };
    assert_eq!(answer["in_memory"], 0, "the disk took everything");
    answer["stretches"].as_array().unwrap().clone()
}

fn seconds(stretch: &Value, phase: &str) -> f64 {
    stretch["phase_seconds"][phase].as_f64().unwrap()
}

#[test]
fn the_history_says_who_had_the_time_and_is_read_with_and_without_the_proxy() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut stage = Stage::keeping(home.path(), EVERY_SECOND);
    let mut client = stage.client();
    client.query("BEGIN").unwrap();
    client.query("SELECT 42 /*route='/cart'*/").unwrap();
    std::thread::sleep(Duration::from_millis(300));
    client.query("SELECT 43").unwrap();
    client.query("COMMIT").unwrap();
    let is_there = |stretch: &Value| {
        let gaps = stretch["gaps"].as_array().unwrap();
        gaps.iter().any(|gap| {
            gap["route"] == "/cart"
                && gap["before"] == "select ?"
                && gap["seconds"].as_f64().unwrap() >= 0.3
        })
    };
    until("the gap to be in the history", PATIENCE, || {
        Ok(reported(&stage).iter().any(is_there).then_some(()))
    })
    .unwrap();
    let before = stored(home.path());
    stage.weir.signal(Signal::TERM).unwrap();
    assert!(stage.weir.wait().unwrap().success());
    let after = stored(home.path());
    assert_eq!(after[..before.len()], before, "what was stored stays as it was");
    assert!(after.len() > before.len(), "a stop writes the stretch under way");
    for stretch in &after {
        let phases = stretch["phase_seconds"].as_object().unwrap();
        let sum: f64 = phases.values().map(|value| value.as_f64().unwrap()).sum();
        let open = stretch["open_seconds"].as_f64().unwrap();
        assert!((sum - open).abs() < 1e-6, "phases {sum} s, open {open} s: {stretch}");
    }
    assert!(after.iter().map(|one| seconds(one, "idle_in_transaction")).sum::<f64>() >= 0.3);
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    weir.args(["ledger", "--state-dir"]).arg(home.path());
    let tables = output_within(PATIENCE, &mut weir).unwrap();
    assert!(tables.contains("/cart") && tables.contains("idle_in_transaction"), "{tables}");
}

#[test]
fn every_stretch_that_was_reported_stands_after_kill_9_under_load() {
    let home = Scratch::new(Account::own()).unwrap();
    let mut known: Vec<Value> = Vec::new();
    // Each round is killed at another moment after its first report.
    for round in 0..4_u32 {
        let mut stage = Stage::keeping(home.path(), EVERY_SECOND);
        let ended = Arc::new(AtomicBool::new(false));
        let load: Vec<_> = (0..4)
            .map(|_| {
                let (mut client, ended) = (stage.client(), Arc::clone(&ended));
                beside(move || {
                    while !ended.load(Ordering::Relaxed)
                        && client.query("BEGIN; SELECT 1 /*route='/load'*/").is_ok()
                        && client.query("COMMIT").is_ok()
                    {}
                })
            })
            .collect();
        let new = |all: &[Value]| all.len() > known.len();
        let mut seen = until("a stretch of this round", PATIENCE, || {
            let all = reported(&stage);
            Ok(new(&all).then_some(all))
        })
        .unwrap();
        // Not to be in step with the stretches.
        for _ in 0..round * 7 {
            let all = reported(&stage);
            assert!(all.len() >= seen.len());
            seen = all;
        }
        stage.weir.signal(Signal::KILL).unwrap();
        stage.weir.wait().unwrap();
        ended.store(true, Ordering::Relaxed);
        load.into_iter().for_each(crate::stage::Underway::end);
        assert_eq!(seen[..known.len()], known, "round {round}: what an earlier one reported");
        known = stored(home.path());
        assert_eq!(known[..seen.len()], seen, "round {round}: what was reported is on disk");
    }
    let routes: Vec<&Value> =
        known.iter().flat_map(|stretch| stretch["routes"].as_array().unwrap()).collect();
    assert!(routes.iter().any(|route| route["route"] == "/load"));
}

#[test]
fn a_disk_that_takes_nothing_is_told_of_once_and_the_history_goes_on() {
    let home = Scratch::new(Account::own()).unwrap();
    // Nobody, not even root, can write a file where a directory is.
    std::fs::create_dir(home.path().join("ledger.db")).unwrap();
    let stage = Stage::keeping(home.path(), EVERY_SECOND);
    let mut client = stage.client();
    // What is in memory is answered with why the rest is missing.
    let in_memory = || {
        let answer = stage.http("/api/v1/ledger/history", "");
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        serde_json::from_str::<Value>(&body).unwrap()["in_memory"].as_u64().unwrap_or(0)
    };
    until("three stretches in memory", PATIENCE, || {
        client.query("SELECT 1")?;
        Ok((in_memory() >= 3).then_some(()))
    })
    .unwrap();
    let log = stage.weir.log();
    let told = log.matches("the ledger's history is kept in memory").count();
    assert_eq!(told, 1, "{log}");
}

#[test]
fn a_time_that_cannot_be_read_is_refused_with_what_to_write() {
    let stage = Stage::new();
    let answer = stage.http("/api/v1/ledger/history?since=yesterday", "");
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("since: "), "{answer}");
}
