//! A refusal opens an incident, which is read from the state directory while the proxy runs.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use weir_testkit::{Account, Scratch, Session, Signal, output_within, until};

use crate::load::Load;
use crate::stage::{PATIENCE, Stage};

fn weir(dir: &Path, words: &[&str]) -> String {
    let mut weir = Command::new(env!("CARGO_BIN_EXE_weir"));
    weir.args(words).arg("--state-dir").arg(dir);
    output_within(PATIENCE, &mut weir).unwrap()
}

#[test]
fn a_refused_request_opens_an_incident_that_can_be_read_at_once() {
    let home = Scratch::new(Account::own()).unwrap();
    let more = "[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n";
    let stage = Stage::keeping(home.path(), more);
    let _holder = stage.holder();
    // The first look only sets the beginning, so one refusal could be too early.
    let incident = until("an incident with a refusal", PATIENCE, || {
        stage.client().query("SELECT 2").unwrap_err();
        let list: Value =
            serde_json::from_str(&weir(home.path(), &["incident", "list", "--json"]))?;
        let refused = list[0]["impact"]["refused"].as_u64().unwrap_or(0);
        Ok((refused > 0).then(|| list[0].clone()))
    })
    .unwrap();
    assert_ne!(incident["state"], "closed");
    let id = incident["id"].as_str().unwrap();
    let shown = weir(home.path(), &["incident", "show", id]);
    assert!(
        shown.contains("Incident opened") && shown.contains("First requests refused"),
        "{shown}"
    );
    let report = weir(home.path(), &["incident", "report", "--format", "html", "--lang", "zh"]);
    assert!(report.contains(id) && report.contains("首次拒绝请求"), "{report}");
}

#[test]
fn a_stop_says_which_alerts_were_not_sent() {
    let home = Scratch::new(Account::own()).unwrap();
    // Nobody listens on port 1.
    let more = "[pool]\nsize = 1\nquery_wait_timeout = \"50ms\"\n\
                [alerts.dead]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n";
    let mut stage = Stage::keeping(home.path(), more);
    let holder = stage.holder();
    until("a try to tell", PATIENCE, || {
        stage.client().query("SELECT 2").unwrap_err();
        Ok(stage.weir.log().contains("alert not delivered").then_some(()))
    })
    .unwrap();
    assert!(!stage.weir.log().contains("alert given up"));
    drop(holder);
    stage.weir.signal(Signal::TERM).unwrap();
    assert!(stage.weir.wait().unwrap().success());
    assert!(stage.weir.log().contains("alert given up"), "{}", stage.weir.log());
}

/// Calls somebody slow inside of its transaction.
fn pay(client: &mut Session) -> anyhow::Result<()> {
    client.query("BEGIN")?;
    client.query("SELECT 1 /*route='/pay'*/")?;
    std::thread::sleep(Duration::from_millis(900));
    client.query("COMMIT").map(drop)
}

fn browse(client: &mut Session) -> anyhow::Result<()> {
    std::thread::sleep(Duration::from_millis(40));
    client.query("SELECT pg_sleep(0.005) /*route='/browse'*/").map(drop)
}

/// The share of innocent requests served soon under a rule, percent: the first such line of a
/// table in `text`.
fn innocent(text: &str, rule: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(rule));
    let cell = line.and_then(|line| line.split_whitespace().next());
    cell.and_then(|cell| cell.parse().ok()).unwrap_or_else(|| panic!("no {rule} in\n{text}"))
}

#[test]
fn a_recorded_incident_is_played_again_with_other_rules_and_other_code() {
    let home = Scratch::new(Account::own()).unwrap();
    let more =
        "[ledger]\nhistory_every = \"1s\"\n[pool]\nsize = 3\nquery_wait_timeout = \"300ms\"\n";
    let mut stage = Stage::keeping(home.path(), more);
    let mut load = Load::new();
    load.add(&stage, 6, pay);
    load.add(&stage, 4, browse);
    until("an incident of four seconds", PATIENCE, || {
        let list: Value =
            serde_json::from_str(&weir(home.path(), &["incident", "list", "--json"]))?;
        let lasted = list[0]["impact"]["lasted_ms"].as_u64().unwrap_or(0);
        Ok((lasted >= 4_000).then_some(()))
    })
    .unwrap();
    load.end();
    let chapters = |page: &str| -> Vec<String> {
        let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
        headings.map(|heading| heading.trim().to_owned()).collect()
    };
    until("the same chapters over HTTP", PATIENCE, || {
        let here = chapters(&weir(home.path(), &["incident", "report"]));
        let there = chapters(&stage.http("/api/v1/incidents/latest/report?format=md&lang=en", ""));
        let whole = ["Routes while it lasted", "What would have happened otherwise"];
        let all = whole.iter().all(|chapter| here.iter().any(|heading| heading == chapter));
        Ok((all && here == there).then_some(()))
    })
    .unwrap();
    // The record is complete, and stays as it is.
    stage.weir.signal(Signal::TERM).unwrap();
    assert!(stage.weir.wait().unwrap().success());
    let text = weir(home.path(), &["incident", "what-if"]);
    let (as_it_was, outside) = text.split_once("The same with the call of /pay").unwrap();
    assert!(as_it_was.contains("/browse") && as_it_was.contains("idle killer"), "{text}");
    for rule in ["fifo 120 s", "fifo 1 s"] {
        let (before, then) = (innocent(as_it_was, rule), innocent(outside, rule));
        assert!(then > before && then >= 99.0, "{rule}: {before} %, then {then} %:\n{text}");
    }
    let report = weir(home.path(), &["incident", "report"]);
    assert!(report.contains("call outside of the transaction"), "{report}");
    let scenario = weir(home.path(), &["incident", "what-if", "--scenario"]);
    std::fs::write(home.path().join("again.toml"), scenario).unwrap();
    let mut simulate = Command::new(env!("CARGO_BIN_EXE_weir"));
    simulate.arg("simulate").arg(home.path().join("again.toml"));
    let simulated = output_within(PATIENCE, &mut simulate).unwrap();
    assert_eq!(innocent(&simulated, "fifo 1 s"), innocent(as_it_was, "fifo 1 s"));
}
